"""A problem may be written as it comes: without tuples, by names, with symbols of any kind."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from pinn.geometry.box import Box
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
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
        ({"fields": sympy.Function("u")}, r"u is not a field .* such as u\(x\)"),
        ({"fields": sympy.Function("v")(sympy.Symbol("y"))}, r"v\(y\) is not a field .* v\(x\)"),
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


X, T = sympy.symbols("x t")
W = sympy.Function("w")


def rod(*conditions: Condition, **changes: Any) -> Problem:
    given: dict[str, Any] = {
        "coordinates": (X, T),
        "fields": W(X, T),
        "equations": sympy.Eq(W(X, T).diff(T), W(X, T).diff(X, 2)),
        "domain": Box(x=(0, 1), t=(0, sympy.pi)),
        "conditions": conditions,
        **changes,
    }
    return Problem("mine", **given)


def test_a_condition_may_name_its_own_face() -> None:
    """u(x, 0) on t=0 is u(x, t) there, and so are slopes; what is at another face stays there.

    Kills: a value taken for one at the point wherever it stands; the wrong coordinate replaced.
    """
    w = W(X, T)
    made = rod(
        Condition(sympy.Eq(W(X, 0), X), on="t=0"),
        Condition(sympy.Eq(w.diff(X).subs(X, 0), W(0, T)), on="x=0"),
        Condition(sympy.Eq(sympy.Subs(w.diff(T), T, sympy.pi), 1), on="t=pi"),
    )
    assert [c.equation for c in made.conditions] == [
        sympy.Eq(w, X),
        sympy.Eq(w.diff(X), w),
        sympy.Eq(w.diff(T), 1),
    ]
    assert made.functionals == []
    for form, on, there in (
        (W(1, T), "x=0", W(1, T)),
        (W(0, T) - W(1, T), "x=0", W(1, T)),
        (w.diff(X).subs(X, 1), "x=0", w.diff(X).subs(X, 1)),
        (w.diff(X).subs(X, 0), "t=0", w.diff(X).subs(X, 0)),
    ):
        [functional] = rod(Condition(sympy.Eq(form, 0), on=on)).functionals
        assert functional.form == there


def test_derivatives_of_products_and_by_other_things_are_carried_out() -> None:
    """Kills: a flux form that only sympy can read, a variation that stays unevaluated."""
    k, w = sympy.Symbol("k"), W(X, T)
    flux = sympy.Derivative(k * X * sympy.Derivative(w, X), X)
    made = rod(equations=sympy.Eq(w.diff(T), flux), parameters={k: 2})
    assert made.equations[0].rhs.expand() == k * w.diff(X) + k * X * w.diff(X, 2)
    reaction = sympy.Derivative(w**2, w) + sympy.Derivative(k * w, k)
    made = rod(equations=sympy.Eq(w.diff(T), reaction), parameters={k: 2})
    assert made.equations[0].rhs == 3 * w


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"conditions": [(W(X, T), "t=0")]},
            r"is not a condition; write Condition\(Eq.* on=\"x=0\"",
        ),
        ({"conditions": sympy.Eq(W(X, 0), 0)}, r"is not a condition; write Condition"),
        ({"domain": (0, 1)}, r"\(0, 1\) is not a domain; give for example Box\(x=\(0, 1\)\)"),
        ({"coordinates": (1, 2)}, "1 is not a coordinate; give symbols"),
        ({"parameters": {"x": 2}}, "x is a coordinate and also has a value in parameters"),
        ({"exact": {"w": W(X, T)}}, r"w\(x, t\) is given for w\(x, t\) and holds a field"),
        ({"quantities": {"q": W(0, T)}}, r"w\(0, t\) is a value at another place"),
        ({"equations": sympy.Tuple(W(X, T), 1)}, "is a Tuple, not an equation"),
        ({"conditions": Condition(W(X, 0), on=0)}, "is not a condition; write Condition"),  # type: ignore[arg-type]
        ({"exact": X}, "exact=x is not a mapping such as exact="),
        ({"parameters": None}, "parameters=None is not a mapping such as"),
        ({"unknown": {"k": 1.0}}, r"is not a mapping such as unknown=.*Unknown\(size"),
        ({"ansatz": {"w": X}}, r"is not a mapping such as ansatz=.*Ansatz\("),
        ({"periodic": True}, "True is not a name in periodic"),
        ({"data": ([[0.5, 0.5]], [1.0])}, "is not data; write data=Cloud"),
        ({"reference": [1.0]}, "is not a function; give one of points"),
    ],
)
def test_what_is_not_of_its_kind_gets_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    """Kills: an AttributeError of a tuple where a condition or a domain belongs."""
    with pytest.raises(UsageError, match=f"^mine: .*{sentence}"):
        rod(**changes)


def test_names_of_coordinates_are_enough() -> None:
    assert rod(coordinates=("x", "t")).coordinates == (X, T)
