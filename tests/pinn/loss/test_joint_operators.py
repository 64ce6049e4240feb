"""Derivatives that are joined give the residual they gave apart."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch

from pinn.jets import Operators
from pinn.loss.joint_operators import joined
from pinn.loss.terms import EquationTerm
from pinn.networks import MLP
from pinn.problem.expressions import Expressions, FieldDerivative

x, y, t, nu, rate = sympy.symbols("x y t nu rate")
u, v = (sympy.Function(name)(x, y, t) for name in "uv")
LIVE = {"nu": torch.tensor(0.011, dtype=torch.float64), "rate": 7.0}


def compiled(*expressions: Any) -> Expressions:
    return Expressions(expressions, (x, y, t), (u, v), (nu, rate), who="test")


def operators(expressions: Expressions) -> set[str]:
    return {unknown.operator for unknown in expressions.unknowns}


def laplacian(f: Any) -> Any:
    return f.diff(x, 2) + f.diff(y, 2)


STREAM = u.diff(y) * u.diff(x, y) - u.diff(x) * u.diff(y, 2)
CASES = [
    # expressions, numbers, operators left: all of them joined, the parameter being a number
    ([u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)], {"nu": 0.25}, {"1", "x", "t-0.25xx"}),
    # a parameter that may change keeps what it multiplies apart
    ([rate * u.diff(t) - nu * laplacian(u) + u], {}, {"1", "t", "xx+yy"}),
    # two equations in one ratio, 2 and 14 apart from signs
    (
        [u.diff(t) - 2 * laplacian(u), v - rate * u.diff(t) + 14 * laplacian(u)],
        {"rate": 7.0},
        {"t-2xx-2yy", "1"},
    ),
    # other ratios, a product of both, an equation without the first: nothing to join
    ([u.diff(t) - u.diff(x, 2), u.diff(t) - 3 * u.diff(x, 2)], {}, {"t", "xx"}),
    ([u.diff(x, 2) * u.diff(t)], {}, {"t", "xx"}),
    ([u.diff(t) ** 2 + u.diff(x, 2)], {}, {"t", "xx"}),
    ([u.diff(t) + u.diff(x, 2), u.diff(x, 2)], {}, {"t", "xx"}),
    ([u.diff(t) + u.diff(x, 2), u.diff(t)], {}, {"t", "xx"}),
    # v needs t and xx by themselves, so that a joint operator of u would be one more
    ([u.diff(t) - u.diff(x, 2) + v.diff(t) * v.diff(x, 2)], {}, {"t", "xx"}),
    # a streamfunction
    (
        [u.diff(y, t) + STREAM - nu * laplacian(u.diff(y)), laplacian(u) - v.diff(x)],
        {},
        {"x", "y", "xx", "yy", "xy", "yt", "xxy+yyy"},
    ),
    (
        [u.diff(y, t) + STREAM - nu * laplacian(u.diff(y)), u.diff(x, 2) - v.diff(x)],
        {"nu": 0.00001},
        {"x", "y", "xx", "yy", "xy", "yt-0.00001xxy-0.00001yyy"},
    ),
]


@pytest.mark.parametrize(("expressions", "numbers", "left"), CASES)
def test_joined_derivatives_are_few_and_the_residual_is_the_same(
    expressions: list[Any], numbers: dict[str, float], left: set[str]
) -> None:
    """Kills: a ratio upside down or with a lost sign or digit, a coefficient of the wrong member,
    products taken for sums, an equation not looked at, a join that costs more than it saves."""
    apart = compiled(*expressions)
    together = joined(apart, numbers)
    assert operators(together) == left
    torch.manual_seed(3)
    network, points = MLP(3, 2, MLP.Sizes(width=6, layers=2)).double(), torch.rand(5, 3).double()
    values = LIVE | numbers
    found, wanted = (
        EquationTerm("test", network, e, ("x", "y", "t"), values).residual(points)
        for e in (together, apart)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-13)


def test_what_is_not_joined_is_the_same_object() -> None:
    expressions = compiled(u.diff(t) * u)
    assert joined(expressions, {"nu": 0.25}) is expressions
    assert expressions.unknowns == (FieldDerivative(0, "t"), FieldDerivative(0, "1"))


def test_decimal_factors_keep_their_digits() -> None:
    """Kills: weights of the product rule rounded at twelve decimals, small ones dropped."""
    heat = Operators("xt", ("t-0.000000000031415926535897xx",))
    weights = heat.table[heat.index("t-0.000000000031415926535897xx")]
    cross = weights[heat.index("x"), heat.index("x")]
    assert cross == pytest.approx(-2 * 0.000000000031415926535897, rel=1e-14)
