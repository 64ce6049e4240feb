"""A problem may be written as it comes: without tuples, by names, with symbols of any kind."""

from __future__ import annotations

import pytest
import sympy

from pinn.geometry.box import Box
from pinn.problem.problem import Condition, Problem
from sciformer.errors import DataError, UnknownNameError

x = sympy.Symbol("x")
u = sympy.Function("u")(x)


def test_one_of_each_needs_no_tuple() -> None:
    made = Problem("mine", x, u, u.diff(x) - 1, Box(x=(0, 1)), Condition(sympy.Eq(u, 0), on="x=0"))
    assert (made.coordinates, made.fields, made.equations) == ((x,), (u,), (u.diff(x) - 1,))
    assert [c.on for c in made.conditions] == ["x=0"]


@pytest.mark.parametrize("key", [u, "u", "u(x)", sympy.Function("u")], ids=str)
def test_formulas_are_given_by_field_or_by_name(key: object) -> None:
    """Kills: a formula under a name that is never looked at, and so never checked."""
    made = Problem("mine", x, u, u.diff(x) - 1, Box(x=(0, 1)), exact={key: x})
    assert made.exact == {u: x}
    with pytest.raises(DataError, match="does not satisfy"):
        Problem("mine", x, u, u.diff(x) - 1, Box(x=(0, 1)), exact={key: 2 * x})
    with pytest.raises(UnknownNameError, match="unknown field 'v'"):
        Problem("mine", x, u, u.diff(x) - 1, Box(x=(0, 1)), exact={"v": x})


def test_symbols_of_one_name_are_one_symbol() -> None:
    """x is real in the equation and plain in condition and formula."""
    real = sympy.Symbol("x", real=True)
    field = sympy.Function("u")(real)
    made = Problem(
        "mine",
        real,
        field,
        sympy.Eq(field.diff(real), sympy.cos(x)),
        Box(x=(0, 1)),
        Condition(sympy.Eq(u, 0), on="x=0"),
        exact={"u": sympy.sin(x)},
    )
    assert made.residual.unknowns[0].operator == "x"
    assert made.exact[field].free_symbols == {real}


def test_parameters_are_given_by_name() -> None:
    k = sympy.Symbol("k", positive=True)
    made = Problem("mine", x, u, u.diff(x) - k, Box(x=(0, 1)), parameters={"k": 3.0})
    assert made.parameters == {k: 3.0}
