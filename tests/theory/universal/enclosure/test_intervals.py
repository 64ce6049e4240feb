"""Interval arithmetic holds the exact result, judged by mpmath at 60 digits."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.universal.enclosure.intervals import LIBM_ULPS, Interval, down, up

FLOATS = st.floats(-30, 30, allow_nan=False)
UNARY = {
    "exp": mpmath.exp,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "atan": mpmath.atan,
    "absolute": abs,
}


def interval(a: float, b: float) -> Interval:
    return Interval(np.array([min(a, b)]), np.array([max(a, b)]))


def holds(found: Interval, exact: mpmath.mpf) -> bool:
    return mpmath.mpf(float(found.lower[0])) <= exact <= mpmath.mpf(float(found.upper[0]))


@given(value=st.floats(-1e308, 1e308))
def test_down_and_up_leave_the_float(value: float) -> None:
    """Kills: a step of half an ulp, or none near zero."""
    array = np.array([value])
    assert down(array)[0] < value < up(array)[0]


@settings(deadline=None, max_examples=150)
@given(a=FLOATS, b=FLOATS, c=FLOATS, d=FLOATS, s=st.floats(0, 1), t=st.floats(0, 1))
def test_arithmetic_holds_exact_results(
    a: float, b: float, c: float, d: float, s: float, t: float
) -> None:
    """Kills: a missing corner of the product, an inward rounding."""
    left, right = interval(a, b), interval(c, d)
    with mpmath.workdps(60):
        x = np.clip(a + s * (b - a), min(a, b), max(a, b))
        y = np.clip(c + t * (d - c), min(c, d), max(c, d))
        p, q = mpmath.mpf(float(x)), mpmath.mpf(float(y))
        assert holds(left + right, p + q)
        assert holds(left - right, p - q)
        assert holds(left * right, p * q)
        assert holds(left.maximum(right), max(p, q))
        assert holds(left.minimum(right), min(p, q))
        for exponent in (2, 3, 5, 6):
            assert holds(left.power(exponent), p**exponent)
        if min(abs(c), abs(d)) > 1e-300 and not right.has_zero[0]:
            assert holds(right.reciprocal(), 1 / q)


@settings(deadline=None, max_examples=150)
@given(a=FLOATS, b=FLOATS, s=st.floats(0, 1), name=st.sampled_from(sorted(UNARY)))
def test_functions_hold_exact_results(a: float, b: float, s: float, name: str) -> None:
    """Kills: a sine that forgets its extrema, a range shrunk by 10 %."""
    box = interval(a, b)
    x = float(np.clip(a + s * (b - a), min(a, b), max(a, b)))
    with mpmath.workdps(60):
        assert holds(getattr(box, name)(), UNARY[name](mpmath.mpf(x)))


@pytest.mark.parametrize("turns", [0, 1, -3, 1000])
def test_sine_finds_its_extrema_in_thin_intervals(turns: int) -> None:
    """Kills: the test for an extremum without its slack."""
    top = np.pi / 2 + 2 * np.pi * turns
    found = interval(top - 1e-9, top + 1e-9).sin()
    assert found.upper[0] == 1.0
    assert found.lower[0] > 1 - 1e-12


def test_undefined_is_nan_and_never_hidden() -> None:
    assert np.isnan(interval(-1, 1).reciprocal().lower[0])
    assert np.isnan(interval(-1, 1).log().upper[0])
    assert np.isnan((interval(-1, 1).reciprocal() * interval(2, 3)).upper[0])
    assert interval(-2, 3).power(2).lower[0] == 0.0
    assert interval(-2, -1).power(3).upper[0] >= -1.0


@pytest.mark.parametrize("small", [2.0**-60, -(2.0**-60), 2.0**-53, 3e-17])
def test_sums_are_rounded_outwards(small: float) -> None:
    """1 + small is not a float. Kills: sums and differences without their outward step."""
    one, other = Interval.point(1.0), Interval.point(small)
    for exact, found in (
        (Fraction(1) + Fraction(small), one + other),
        (Fraction(1) - Fraction(small), one - other),
    ):
        assert Fraction(float(found.lower)) <= exact <= Fraction(float(found.upper))


@pytest.mark.parametrize("function", ["exp", "log", "sin", "cos", "tanh", "atan"])
def test_library_functions_are_not_trusted_to_the_last_place(function: str) -> None:
    """Kills: the assumed error of libm left out, which no good libm would show."""
    found = getattr(Interval.point(0.7), function)()
    middle = (float(found.lower) + float(found.upper)) / 2
    ulp = float(np.spacing(abs(middle)))
    assert float(found.upper - found.lower) >= 2 * LIBM_ULPS * ulp
