"""Formulas that would cost for ever are refused at once, each in a sentence."""

from __future__ import annotations

import contextlib
import time

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import theory
from sciformer.errors import DataError, DomainError, SciformerError, UsageError
from theory.universal.formula.limits import MOST_TERMS, _Terms, check_expansion
from theory.universal.formula.parsing import parse_number
from theory.universal.formula.target import read_target

SECONDS = 2.0
"""CPU seconds that a refusal may take."""

BOMBS = {
    "x1**(9**9**9)": "exponent of 9",
    "2**(2**64)*x1": "exponent of 2",
    "x1**(10**400)": "exponent of x1",
    "(x1**500)**500": "exponent 250000",
    "1e999999999*x1": "decimal exponent beyond 308 at column 1",
    "9" * 401: "more than 400 digits",
    "9**999*9**999": "not known to be a finite real number",
    "exp(exp(exp(10)))*x1": "exp.exp.10.. is not known to be a finite real number",
    "(" * 3000 + "x1" + ")" * 3000: "more than 40 nested operations at column 41",
    "sin(" * 400 + "x1" + ")" * 400: "more than 40 nested",
    "-" * 3000 + "x1": "more than 40 nested",
    "2**" * 300 + "x1": "more than 40 nested",
    "x1" + "²" * 300: "more than 40 nested",
    "x1 + " * 20_000 + "x1": "characters, and at most 50000",
    "1+" * 9_000 + "x1": "more than 8000 numbers, names and operators",
    "max(" + ",".join(["x1"] * 100) + ")": "max takes at most 32 arguments",
    "(x1 + x2 + 1)**900": r"up to 406351 terms",
    "sin((x1 + x2 + 1)**900)": r"up to 406351 terms",
    "(x1 + x2 + 1)**40*(abs(x1) + exp(x2))**10": r"up to 9471 terms",
    "1/(x1 + x2 + 2.5)**900": r"up to 406351 terms",
}


@pytest.mark.parametrize("formula", BOMBS, ids=[f[:24] for f in BOMBS])
def test_bombs_are_refused_at_once(formula: str) -> None:
    """Kills: a limit that is checked after the work it limits, or not at all."""
    start = time.process_time()
    with pytest.raises(UsageError, match=BOMBS[formula]) as caught:
        read_target(formula, 2)
    assert time.process_time() - start < SECONDS
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("formula", "tokens", "width", "sentence"),
    [
        ("x1", 100_000, 1, r"100000 tokens of width 1 are 100000 coordinates, and at most 256"),
        ("x1", 1, 1_000_000, r"1 tokens of width 1000000 are 1000000 coordinates"),
        ("*".join(f"x{i}" for i in range(1, 13)), 12, 1, r"couples 12 coordinates"),
        ("*".join(f"sin(x{i})" for i in range(1, 13)), 12, 1, r"couples 12 coordinates"),
    ],
)
def test_costs_are_estimated_before_the_work(
    formula: str, tokens: int, width: int, sentence: str
) -> None:
    """Kills: a polarisation of twelve factors, token_symbols of a million names."""
    start = time.process_time()
    with pytest.raises(DomainError, match=sentence):
        theory.compile(formula, tokens, width, 0.1)
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize(
    "formula", ["(x1 - 1)*" * 14 + "x1", "(x1 + 1)**1000", "(x1 + 2*x2)**60", "x1**2*(x1+x2)**9"]
)
def test_polynomials_of_many_factors_and_few_terms_pass(formula: str) -> None:
    """Kills: a product of 14 sums counted as 2^14 terms."""
    check_expansion(read_target(formula, 2).entries[0][0])


polynomials = st.recursive(
    st.sampled_from(["x1", "x2", "x3", "2", "sin(x1)"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]} + {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]}*{p[1]}"),
        st.tuples(inner, st.integers(2, 4)).map(lambda p: f"({p[0]})**{p[1]}"),
    ),
    max_leaves=8,
)


@given(polynomials)
def test_the_estimate_is_never_below_the_number_of_terms(formula: str) -> None:
    """The law of the limit. Kills: a sum for a product, n^k for the binomial of a power."""
    try:
        expression = read_target(formula, 3).entries[0][0]
    except DataError:
        return
    estimate = _Terms().of(expression)
    assert estimate <= MOST_TERMS
    assert len(sympy.Add.make_args(sympy.expand(expression))) <= estimate


@given(st.text(alphabet="x12+-*/^().,;|<>=eE sincoxpwherma²", max_size=40))
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    """Kills: an exception of sympy or of Python that escapes the parser."""
    with contextlib.suppress(SciformerError):
        read_target(text, 2)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1;2", "expected one number"),
        ("1, 2", "expected one number"),
        ("1/0", "constant 1/0"),
        ("sqrt(-1)", "constant sqrt"),
        ("1e999999999", "decimal exponent"),
        ("x1", "unknown variable 'x1'"),
        ("10**308*10", "beyond the range of float64"),
    ],
)
def test_ends_of_a_domain_are_numbers(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_number(text)


def test_ends_of_a_domain_may_be_expressions() -> None:
    assert parse_number("pi/2") == 1.5707963267948966
