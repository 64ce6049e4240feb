"""The verifier's directed rounding and intervals, against exact fractions and arb balls."""

from __future__ import annotations

import math
from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.universal.verifier.ranges import HALF_PI, PI, Range
from theory.universal.verifier.rounded import above, gamma, products, sums

floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
moderate = st.floats(-30, 30, allow_nan=False)


def around(function: object, left: float, right: float) -> tuple[float, float]:
    with np.errstate(all="ignore"):
        below, over = function(np.asarray(left), np.asarray(right))  # type: ignore[operator]
    return float(below), float(over)


def contains(ends: tuple[float, float], exact: Fraction) -> bool:
    low = -math.inf if math.isinf(ends[0]) else Fraction(ends[0])
    high = math.inf if math.isinf(ends[1]) else Fraction(ends[1])
    return low <= exact <= high


@given(floats, floats)
def test_sums_are_rounded_outward_and_no_further_than_needed(left: float, right: float) -> None:
    """Kills: the two ends swapped, an error with the wrong sign, no rounding at all."""
    ends, exact = around(sums, left, right), Fraction(left) + Fraction(right)
    assert contains(ends, exact)
    if math.isfinite(left + right):
        assert ends[1] <= math.nextafter(ends[0], math.inf)
        assert ends[0] == ends[1] or Fraction(left + right) != exact


@given(floats, floats)
def test_products_are_rounded_outward(left: float, right: float) -> None:
    """Kills: Dekker's split outside its range (underflow, overflow), swapped ends."""
    ends, exact = around(products, left, right), Fraction(left) * Fraction(right)
    assert contains(ends, exact)
    if left == 0 or right == 0:
        assert ends == (0.0, 0.0)


@given(st.floats(1e-100, 1e100), st.floats(1e-100, 1e100))
def test_products_in_the_normal_range_are_sharp(left: float, right: float) -> None:
    """Kills: products that are always widened, which would refuse sqrt(2 x + 2) at x = -1."""
    ends, exact = around(products, left, right), Fraction(left) * Fraction(right)
    assert ends[0] <= left * right <= ends[1] <= math.nextafter(ends[0], math.inf)
    assert (ends[0] == ends[1]) == (Fraction(left * right) == exact)


@given(st.lists(st.floats(0, 1e10), min_size=1, max_size=40))
def test_above_covers_a_sum_in_floats(terms: list[float]) -> None:
    """Kills: `above` with the sign of its margin turned."""
    total = 0.0
    for term in terms:
        total += term
    assert Fraction(float(above(np.asarray(total), len(terms)))) >= sum(map(Fraction, terms))
    assert gamma(10) >= 10 * 2.0**-53 / (1 - 10 * 2.0**-53) > 0


FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos", "tanh", "atan")


@given(st.sampled_from(FUNCTIONS), moderate, st.floats(0, 8), st.floats(0, 1))
def test_functions_hold_every_value(name: str, low: float, width: float, part: float) -> None:
    """Kills: an end taken at the wrong end, a crest or trough that is missed."""
    high = low + width
    with np.errstate(all="ignore"):
        found = getattr(Range(np.asarray(low), np.asarray(high)), name)()
    if (name == "log" and low <= 0) or (name == "sqrt" and low < 0):
        assert math.isnan(float(found.lower))
        assert math.isnan(float(found.upper))
        return
    point = min(max(low + part * width, low), high)
    for at in (low, high, point):
        exact = getattr(flint.arb(at), name)()
        assert float(found.lower) <= float(exact.upper())
        assert float(found.upper) >= float(exact.lower())


def test_crests_and_troughs() -> None:
    """Kills: 3/4 and 1/4 of a turn swapped."""
    found = Range(np.array([1.0, 4.0, 0.0, 1e9]), np.array([2.0, 5.0, 1.0, 1e9])).sin()
    assert found.upper[0] == 1.0
    assert found.lower[0] == pytest.approx(math.sin(1))
    assert found.lower[1] == -1.0
    assert found.upper[1] == pytest.approx(math.sin(4))
    assert found.upper[2] == pytest.approx(math.sin(1))
    assert (found.lower[3], found.upper[3]) == (-1.0, 1.0)
    assert Range.point(0.0).cos().upper == pytest.approx(1.0)
    assert float(PI.lower) == math.pi < float(PI.upper)
    assert float(HALF_PI.lower) == math.pi / 2 < float(HALF_PI.upper)


@given(moderate, st.floats(0, 5), st.floats(0, 1), st.integers(-5, 9))
def test_powers_hold_every_value(low: float, width: float, part: float, exponent: int) -> None:
    """Kills: an odd power of negative numbers rounded inward, an even one without its zero."""
    high = low + width
    with np.errstate(all="ignore"):
        found = Range(np.asarray(low), np.asarray(high)).power(exponent)
    if exponent < 0 and (low <= 0 <= high or min(abs(low), abs(high)) < 1e-60):
        # Nothing is known of 1 / 0, nor of 1 / x**5 where x**5 may be 0 in float64.
        assert math.isnan(float(found.lower)) or low > 0 or high < 0
        return
    for at in (low, high, min(max(low + part * width, low), high)):
        exact = Fraction(at) ** exponent
        assert contains((float(found.lower), float(found.upper)), exact)


@given(moderate, st.floats(0, 5), moderate, st.floats(0, 5), st.floats(0, 1), st.floats(0, 1))
def test_products_of_intervals(
    a: float, wide: float, b: float, tall: float, s: float, t: float
) -> None:
    """Kills: a corner left out, a hull that is a common part, an absolute value below 0."""
    left, right = (
        Range(np.asarray(a), np.asarray(a + wide)),
        Range(np.asarray(b), np.asarray(b + tall)),
    )
    x, y = min(max(a + s * wide, a), a + wide), min(max(b + t * tall, b), b + tall)
    results = {
        "product": (left * right, Fraction(x) * Fraction(y)),
        "sum": (left + right, Fraction(x) + Fraction(y)),
        "difference": (left - right, Fraction(x) - Fraction(y)),
        "maximum": (left.maximum(right), Fraction(max(x, y))),
        "hull": (left.hull(right), Fraction(y)),
        "absolute": (left.absolute(), abs(Fraction(x))),
    }
    for name, (found, exact) in results.items():
        assert contains((float(found.lower), float(found.upper)), exact), name


def test_roots_and_quotients_of_what_may_be_outside() -> None:
    """A root of exactly 0 is fine, of anything below it is not a number; so is 1 / 0."""
    ends = Range(np.array([0.0, -5e-324, -1.0]), np.array([1.0, 1.0, -0.5]))
    with np.errstate(all="ignore"):
        roots = ends.sqrt()
        quotients = ends.reciprocal()
    assert roots.lower[0] == 0.0
    assert np.isnan(roots.lower[1:]).all()
    assert np.isnan(roots.upper[1:]).all()
    assert np.isnan(quotients.lower[:2]).all()
    assert quotients.lower[2] <= -2.0 <= -1.0 <= quotients.upper[2] + 1e-15
