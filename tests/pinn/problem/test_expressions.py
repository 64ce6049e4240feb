"""From sympy to torch, with distinct primes for every unknown."""

from __future__ import annotations

import pytest
import sympy
import torch

from pinn.problem.expressions import Expressions, FieldDerivative
from sciformer.errors import UsageError

x, t, nu = sympy.symbols("x t nu")
u = sympy.Function("u")(x, t)
v = sympy.Function("v")(x, t)
VALUES = {"1": 2.0, "t": 3.0, "x": 5.0, "xx": 7.0, "xt": 11.0}


def evaluate(*expressions: object, fields: tuple[object, ...] = (u,)) -> list[float]:
    compiled = Expressions(expressions, (x, t), fields, (nu,), who="test")
    one = torch.ones(1, dtype=torch.float64)

    def unknown(key: FieldDerivative) -> torch.Tensor:
        return one * VALUES[key.operator] * 10**key.field

    values = compiled([13 * one, 17 * one], unknown, {"nu": 0.5})
    return [float(value) for value in values]


def test_every_unknown_takes_its_own_value() -> None:
    """Kills: exchanged derivatives, a lost sign, a lost factor."""
    burgers = u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)
    assert evaluate(burgers, u.diff(x, t), x - 2 * t) == [3 + 2 * 5 - 0.5 * 7, 11, 13 - 34]


def test_fields_are_told_apart() -> None:
    assert evaluate(u * v.diff(x), v - u, fields=(u, v)) == [2 * 50, 18]


def test_constants_get_the_shape_of_the_points() -> None:
    compiled = Expressions([sympy.Integer(3), u], (x, t), (u,), (), who="test")
    columns = [torch.zeros(4), torch.zeros(4)]
    three, _ = compiled(columns, lambda _: torch.ones(4))
    assert three.tolist() == [3.0] * 4


def test_a_parameter_alone_lies_where_the_points_lie(card: torch.device) -> None:
    """Kills: numbers of the CPU that are given the shape of points of a card."""
    t, a = sympy.symbols("t a")
    expressions = Expressions([a, t + a], (t,), (), (a,), who="test")
    values = expressions([torch.ones(3, dtype=torch.float64, device=card)], None, {"a": 0.7})
    assert torch.stack(values).cpu().tolist() == [[0.7] * 3, [1.7] * 3]


def test_a_field_inside_its_derivatives_only_is_not_asked_for() -> None:
    compiled = Expressions([u.diff(x)], (x, t), (u,), (), who="test")
    assert compiled.unknowns == (FieldDerivative(0, "x"),)


def test_a_derivative_of_an_expression_is_expanded() -> None:
    assert evaluate(sympy.Derivative(u**2, x)) == [2 * 2 * 5]


def test_a_symbol_without_a_value_is_named() -> None:
    with pytest.raises(UsageError, match=r"heat: unknown symbol beta .*known are nu, t, x"):
        Expressions([u * sympy.Symbol("beta")], (x, t), (u,), (nu,), who="heat")


def test_a_function_that_is_no_field_is_named() -> None:
    with pytest.raises(UsageError, match=r"unknown symbol v\(x, t\)"):
        Expressions([u + v], (x, t), (u,), (), who="heat")


def test_a_field_at_other_arguments_is_refused() -> None:
    with pytest.raises(UsageError, match="fields as functions of all coordinates in this order"):
        Expressions([sympy.Function("u")(t, x)], (x, t), (u,), (), who="heat")
