"""Conditions are counted: too few, contradictory and meaningless problems get a sentence."""

from __future__ import annotations

import math

import pytest
import sympy

from pinn.geometry.box import Box
from pinn.problem.orders import conditions_needed
from pinn.problem.parts import Unknown
from pinn.problem.problem import Problem
from pinn.problem.wellposed import check_conditions
from sciformer.errors import UsageError
from tests.pinn.problem.small import line, moving

x, t, z, k = sympy.symbols("x t z k")
u, v = (sympy.Function(name)(x) for name in "uv")
w = sympy.Function("w")(x, t)
HALF = sympy.Rational(1, 2)
LAYERS = sympy.Piecewise((1, x < HALF), (10, True))


ENDS = [(u, 0, 0), (u, 1, 1)]
START = (w, sympy.sin(math.pi * x) + 1, "t=0")
WELL_POSED = {
    "cantilever": line(
        u.diff(x, 4) + 1, (u, 0, 0), (u.diff(x), 0, 0), (u.diff(x, 2), 0, 1), (u.diff(x, 3), 0, 1)
    ),
    "initial value problem in x": line(u.diff(x, 2) + u, (u, 1, 0), (u.diff(x), 0, 0)),
    "flux form": line([sympy.Eq(v, LAYERS * u.diff(x)), v.diff(x)], *ENDS, fields=(u, v)),
    "divided by what jumps": line(u.diff(x, 2) + u / LAYERS, *ENDS),
    "smooth spline": line(
        sympy.Piecewise((x**3, x < HALF), (x**3, True)) * u.diff(x, 2) + 1, *ENDS
    ),
    "inflow": moving(w.diff(t) + 3 * w.diff(x), START, (w, 1, "x=0")),
    "flow to the left": moving(w.diff(t) - 3 * w.diff(x), START, (w, 1, "x=1")),
    "flow that leaves at both ends": moving(w.diff(t) + (x - HALF) * w.diff(x), START),
    "unknown direction": moving(w.diff(t) + w * w.diff(x), START),
    "periodic": moving(w.diff(t) + w.diff(x), START, periodic="x"),
    "gauge": line(
        u.diff(x, 2) + sympy.cos(math.pi * x), (u.diff(x), 0, 0), (u.diff(x), 0, 1), gauge="u"
    ),
    "the same twice": line(u.diff(x, 2), (u, 0, 0), (u, 0, 0), (u, 1, 1)),
}


@pytest.mark.parametrize("name", WELL_POSED)
def test_what_has_a_solution_is_accepted(name: str) -> None:
    """Kills: a count by field or by end alone, a jump refused where no derivative is lost."""
    check_conditions(WELL_POSED[name])


def test_a_steady_oscillation_needs_no_start() -> None:
    q = sympy.Function("q")(t)
    made = Problem(
        "ac", t, q, sympy.Eq(q.diff(t) + q, sympy.cos(t)), Box(t=(0, 2 * sympy.pi)), periodic="t"
    )
    check_conditions(made)


ILL_POSED = [
    (line(u.diff(x, 4) + 1, *ENDS), "order 4 in x and have 2 conditions .* 4 are needed"),
    (line([v - u.diff(x), v.diff(x)], ENDS[0], fields=(u, v)), "order 2 in x and have 1 condition"),
    (line(u.diff(x) + u), "order 1 in x and have no condition"),
    (moving(w.diff(t) + w.diff(x), START), "flows in through x=0"),
    (moving(w.diff(t) - x * w.diff(x), START), "flows in through x=1"),
    (moving(w.diff(t) + w.diff(x), START, (w, 1, "x=1")), "flows in through x=0"),
    (
        line(u.diff(x, 2) + sympy.cos(math.pi * x), (u.diff(x), 0, 0), (u.diff(x), 0, 1)),
        r"only derivatives of u\(x\) occur.*gauge=\(\"u\",\)",
    ),
    (
        line(-u.diff(x, 2) / 2 - math.pi**2 / 2 * u, (u, 0, 0), (u, 0, 1)),
        r"u\(x\) = 0 satisfies all .* eigenfunction",
    ),
    (
        line(u.diff(x, 2), (u, 0, 0), (u, 1, 0), (u, 1, 1)),
        "on x=0 contradict each other by up to 1",
    ),
    (
        line(u.diff(x, 2) - k, *ENDS, unknown={k: Unknown(size=1)}),
        "k is to be found, and no condition is left for that",
    ),
    (
        moving(w.diff(t) - w.diff(x, 2), START, (w, 0, "x=0"), (w, 0, "x=1"), periodic="x"),
        "x is periodic, so that x=0 and x=1 are one place inside",
    ),
    (line((LAYERS * u.diff(x)).diff(x), *ENDS), "jumps in x and stands before .* flux a field"),
    (line((sympy.Heaviside(x - HALF) + 1) * u.diff(x, 2) - 1, *ENDS), "jumps in x"),
]


@pytest.mark.parametrize(("made", "sentence"), ILL_POSED, ids=[s[:30] for _, s in ILL_POSED])
def test_what_has_none_gets_a_sentence(made: Problem, sentence: str) -> None:
    with pytest.raises(UsageError, match=f"mine: .*{sentence}"):
        check_conditions(made)


def test_orders_of_systems() -> None:
    """Kills: the sum of all orders, by which the pressure of a flow would need conditions."""
    y = sympy.Symbol("y")
    a, b, p = (sympy.Function(name)(x, y, t) for name in "abp")
    flow = Problem(
        "flow",
        (x, y, t),
        (a, b, p),
        [
            a.diff(t) + a * a.diff(x) + b * a.diff(y) + p.diff(x) - a.diff(x, 2) - a.diff(y, 2),
            b.diff(t) + a * b.diff(x) + b * b.diff(y) + p.diff(y) - b.diff(x, 2) - b.diff(y, 2),
            a.diff(x) + b.diff(y),
        ],
        Box(x=(0, 1), y=(0, 1), t=(0, 1)),
    )
    assert [conditions_needed(flow, c) for c in (x, y, t)] == [4, 4, 1]
    assert conditions_needed(WELL_POSED["flux form"], x) == 2


def test_check_says_what_will_be_made_of_a_problem() -> None:
    made = moving(
        w.diff(t) - w.diff(x, 2),
        START,
        (w, 1, "x=0"),
        (w.diff(x) + w**2, 2, "x=1"),
    )
    found = made.check()
    assert found.missing == ""
    assert found.orders == {"w": {"x": 2, "t": 1}}
    assert found.needed == {"x": 2, "t": 1}
    assert len(found.hard) == 2
    assert "not linear" in next(iter(found.soft.values()))
    assert "in the loss" in str(found)
    assert "order 4 in x" in line(u.diff(x, 4) + 1, *ENDS).check().missing
