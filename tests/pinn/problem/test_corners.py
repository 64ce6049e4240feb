"""Values on two parts of a boundary that differ where the parts meet."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

import pinn
from pinn import Ansatz, Box, Condition, Disc, Polygon, Problem, Unknown
from pinn.networks import MLP
from pinn.problem.corners import jumps_at_corners
from pinn.training.verdict import Outcome

x, y, t, k = sympy.symbols("x y t k")
u = sympy.Function("u")(x, y)
w = sympy.Function("w")(x, t)
v = sympy.Function("v")(x, y, t)
LAPLACE = u.diff(x, 2) + u.diff(y, 2)
SQUARE = Box(x=(0, 1), y=(0, 1))
L_SHAPE = Polygon([(0, 0), (1, 0), (1, 0.5), (0.5, 0.5), (0.5, 1), (0, 1)])
BITTEN = Box(x=(0, 2), y=(0, 2)) - Box(x=(1, 2), y=(1, 2))


def plane(domain: Any, *given: tuple[Any, str], **more: Any) -> Problem:
    conditions = [Condition(sympy.Eq(u, value), on=name) for value, name in given]
    return Problem("mine", (x, y), u, LAPLACE, domain, conditions, **more)


def heated(start: Any, *given: tuple[Any, str], length: float = 1.0, **more: Any) -> Problem:
    conditions = [Condition(sympy.Eq(w, start), on="t=0")]
    conditions += [Condition(sympy.Eq(left, 0), on=name) for left, name in given]
    domain = Box(x=(0, length), t=(0, 1))
    return Problem("mine", (x, t), w, w.diff(t) - w.diff(x, 2), domain, conditions, **more)


DRUM = Problem(
    "mine", (x, y, t), v, v.diff(t) - v.diff(x, 2) - v.diff(y, 2),
    Disc(1, x=0, y=0) * Box(t=(0, 1)),
    [Condition(sympy.Eq(v, 3 + t), on="circle"), Condition(sympy.Eq(v, 1), on="t=0")],
)  # fmt: skip
JUMPS = {
    "two sides": (plane(SQUARE, (0, "x=0"), (1, "y=0")), 1.0, (0, 0)),
    "a side and a sloping one": (plane(SQUARE, (x, "y=1"), (3 + y, "x=1")), 3.0, (1, 1)),
    "start and wall": (heated(20, (w - 100, "x=1")), 80.0, (1, 0)),
    "a factor before the field": (heated(20, (2 * w - 200, "x=0")), 80.0, (0, 0)),
    "nanometres": (heated(1e-9 * x, (w - 3e-9, "x=0"), length=1e-9), 3e-9, (0, 0)),
    "a value without bound": (heated(0, (w - sympy.log(t), "x=0")), float("inf"), (0, 0)),
    "a parameter": (heated(k, (w, "x=0"), parameters={k: 4.0}), 4.0, (0, 0)),
    "edges of a polygon": (plane(L_SHAPE, (0, "polygon:1"), (1, "polygon:2")), 1.0, (1, 0.5)),
    "a circle and its chord": (
        plane(Disc(1, x=0, y=0) & Box(x=(-1, 1), y=(0, 1)), (0, "circle"), (1 + x, "y=0")),
        2.0,
        (1, 0),
    ),
    "a bite": (plane(BITTEN, (0, "x=2"), (5, "y=1")), 5.0, (2, 1)),
    "a rim and its start": (DRUM, 2.0, None),
}
SOUND = {
    "values that meet": plane(SQUARE, (0, "x=0"), (x, "y=0"), (1, "x=1")),
    "five digits of pi": heated(sympy.sin(3.14159 * x), (w, "x=0"), (w, "x=1")),
    "opposite sides": plane(SQUARE, (0, "x=0"), (1, "x=1")),
    "a slope": heated(20, (w.diff(x), "x=0")),
    "heat that is given off": heated(20, (w.diff(x) - w, "x=0")),
    "a value to be found": heated(1, (w - k, "x=0"), unknown={k: Unknown(1.0)}),
    "edges that do not meet": plane(L_SHAPE, (0, "polygon:0"), (1, "polygon:2")),
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_has_its_size_and_its_place(name: str) -> None:
    """Kills: corners of boxes only, or of space only; a size in the units at hand; values compared
    somewhere else; the sign or factor of a condition."""
    problem, size, place = JUMPS[name]
    [jump] = jumps_at_corners(problem)
    assert jump.size == pytest.approx(size, rel=1e-6)
    if place is not None:
        extent = [high - low for low, high in problem.domain.intervals.values()]
        gaps = [(a - b) / e for a, b, e in zip(jump.place, place, extent, strict=True)]
        assert max(map(abs, gaps)) < 1e-6


@pytest.mark.parametrize("name", SOUND)
def test_what_meets_or_gives_no_value_is_left_alone(name: str) -> None:
    """Kills: rounding taken for a jump, slopes for values, parts that only end on one line."""
    assert jumps_at_corners(SOUND[name]) == []


def test_a_jump_that_an_ansatz_has_is_its_users_affair() -> None:
    """Kills: a remedy that is said again when it was followed."""
    angle = 2 * sympy.atan2(y, x) / sympy.pi
    given = [Condition(sympy.Eq(u, value), on=on) for value, on in ((1, "x=0"), (0, "y=0"))]
    built = Problem(
        "mine", (x, y), u, LAPLACE, Box(x=(0, 1), y=(0, 1)), given,
        ansatz={u: Ansatz(angle, x * y)},
    )  # fmt: skip
    assert jumps_at_corners(built) == []


def test_check_and_verdict_say_it() -> None:
    """Kills: a jump that is found and not said; a verdict without it, or a calm one; the remedy for
    each corner again."""
    problem = plane(SQUARE, (0, "x=0"), (1, "y=0"), (0, "x=1"), (0, "y=1"))
    found = problem.check()
    assert found.missing == ""
    assert len(found.doubts) == 3
    assert "0 on x=0 and 1 on y=0, a jump of 1 at the corner (0, 0)" in str(found)
    assert str(found).count("Let one value go over into the other") == 1
    settings = pinn.Settings(network=MLP.Sizes(width=4, layers=1), points=0.05, digits=None)
    verdict = pinn.solve(problem, settings, iterations=1, progress=False).verdict
    assert verdict.outcome is not Outcome.CONVERGED
    assert "a jump of 1 at the corner (0, 0)" in verdict.reasons[0]
    assert verdict.remedy.startswith("Let one value go over into the other")
