"""Outward-rounded interval arithmetic on arrays: the exact result always lies inside.

IEEE float64 with rounding to nearest is assumed for + - * / and sqrt. For exp, log, sin, cos, tanh
and atan an error of at most `LIBM_ULPS` units in the last place is assumed (the documented bound
of numpy's vector library); it is written into every certificate. NaN and infinities may appear and
are never hidden: a bound that is NaN compares false with every epsilon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sciformer.errors import CertificateError
from theory.universal.arrays import Array

LIBM_ULPS = 4
_EPS = 2.0**-52
_TINY = 5e-324
_HALF_PI = 1.5707963267948966


def check_gradual_underflow() -> None:
    """Refuses to work where subnormal numbers are flushed to 0: the ends below would not move.

    Raises:
        CertificateError: as after `torch.set_flush_denormal(True)`.
    """
    if not np.array([_TINY]) * np.array([1.0]) > 0:
        raise CertificateError(
            "certify: this process flushes subnormal numbers to 0, so no interval can be "
            "rounded outward; call torch.set_flush_denormal(False) first."
        )


def down(value: Array) -> Array:
    """A float below every real number that rounds to `value` (cheaper than `nextafter`).

    |x| 2^-52 is at least one ulp of x, and the smallest float covers underflow.
    """
    return value - (np.abs(value) * _EPS + _TINY)


def up(value: Array) -> Array:
    """A float above every real number that rounds to `value`."""
    return value + (np.abs(value) * _EPS + _TINY)


def _sum_down(value: Array) -> Array:
    """`down` for sums and differences: a float sum of 0 or in the subnormal range is exact.

    So a sum of numbers that are not negative has a lower end that is not negative.
    """
    return value - np.abs(value) * _EPS


def _sum_up(value: Array) -> Array:
    return value + np.abs(value) * _EPS


def _library(lower: Array, upper: Array) -> Interval:
    """Widens the values of a library function by its assumed error."""
    width = LIBM_ULPS * _EPS
    return Interval(
        down(lower - (np.abs(lower) * width + 1e-300)),
        up(upper + (np.abs(upper) * width + 1e-300)),
    )


@dataclass(frozen=True, slots=True)
class Interval:
    """Arrays of closed intervals [lower, upper] of one shape (or broadcastable)."""

    lower: Array
    upper: Array

    @classmethod
    def point(cls, value: float | Array) -> Interval:
        """The interval that holds one number."""
        array = np.asarray(value, dtype=np.float64)
        return cls(array, array)

    @property
    def magnitude(self) -> Array:
        """max |x|."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    @property
    def has_zero(self) -> NDArray[np.bool_]:
        """Whether 0 lies inside."""
        return (self.lower <= 0) & (self.upper >= 0)

    def __add__(self, other: Interval) -> Interval:
        return Interval(_sum_down(self.lower + other.lower), _sum_up(self.upper + other.upper))

    def __sub__(self, other: Interval) -> Interval:
        return Interval(_sum_down(self.lower - other.upper), _sum_up(self.upper - other.lower))

    def __neg__(self) -> Interval:
        return Interval(-self.upper, -self.lower)

    def __mul__(self, other: Interval) -> Interval:
        if other.lower is other.upper:
            return _scaled(self, other.lower)
        if self.lower is self.upper:
            return _scaled(other, self.lower)
        a, b = self.lower * other.lower, self.lower * other.upper
        c, d = self.upper * other.lower, self.upper * other.upper
        lower = np.minimum(np.minimum(a, b), np.minimum(c, d))
        upper = np.maximum(np.maximum(a, b), np.maximum(c, d))
        return Interval(_above_zero(down(lower), self, other), up(upper))

    def hull(self, other: Interval) -> Interval:
        """The smallest interval around both."""
        return Interval(np.minimum(self.lower, other.lower), np.maximum(self.upper, other.upper))

    def reciprocal(self) -> Interval:
        """The reciprocal 1/x; NaN where the interval holds 0."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            lower, upper = down(1.0 / self.upper), up(1.0 / self.lower)
        bad = self.has_zero
        return Interval(np.where(bad, np.nan, lower), np.where(bad, np.nan, upper))

    def power(self, exponent: int) -> Interval:
        """The power x^k for an integer k, by repeated squaring with outward rounding."""
        if exponent < 0:
            return self.power(-exponent).reciprocal()
        if exponent == 0:  # where x itself is undefined, so is x^0
            return Interval.point(np.where(np.isnan(self.lower + self.upper), np.nan, 1.0))
        if exponent == 1:
            return self
        if exponent % 2 == 0:
            return self.absolute()._power_of_positive(exponent)
        low, high = Interval.point(self.lower), Interval.point(self.upper)
        return Interval(_odd_power(low, exponent).lower, _odd_power(high, exponent).upper)

    def _power_of_positive(self, exponent: int) -> Interval:
        result: Interval | None = None
        square = self
        while exponent:
            if exponent & 1:
                result = square if result is None else result._times_positive(square)
            exponent >>= 1
            if exponent:
                square = square._times_positive(square)
        assert result is not None, "a positive exponent has a set bit"
        return result

    def _times_positive(self, other: Interval) -> Interval:
        lower = np.maximum(down(self.lower * other.lower), 0.0)
        return Interval(lower, up(self.upper * other.upper))

    def _with_sign(self, sign: Array) -> Interval:
        negative = sign < 0
        return Interval(
            np.where(negative, -self.upper, self.lower), np.where(negative, -self.lower, self.upper)
        )

    def absolute(self) -> Interval:
        """The absolute value |x|."""
        least = np.minimum(np.abs(self.lower), np.abs(self.upper))
        return Interval(np.where(self.has_zero, 0.0, least), self.magnitude)

    def sqrt(self) -> Interval:
        """The square root; NaN where the interval reaches below 0, if only by a rounding error."""
        with np.errstate(invalid="ignore"):
            lower, upper = np.sqrt(self.lower), up(np.sqrt(self.upper))
        bad = ~(self.lower >= 0)
        return Interval(np.maximum(down(lower), 0.0), np.where(bad, np.nan, upper))

    def exp(self) -> Interval:
        """The exponential, whose lower end is not negative."""
        with np.errstate(over="ignore"):
            result = _library(np.exp(self.lower), np.exp(self.upper))
        return Interval(np.maximum(result.lower, 0.0), result.upper)

    def log(self) -> Interval:
        """The logarithm; NaN where the interval reaches 0 or below."""
        with np.errstate(divide="ignore", invalid="ignore"):
            result = _library(np.log(self.lower), np.log(self.upper))
        bad = ~(self.lower > 0)
        return Interval(np.where(bad, np.nan, result.lower), np.where(bad, np.nan, result.upper))

    def tanh(self) -> Interval:
        """The hyperbolic tangent, within [-1, 1]."""
        return self._bounded(np.tanh, 1.0)

    def atan(self) -> Interval:
        """The arc tangent, within the interval around [-pi/2, pi/2]."""
        return self._bounded(np.arctan, float(up(np.asarray(_HALF_PI))))

    def _bounded(self, function: Callable[[Array], Array], limit: float) -> Interval:
        result = _library(function(self.lower), function(self.upper))
        return Interval(np.maximum(result.lower, -limit), np.minimum(result.upper, limit))

    def sin(self) -> Interval:
        """The sine; extrema are looked for in a slightly wider interval, which only widens the
        result.

        The numbers of the extrema are computed with an absolute error below 1e-15 |x| + 1e-15.
        """
        with np.errstate(invalid="ignore"):
            at_lower, at_upper = np.sin(self.lower), np.sin(self.upper)
            result = _library(np.minimum(at_lower, at_upper), np.maximum(at_lower, at_upper))
            return Interval(
                np.where(self._reaches(-_HALF_PI), -1.0, np.maximum(result.lower, -1.0)),
                np.where(self._reaches(_HALF_PI), 1.0, np.minimum(result.upper, 1.0)),
            )

    def _reaches(self, phase: float) -> NDArray[np.bool_]:
        """Whether phase + 2 pi k may lie inside for some integer k."""
        slack = 1e-13 * (1.0 + self.magnitude)
        turns = np.ceil((self.lower - slack - phase) / (4 * _HALF_PI))
        return np.asarray(phase + 4 * _HALF_PI * turns <= self.upper + slack)

    def cos(self) -> Interval:
        """The cosine, sin(x + pi/2)."""
        return (self + HALF_PI).sin()

    def maximum(self, other: Interval) -> Interval:
        """max(x, y)."""
        lower = np.maximum(self.lower, other.lower)
        return Interval(lower, np.maximum(self.upper, other.upper))

    def minimum(self, other: Interval) -> Interval:
        """min(x, y)."""
        lower = np.minimum(self.lower, other.lower)
        return Interval(lower, np.minimum(self.upper, other.upper))


HALF_PI = Interval(down(np.asarray(_HALF_PI)), up(np.asarray(_HALF_PI)))


def _scaled(interval: Interval, factor: Array) -> Interval:
    a, b = interval.lower * factor, interval.upper * factor
    lower = _above_zero(down(np.minimum(a, b)), interval, Interval(factor, factor))
    return Interval(lower, up(np.maximum(a, b)))


def _above_zero(lower: Array, left: Interval, right: Interval) -> Array:
    """The lower end of a product, which is not negative if neither factor is."""
    positive = (left.lower >= 0) & (right.lower >= 0)
    return np.where(positive, np.maximum(lower, 0.0), lower)


def _odd_power(point: Interval, exponent: int) -> Interval:
    return point.absolute()._power_of_positive(exponent)._with_sign(point.lower)
