"""Reading formulas: precedence, carets, unknown names."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, sin

import numpy as np
import pytest
import sympy

from sciformer.errors import DataError, DomainError, ShapeError, UnknownNameError
from theory.universal.formula.parsing import parse_rows
from theory.universal.formula.target import read_target

X1, X2 = sympy.symbols("x1 x2", real=True)
NAMES = {"x1": X1, "x2": X2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3*x1**2", 2 + 3 * X1**2),
        ("-x1^2", -(X1**2)),
        ("2^3^2", sympy.Integer(512)),
        ("x1 - x2 - 1", X1 - X2 - 1),
        ("x1/2/x2", X1 / 2 / X2),
        ("2*x1²/3", 2 * X1**2 / 3),
        ("||x1|-|x2||", sympy.Abs(sympy.Abs(X1) - sympy.Abs(X2))),
        ("0.1*x1", X1 / 10),
        ("1.5e-1", sympy.Rational(3, 20)),
        ("max(x1, x2, 0.5)", sympy.Max(X1, X2, sympy.Rational(1, 2))),
        ("sin(2·x1 − x2)", sympy.sin(2 * X1 - X2)),
        ("x1**-2", X1**-2),
        ("where(x1 < x2, x1, 2*x2)", sympy.Piecewise((X1, X1 < X2), (2 * X2, True))),
    ],
)
def test_grammar(text: str, expected: sympy.Expr) -> None:
    """Kills: a wrong precedence or associativity of any operator."""
    assert parse_rows(text, NAMES) == [[expected]]


def test_rows_and_entries() -> None:
    assert parse_rows("x1, x2; x2, 1;", NAMES) == [[X1, X2], [X2, sympy.Integer(1)]]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("x1 + ", 6),
        ("x1 x2", 4),
        ("sin(x1", 7),
        ("2 $ x1", 3),
        ("sin(x1, x2)", 1),
        ("(x1))", 5),
        ("where(1, 2, 3)", 7),
        ("max(x1<0, 1)", 7),
        ("x1 < x2", 4),
        ("where(x1 < x2 < 1, 1, 2)", 15),
        ("2*x1 + 1e400", 8),
    ],
)
def test_syntax_errors_carry_a_caret(text: str, column: int) -> None:
    """Kills: a caret off by one."""
    with pytest.raises(DataError, match=rf"at column {column};") as caught:
        parse_rows(text, NAMES)
    *_, shown, caret = str(caught.value).splitlines()
    assert shown.strip() == text.strip()
    assert caret.index("^") - 2 == column - 1


def test_unknown_names_are_suggested() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown function 'sinn'.*Did you mean 'sin'"):
        parse_rows("sinn(x1)", NAMES)
    with pytest.raises(UnknownNameError, match=r"unknown variable 'y1'"):
        parse_rows("y1", NAMES)


@pytest.mark.parametrize("text", ["where(x1 < x2, x1, x2**3)", "exp(-x1)*|x2|; max(x1, 1/3)"])
def test_text_of_a_target_reads_back(text: str) -> None:
    """Kills: a printer that writes what the parser cannot read (a Piecewise)."""
    target = read_target(text, 2)
    assert read_target(target.text, 2).entries == target.entries


def test_floats_of_sympy_expressions_become_exact() -> None:
    target = read_target([[sympy.Float(0.1) * sympy.Symbol("x1")], ["x2"]], 2)
    assert target.entries[0][0] == sympy.Rational(0.1) * X1


def test_shapes_and_domains_are_judged() -> None:
    with pytest.raises(ShapeError, match=r"3 tokens need a formula of 1 or 3 rows"):
        read_target("x1; x2", 3)
    with pytest.raises(DomainError, match=r"finite ends a < b; got 1 and 1"):
        read_target("x1", 1, domain=(1.0, 1.0))
    with pytest.raises(DomainError, match=r"at least 1; got 0 and 1"):
        read_target("x1", 0)


@pytest.mark.parametrize(
    ("text", "python"),
    [
        # sympy solves 0.907 - 2.33 x1 < exp(-1490 (x1 - 0.432)^2) without end.
        (
            "where(0.8 - x1 < where(0.9 - 2.33*x1 < exp(-1490*(x1 - 0.432)^2), 0.3, x1), x1, 2)",
            lambda a: (
                a if 0.8 - a < (0.3 if 0.9 - 2.33 * a < exp(-1490 * (a - 0.432) ** 2) else a) else 2
            ),
        ),
        (
            "sign(heaviside(exp(40*x1) - 9) + sign(sin(7*x1)) - 0.5)",
            lambda a: 1 if (exp(40 * a) > 9) + (1 if sin(7 * a) > 0 else -1) - 0.5 > 0 else -1,
        ),
    ],
)
def test_branches_inside_a_condition_are_drawn_out(text: str, python: Callable) -> None:
    """Kills: a condition left to sympy's solvers, branches exchanged, the inner one read last."""
    [[entry]] = parse_rows(text, NAMES)
    assert not any(c.has(sympy.Piecewise) for p in entry.atoms(sympy.Piecewise) for _, c in p.args)
    for a in np.linspace(-1, 1, 83):
        assert float(entry.subs(X1, float(a))) == pytest.approx(python(a))


def test_too_many_branches_inside_a_condition_are_refused() -> None:
    inner = " + ".join(f"sign(x1 - {k}/9)" for k in range(9))
    with pytest.raises(DataError, match="holds 9 others"):
        parse_rows(f"where({inner} > 0, x1, 0)", NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sign(1/heaviside(x1))", "not known to be a finite real number in every branch"),
        ("where(sqrt(sign(x1)) > x2, 1, 0)", "not known to be a finite real number in every"),
        ("where(exp(exp(2000*sign(x1)^2 + 1e6)) > x2, 1, 0)", "not known to be a finite real"),
        ("where(((where(x1 < 0, 2, x1)^1000)^1000)^1000 > x2, 1, 0)", "not known to be a finite"),
        ("(((2*x1)^1000)^1000)^1000", "not known to be a finite"),
        ("((where(x1 < 0, 2*x2, x1)^1000)^1000)^1000", "not known to be a finite"),
        ("where(log(min(0, x1) - 1) < x2, 1, 0)", "has a side that is not real"),
        ("max(sqrt(min(-2, x1)), x2)", "has an argument that is not real"),
    ],
)
def test_conditions_that_no_number_can_meet_are_refused(text: str, message: str) -> None:
    """Kills: an error of sympy shown to the user, a tower of powers computed for a comparison."""
    with pytest.raises(DomainError, match=message):
        parse_rows(text, NAMES)


def test_a_condition_with_a_constant_between_symbols_is_read() -> None:
    """sympy exchanges the sides of x1 - e > x2 - x1 until Python ends it."""
    [[entry]] = parse_rows("where(x1 - e > x2 - x1, x1, x2)", NAMES)
    assert entry.subs({X1: 2, X2: 1}) == 2
    assert entry.subs({X1: 1, X2: 0}) == 0
