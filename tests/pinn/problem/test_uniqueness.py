"""Linear boundary value problems with many solutions or none, in one coordinate."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from pinn import Box, Condition, Problem
from pinn.problem.uniqueness import check_uniqueness
from sciformer.errors import UsageError
from tests.pinn.problem.small import line, u, x

PI, k = sympy.pi, sympy.Symbol("k")
MEAN = sympy.Integral(u, (x, 0, 1))
U1, U2, U4 = u.diff(x), u.diff(x, 2), u.diff(x, 4)


@pytest.mark.parametrize(
    "problem",
    [
        line(U2 + PI**2 * u - sympy.sin(PI * x), (u, 0, 0), (u, 0, 1)),
        line(U2 + 4 * PI**2 * u, (u, 1, 0), (u, 1, 1)),
        line(U2 + k * u - x, (u, 0, 0), (u, 0, 1), parameters={k: 9 * PI**2}),
        line(U2 + PI**2 / 4 * u, (u, 0, 0), (U1, 1, 1)),
        line(U2 - 1, (U1 + u, 0, 0), (u, 0, 1)),
        line(U4 + PI**2 * U2 - 1, (u, 0, 0), (U2, 0, 0), (u, 0, 1), (U2, 0, 1)),
        line(x**2 * U2 + U2 + 2 * x * U1 - 1, (U1, 0, 0), (U1, 1, 1)),
        line(U1 + sympy.cos(2 * PI * x) * (u - 1), (u - u.subs(x, 1), 0, 0)),
        line(U2 - 1, (sympy.Integral(U2, (x, 0, 1)), 5, 0), (u, 0, 0)),
        line(u - 3 * x * sympy.Integral(x * u, (x, 0, 1)) - 1 + 3 * x / 2),
        line(U2 + 12 * MEAN - PI * sympy.sin(PI * x), (u, 0, 0), (u, 0, 1)),
        line(U1 - 2 * MEAN - sympy.cos(2 * PI * x), (u, 0, 0)),
    ],
)
def test_a_resonance_is_refused(problem: Problem) -> None:
    """sin(pi x), sin(2 pi x), sin(3 pi x), sin(pi x / 2), 1 - x, sin(pi x), 1 may be added; where
    places are linked, exp(-sin(2 pi x) / 2 pi), x, x, x (1 - x), x may.

    Kills: slopes in other units than values, a row of the wrong end, parameters without values,
    numbers in the equation left out, first orders left out, a highest derivative left out.
    """
    with pytest.raises(UsageError, match=r"^mine: .* many solutions or none"):
        check_uniqueness(problem)


@pytest.mark.parametrize(
    "problem",
    [
        line(U2 + PI**2 * u - 1, (u, 0, 0), (U1, 0, 1)),
        line(U2 + 9.87 * u - 1, (u, 0, 0), (u, 0, 1)),  # pi^2 is 9.8696
        line(U2 + u**2, (u, 0, 0), (u, 1, 1)),
        line(U2 + PI**2 * u, (u, 0, 0), (U1, 1, 0)),
        line(U2 - 10**8 * u, (u, 0, 0), (u, 1, 1)),
        line(U4 - 10**6 * u, (u, 0, 0), (U1, 0, 0), (u, 1, 1), (U1, 0, 1)),
        line(x * U2 + U1 + x * u, (u, 1, 0), (u, 0, 1)),
        line(u - 2 * x * sympy.Integral(x * u, (x, 0, 1)) - 1),
        line(U2 + 10**6 * MEAN - 1, (u, 0, 0), (u, 0, 1)),
        line(U2 - 11.9 * MEAN - 1, (u, 0, 0), (u, 0, 1)),
        line(x * U1 - MEAN, (u, u.subs(x, 1) / 2, 0)),
        line(U2 + u * sympy.Piecewise((1, x < 1 / 2), (2, True)), (u, 0, 0), (u, 1, 1)),
    ],
)
def test_others_pass(problem: Problem) -> None:
    """Kills: growth taken for dependence, a tolerance of a percent."""
    check_uniqueness(problem)


def test_units_change_nothing() -> None:
    for unit in (1e-6, 1e6):
        with pytest.raises(UsageError, match=r"many solutions or none"):
            check_uniqueness(_in_units(unit))
        check_uniqueness(_in_units(unit, 1.001))


def _in_units(unit: float, factor: float = 1.0) -> Problem:
    given: Any = [Condition(sympy.Eq(u, 0), on=f"x={end}") for end in (0, unit)]
    equation = U2 + factor * (PI / unit) ** 2 * u - 1
    return Problem("mine", x, u, equation, Box(x=(0, unit)), given)
