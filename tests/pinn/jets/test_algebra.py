"""Operator sets: closure under the product rule, completion, names and refusals."""

from __future__ import annotations

import pytest
import sympy
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from pinn.jets import Operators
from sciformer.errors import DomainError, UnknownNameError


def apply(name: str, expression: sympy.Expr) -> sympy.Expr:
    """An operator on a sympy expression, read from its name alone."""
    total = sympy.S(0)
    for term in name.replace("-", "+-").split("+"):
        factor = sympy.Integer(-1 if term.startswith("-") else 1)
        digits = "".join(c for c in term if c.isdigit() and term != "1")
        letters = [c for c in term if c.isalpha()]
        derived = expression
        for letter in letters:
            derived = sympy.diff(derived, sympy.Symbol(letter))
        if term:
            total += factor * int(digits or 1) * derived
    return sympy.expand(total)


words = st.lists(st.sampled_from("xyt"), min_size=1, max_size=3).map("".join)
sums = st.lists(words, min_size=1, max_size=2, unique_by=lambda w: "".join(sorted(w))).map("+".join)


@settings(max_examples=12, deadline=None)
@given(st.lists(sums, min_size=1, max_size=3))
def test_table_is_the_product_rule(names: list[str]) -> None:
    """D(f g) from the table equals sympy's derivative of the product.

    Kills: a binomial coefficient dropped, left and right exchanged, completion that stops early.
    """
    try:
        operators = Operators("xyt", names)
    except DomainError:
        reject()  # linearly dependent names have a test of their own
    x, y, t = sympy.symbols("x y t")
    f = x**3 * y**2 * t - 5 * t**3
    g = x**2 * y**3 * t**2 + 7 * y * x**3
    left = [apply(name, f) for name in operators.names]
    right = [apply(name, g) for name in operators.names]
    for name, row in zip(operators.names, operators.table, strict=True):
        product = sum(
            sympy.nsimplify(w, rational=True) * left[a] * right[b] for (a, b), w in row.items()
        )
        assert sympy.expand(product - apply(name, f * g)) == 0


@pytest.mark.parametrize(
    ("asked", "added"),
    [
        (("1", "t", "x", "xx"), ()),
        (("xx",), ("x",)),
        (("1", "t", "xx+yy"), ("x", "y")),
        (("1", "t", "x", "y", "xx+yy"), ()),
        (("1", "x", "y", "xx", "xy", "yy", "xxx+xyy"), ()),
    ],
)
def test_missing_factors_are_added_and_no_others(
    asked: tuple[str, ...], added: tuple[str, ...]
) -> None:
    """Kills: completion by all monomials."""
    operators = Operators("xyt", asked)
    assert set(operators.names) == {"1", *asked, *added}
    assert operators.names[0] == "1"


def test_a_word_may_be_spelled_in_any_order() -> None:
    operators = Operators("xt", ("xt", "xx-tt"))
    assert operators.index("tx") == operators.index("xt") == 1
    assert operators.index("-tt+xx") == operators.index("xx-tt")
    assert operators.order == 2
    decimal = Operators("xt", ("xx-0.5tt",))
    assert decimal.index("-.5tt+1.xx") == decimal.index("xx-0.5tt") == 1


@pytest.mark.parametrize(
    ("coordinates", "names", "message"),
    [
        ("xt", ("xz",), "'xz' is not an operator; write words in the coordinates x, t"),
        ("xt", ("x x",), "'x x' is not an operator"),
        ("xt", (".x",), "'.x' is not an operator"),
        ("xt", ("",), "linearly dependent|not an operator"),
        (("x1", "t"), ("t",), "single letters"),
        ("xx", ("x",), "must differ"),
        ("xy", ("xx", "yy", "xx+yy"), "linearly dependent"),
    ],
)
def test_what_is_no_operator_set_is_refused(
    coordinates: tuple[str, ...], names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DomainError, match=message):
        Operators(coordinates, names)


def test_an_operator_outside_the_set_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown operator 'tt'.*Known: 1, t, x, xx"):
        Operators("xt", ("1", "t", "x", "xx")).index("tt")


def test_a_small_coefficient_is_no_rounding() -> None:
    """(uv)_t - c (uv)_xx has the cross term -2 c u_x v_x, in any unit.

    Kills: an absolute threshold for weights of the table.
    """
    name = f"t-{1e-23:.23f}xx"
    operators = Operators("xt", ["x", name])
    row = operators.table[operators.index(name)]
    slope = operators.index("x")
    assert row[slope, slope] == pytest.approx(-2e-23, rel=1e-12)


@pytest.mark.parametrize("power", [3, 14, 17, 40])
def test_a_large_coefficient_is_no_dependence(power: int) -> None:
    """Kills: a rank and a check of the table with tolerances of one unit, by which the wave
    equation of light in metres and seconds is not a set of operators."""
    name = f"t-1{'0' * power}xx"
    operators = Operators("xt", ["x", "xx", name])
    row = operators.table[operators.index(name)]
    slope = operators.index("x")
    assert row[slope, slope] == pytest.approx(-2 * 10.0**power, rel=1e-12)
    assert len(operators) == 4
