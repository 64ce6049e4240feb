"""A formula is certified only where it is proven to be real: on the whole domain or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import theory
from sciformer.errors import DomainError
from tests.theory.universal.formulas import formulas
from tests.theory.universal.layers import random_layer
from theory.universal.certifier.blocks import View, whole_pieces
from theory.universal.certifier.certify import certify
from theory.universal.certifier.token_map import collapse
from theory.universal.enclosure.defined import check_defined
from theory.universal.enclosure.intervals import Interval
from theory.universal.enclosure.range import enclose
from theory.universal.formula.target import read_target
from theory.universal.verifier.verify import verify


@pytest.mark.parametrize(
    "formula",
    [
        "sqrt(x1 + 1)",
        "sqrt(x1**2 + 1/10)",
        "sqrt(2*x1**2 + x2**2)",
        "sqrt(x1**2*x2**2 + x1**4)",
        "sqrt(max(x1, 0))",
        "where(x1 > 0, sqrt(max(x1, 0)), 0)",
        "log(x1 + 1.01)",
        "1/(1.01 - x1*x2)",
        "(x1 + 1.001)**0.3",
    ],
)
def test_real_formulas_are_proven(formula: str) -> None:
    """Kills: sums and products of squares whose lower end is rounded below 0."""
    check_defined(read_target(formula, 2))


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("sqrt(x1 + 0.9)", r"not finite and real on the whole domain \[-1, 1\]: .* at x1 = -"),
        ("sqrt(x1 + 0.9999999)", r"no value for it at x1 = -1"),
        ("(sqrt(x1 + 0.9) + 1)*(sqrt(x1 + 0.9) - 1)", r"no value for it at x1 = -"),
        ("log(x1 + 1)", r"no value for it at x1 = -1"),
        ("(x1 + 0.9)**0.3", r"no value for it at x1 = -"),
        ("1/(x1 - x2)", r"not finite and real"),
        ("1/(x1 - 1/3)", r"could not prove that 1/\(x1 - 1/3\) is finite and real .*x1 = 0.3333"),
        ("where(x1 > 0, sqrt(x1), 0)", r"could not prove .* write sqrt\(max\(\.\.\., 0\)\)"),
        ("where(sqrt(x1) > 2, x2, 0)", r"could not prove"),
    ],
)
def test_other_formulas_are_refused_by_compiler_and_certifier(formula: str, sentence: str) -> None:
    """Kills: sqrt of the nonnegative part only; a branch chosen by a condition that is not real."""
    with pytest.raises(DomainError, match=sentence):
        theory.compile(formula, 2, epsilon=0.5)
    with pytest.raises(DomainError, match=sentence):
        certify(random_layer(2, 1, 0), read_target(formula, 2), 1e6)


@pytest.mark.parametrize(
    ("formula", "simplified"),
    [
        ("sqrt(x1)**2", "x1"),
        ("x1/x1", "1"),
        ("exp(log(x1))", "x1"),
        ("0*log(x1)", "0"),
        ("(x1**(1/3))**3", "x1"),
        ("sqrt(x1-2) - sqrt(x1-2)", "0"),
        ("log(x1)**0", "1"),
        ("x1*x1**-1", "1"),
        ("min(0, max(1, 1/x1)*0)", "0"),
        ("tan(x1*2)*cos(x1*2) + x2", r"x2 \+ sin"),
    ],
)
def test_definedness_is_a_property_of_the_formula_as_written(formula: str, simplified: str) -> None:
    """Kills: a check after sympy has simplified the undefined part away, x^0 = 1 for no x."""
    with pytest.raises(DomainError, match=rf"sympy simplifies it to {simplified}.* --simplify"):
        theory.compile(formula, 2, epsilon=0.5)
    layer = theory.compile(formula, 2, epsilon=0.5, simplify=True)
    assert layer.certificate.bound <= 0.5


@pytest.mark.parametrize("formula", ["x1/x1", "exp(log(x1))", "sqrt(x1)**2", "0*log(x1)"])
def test_the_same_formulas_are_defined_elsewhere(formula: str) -> None:
    check_defined(read_target(formula, 2, domain=(0.5, 2.0)))


@given(formulas, st.lists(st.floats(-1, 1), min_size=2, max_size=2))
def test_programs_as_written_compute_what_sympy_computes(formula: str, point: list[float]) -> None:
    """Enclosures of two translations of one number meet. Kills: a swapped operand or branch."""
    target = read_target(formula, 2)
    points = np.array([point])
    written = enclose(target.written[0][0].program, points, points, points).value
    simplified = enclose(target.programs[0][0], points, points, points).value
    apart = (written.lower > simplified.upper) | (simplified.lower > written.upper)
    assert not np.any(apart)


@pytest.mark.parametrize("formula", ["sqrt(-1)*x1", "log(-2) + x1", "x1/0", "x1 + log(0)"])
def test_constants_that_are_no_numbers_are_refused(formula: str) -> None:
    with pytest.raises(DomainError, match=r"formula: the constant .* finite real number; remove"):
        read_target(formula, 1)


def test_boxes_with_undefined_points_have_no_bound() -> None:
    """Kills: a range of the real part, which once was accepted where a part was not real."""
    target, weights = read_target("sqrt(x1 + 0.9)", 1), random_layer(1, 1, 0)
    (piece,) = whole_pieces(View(weights, target, 0, 0, collapse(weights, 0, 1.0)))
    lower, upper = np.array([[-1.0], [-0.9000001], [-0.89]]), np.array([[1.0], [0.0], [1.0]])
    known = piece.error.enclose(lower, upper)
    assert np.isnan(known.lower).tolist() == np.isnan(known.upper).tolist() == [True, True, False]


def test_square_root_is_nan_at_the_smallest_negative_number() -> None:
    assert np.isnan(Interval(np.array(-5e-324), np.array(1.0)).sqrt().upper)
    assert Interval(np.array(0.0), np.array(1.0)).sqrt().lower == 0.0


@pytest.mark.parametrize("formula", ["sqrt(x1 + 1)", "sqrt(x1**2 + 1/10)"])
def test_roots_are_compiled_and_verified(formula: str, tmp_path: Path) -> None:
    layer = theory.compile(formula, 1, epsilon=0.1)
    assert layer.certificate.bound <= 0.1
    assert verify(layer.save(tmp_path)).share == 1.0
