"""Ends where an equation degenerates: a smooth solution needs no condition there."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from pinn import Box, Condition, Problem
from pinn.problem.singular_ends import free_ends
from pinn.problem.wellposed import check_conditions
from sciformer.errors import UsageError

x, t, r, a = sympy.symbols("x t r theta")
u, w = sympy.Function("u")(x), sympy.Function("u")(x, t)
v = sympy.Function("u")(r, a)
D = sympy.Derivative


def stated(equation: Any, *conditions: Condition, low: float = 0.0, **more: Any) -> Problem:
    field = more.pop("field", u)
    symbols = tuple(field.args)
    ends = {str(symbols[0]): (low, 1), **{str(c): (0, 1) for c in symbols[1:]}}
    return Problem("mine", symbols, field, equation, Box(**ends), conditions, **more)


@pytest.mark.parametrize(
    ("problem", "free"),
    [
        (stated(x * u.diff(x, 2) + u.diff(x) + x * u), ["x=0"]),  # Bessel
        (stated(u.diff(x, 2) + 2 / x * u.diff(x) + u**5), ["x=0"]),  # Lane-Emden
        (stated(D((1 - x**2) * D(u, x), x) + 6 * u, low=-1), ["x=-1", "x=1"]),  # Legendre
        (stated(w.diff(t) - D(x * D(w, x), x), field=w), ["x=0"]),
        (stated(v.diff(r, 2) + v.diff(r) / r + v.diff(a, 2) / r**2, field=v), ["r=0"]),
        (stated(w.diff(t) + x**2 * w.diff(x, 2) / 50 + (x * w.diff(x) - w) / 20, field=w), ["x=0"]),
        (stated((1 - x**2) * u.diff(x, 2) - x * u.diff(x) + 4 * u, low=-1), []),  # sqrt(1 - x^2)
        (stated(u.diff(x, 2) - 2 / x * u.diff(x) + u), []),  # 1 and x^3 are both smooth
        (stated(x * u.diff(x, 2) + u.diff(x) / 2), []),  # 1 and sqrt(x) are both bounded
        (stated(u.diff(x, 2) + 100 * u.diff(x) + u), []),
        (stated(u.diff(x, 2) / 10**7 - u.diff(x) + u), []),  # a layer is not a singularity
        (stated(D(u * D(u, x), x) - 1), []),
        (stated(x * u.diff(x, 2) + sympy.Symbol("k") * u.diff(x), parameters={"k": 2}), ["x=0"]),
        (stated(x * u.diff(x, 2) + sympy.Symbol("k") * u.diff(x), parameters={"k": 0.5}), []),
    ],
)  # fmt: skip
def test_ends_are_free_by_their_exponents(problem: Problem, free: list[str]) -> None:
    """r (r - 1) + p r + q = 0 has one r >= 0, or 0 twice.

    Kills: a sign of p at the upper end, q left out, a coefficient that is merely large.
    """
    coordinate = problem.coordinates[0]
    assert [face.name for face in free_ends(problem, coordinate, str(coordinate))] == free


def test_such_ends_need_no_condition_and_may_have_one() -> None:
    """Kills: u' = 0 at the middle, which follows from the equation, counted as missing."""
    start, slope = Condition(sympy.Eq(u, 1), on="x=0"), Condition(sympy.Eq(u.diff(x), 0), on="x=0")
    bessel = x * u.diff(x, 2) + u.diff(x) + x * u
    check_conditions(stated(bessel, start))
    check_conditions(stated(bessel, start, slope))
    check_conditions(stated(bessel, start, Condition(sympy.Eq(u, 0.7), on="x=1")))
    with pytest.raises(UsageError, match="in x and has no condition on x=1"):
        check_conditions(stated(bessel + 1))
    with pytest.raises(UsageError, match="in x and has no condition on x=1"):
        check_conditions(stated(u.diff(x, 2) + u, start))


def test_algebraic_equations_take_the_place_of_starts() -> None:
    """x' = v, v' = f, x = sin t has no freedom at all; without the last it has two.

    Kills: a start that is asked of every field with a derivative.
    """
    p, q, f = (sympy.Function(name)(t) for name in "pqf")
    box = Box(t=(0, 1))
    motion = (sympy.Eq(p.diff(t), q), sympy.Eq(q.diff(t), f))
    check_conditions(Problem("mine", t, (p, q, f), (*motion, sympy.Eq(p, sympy.sin(t))), box))
    with pytest.raises(UsageError, match="has no conditions at the start"):
        check_conditions(Problem("mine", t, (p, q, f), (*motion, sympy.Eq(f, -p)), box))


def test_a_start_where_time_degenerates_needs_one_value_less() -> None:
    """t u'' + u' + t u = 0 from u(0) = 1, in time: J0. Kills: a free start that asks for more."""
    y = sympy.Function("u")(t)
    start = Condition(sympy.Eq(y, 1), on="t=0")
    bessel = t * y.diff(t, 2) + y.diff(t) + t * y
    check_conditions(Problem("mine", t, y, bessel, Box(t=(0, 1)), (start,)))
    with pytest.raises(UsageError, match="differentiated twice in t and has 1 condition at the"):
        check_conditions(Problem("mine", t, y, y.diff(t, 2) + y, Box(t=(0, 1)), (start,)))
