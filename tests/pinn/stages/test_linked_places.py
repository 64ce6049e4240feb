"""Problems whose equations and conditions hold values at other places, solved."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from sympy import Integral, Rational, cos, exp, pi, sin

import pinn
from tests.pinn.problem.small import line, moving, t, u, w, x

s = sympy.Symbol("s")
SMALL = pinn.MLP.Sizes(width=12)
START = exp(sin(2 * pi * x))

PROBLEMS: dict[str, Any] = {
    # u'' + u'(1) - u'(0) + 2 = 0: read as if the slopes were those at x, u(1/2) would be 1/4.
    "both slopes in an equation": lambda: line(
        u.diff(x, 2) + u.diff(x).subs(x, 1) - u.diff(x).subs(x, 0) + 2, (u, 0, 0), (u, 0, 1),
        exact={u: x * (1 - x) / 2},
    ),
    "a mean in place of a value": lambda: line(
        u.diff(x, 2) + pi**2 * cos(pi * x), (u.diff(x), 0, 0), (Integral(u, (x, 0, 1)), 1, 1),
        exact={u: cos(pi * x) + 1},
    ),
    "a Fredholm equation": lambda: line(
        u - x * Integral(s * sympy.Function("u")(s), (s, 0, 1)) - exp(x) + x, exact={u: exp(x)}
    ),
    "ends that are one place": lambda: moving(
        w.diff(t) + w.diff(x) / 2, (w, START, "t=0"), (w, w.subs(x, 1), "x=0"),
        exact={w: START.subs(x, x - t / 2)},
    ),
    "a source from elsewhere": lambda: moving(
        w.diff(t) - w.diff(x, 2) / 10 - (w.subs(x, Rational(1, 2)) - exp(-(pi**2) * t / 10)) / 5,
        (w, sin(pi * x), "t=0"), (w, 0, "x=0"), (w, 0, "x=1"),
        exact={w: sin(pi * x) * exp(-(pi**2) * t / 10)},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "iterations"),
    [
        ("both slopes in an equation", 10),
        ("ends that are one place", 40),
    ],
)
def test_linked_places_are_trained_to_their_exact_solution(name: str, iterations: int) -> None:
    """Kills: values elsewhere taken at the point, Jacobians that leave out what is elsewhere."""
    solved = pinn.solve(
        PROBLEMS[name](), network=SMALL, iterations=iterations, digits=None, progress=False
    )
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 2e-3


@pytest.mark.slow
def test_an_unknown_in_a_kernel_is_found() -> None:
    """u' = u + 2 - k int s u ds, u(0) = 1, u(1) = e: int s exp(s) ds = 1, so that k = 2.

    Kills: an unknown inside an integral that keeps its start, or has no column in the Jacobian.
    """
    k = sympy.Symbol("k")
    kernel = Integral(k * s * sympy.Function("u")(s), (s, 0, 1))
    problem = line(
        u.diff(x) - u + kernel - 2, (u, 1, 0), (u, sympy.E, 1),
        unknown={k: pinn.Unknown(size=1, start=1)},
    )  # fmt: skip
    solved = pinn.solve(
        problem, network=pinn.MLP.Sizes(width=8), iterations=15, digits=None, progress=False
    )
    assert solved.solution.parameters["k"] == pytest.approx(2, rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_wide_layer_knows_linked_places(name: str) -> None:
    """Kills: a wide layer that ignores what is elsewhere."""
    solved = pinn.solve(PROBLEMS[name](), network=SMALL, iterations=15, progress=False)
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 1e-4
