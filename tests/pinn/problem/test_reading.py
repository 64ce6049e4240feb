"""A problem may be written as it comes: without tuples, by names, with symbols of any kind."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from pinn.geometry.box import Box
from pinn.problem.problem import Condition, Problem
from sciformer.errors import DataError, UnknownNameError, UsageError

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


def test_arguments_may_stand_in_any_order() -> None:
    """u(theta, x1) is u(x1, theta). Kills: letters of operators in the order of the arguments."""
    x1, theta = sympy.symbols("x1 theta")
    field = sympy.Function("u")(theta, x1)
    made = Problem(
        "mine",
        (x1, theta),
        field,
        sympy.Eq(field.diff(x1, 2) + 3 * field.diff(theta), 2 * theta + 3 * x1**2),
        Box(x1=(0, 1), theta=(0, 2)),
        Condition(sympy.Eq(field, 0), on="theta=0"),
        exact={field: x1**2 * theta},
    )
    assert [str(f) for f in made.fields] == ["u(x1, theta)"]
    assert {unknown.operator for unknown in made.residual.unknowns} == {"aa", "b"}


def test_matrices_state_an_equation_for_each_entry() -> None:
    a, b = (sympy.Function(name)(x) for name in "ab")
    vector, values = sympy.Matrix([a, b]), sympy.Matrix([1, 2])
    made = Problem(
        "mine",
        x,
        (a, b),
        sympy.Eq(vector.diff(x), sympy.Matrix([[0, 1], [-1, 0]]) * vector),
        Box(x=(0, 1)),
        Condition(sympy.Eq(vector, values), on="x=0"),
    )
    assert made.equations == (sympy.Eq(a.diff(x), b), sympy.Eq(b.diff(x), -a))
    assert [c.equation for c in made.conditions] == [sympy.Eq(a, 1), sympy.Eq(b, 2)]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"equations": "u.diff(x) - 1"}, "is text; write an equation in sympy"),
        ({"equations": u.diff(x) >= 1}, "is an inequality"),
        (
            {"equations": sympy.Eq(sympy.Matrix([u.diff(x), u]), sympy.Matrix([1]))},
            "different shapes",
        ),
        ({"conditions": Condition(lambda points: 0, on="x=0")}, "is a Python function"),
        ({"exact": {u: lambda points: points}}, "is a Python function.*reference="),
        ({"fields": sympy.Function("u")}, r"u is no field .* such as u\(x\)"),
        ({"fields": sympy.Function("v")(sympy.Symbol("y"))}, r"v\(y\) is no field .* v\(x\)"),
    ],
)
def test_what_is_no_mathematics_gets_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    given = {
        "name": "mine",
        "coordinates": x,
        "fields": u,
        "equations": u.diff(x) - 1,
        "domain": Box(x=(0, 1)),
        "conditions": Condition(sympy.Eq(u, 0), on="x=0"),
    }
    with pytest.raises(UsageError, match=f"mine: .*{sentence}"):
        Problem(**{**given, **changes})
