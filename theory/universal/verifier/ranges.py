"""Interval arithmetic of the verifier, on arrays.

Sums and products are rounded by their exact errors. exp, log, sin, cos, tanh and arctan of numpy
are taken to be within `LIBRARY` of the exact value, 64 ulp: sixteen times what numpy states and
what the certifier counts on. A function that may be undefined on an interval gives NaN, and NaN
goes through everything that follows.

The certifier has an interval arithmetic of its own in `theory.universal.enclosure`. Formulas are
written twice on purpose: an error in one table is not an error in the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from theory.universal.arrays import Array
from theory.universal.verifier.rounded import TINY, products, sums

Truth = NDArray[np.bool_]
LIBRARY = 2.0**-46
_TURN = 2.0 * math.pi
_LARGEST_ANGLE = 1e6
"""Beyond it sin is taken as anything in [-1, 1]; below it x / (2 pi) is right to 1e-9 turns."""
_TURN_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Range:
    """All real numbers from `lower` to `upper`, elementwise."""

    lower: Array
    upper: Array

    @classmethod
    def point(cls, value: float | Array) -> Range:
        """The floats themselves."""
        array = np.asarray(value, dtype=np.float64)
        return cls(array, array)

    @classmethod
    def fraction(cls, value: Fraction) -> Range:
        """The two floats around a rational number, or the one that it is."""
        near = float(value)
        exact = Fraction(near)
        below = near if exact <= value else math.nextafter(near, -math.inf)
        above = near if exact >= value else math.nextafter(near, math.inf)
        return cls(np.asarray(below), np.asarray(above))

    def __add__(self, other: Range) -> Range:
        return Range(sums(self.lower, other.lower)[0], sums(self.upper, other.upper)[1])

    def __neg__(self) -> Range:
        return Range(-self.upper, -self.lower)

    def __sub__(self, other: Range) -> Range:
        return self + -other

    def __mul__(self, other: Range) -> Range:
        corners = [
            products(a, b) for a in (self.lower, self.upper) for b in (other.lower, other.upper)
        ]
        lower, upper = corners[0]
        for below, above in corners[1:]:
            lower, upper = np.minimum(lower, below), np.maximum(upper, above)
        return Range(lower, upper)

    @property
    def magnitude(self) -> Array:
        """max |x|."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    def where_not(self, bad: Truth) -> Range:
        """The range with NaN where `bad`."""
        return Range(np.where(bad, np.nan, self.lower), np.where(bad, np.nan, self.upper))

    def reciprocal(self) -> Range:
        """1 / x; NaN where the interval holds 0."""
        bad = ~((self.lower > 0) | (self.upper < 0))
        return Range(*_next(1.0 / self.upper, 1.0 / self.lower)).where_not(bad)

    def power(self, exponent: int) -> Range:
        """x**k for an integer k."""
        if exponent < 0:
            return self.power(-exponent).reciprocal()
        if exponent == 0:
            one = np.where(np.isnan(self.lower + self.upper), np.nan, 1.0)
            return Range(one, one)
        if exponent % 2 == 0:
            size = self.absolute()
            return Range(_repeated(size.lower, exponent, 0), _repeated(size.upper, exponent, 1))
        lower, upper = (
            np.where(
                end >= 0,
                _repeated(np.abs(end), exponent, side),
                -_repeated(np.abs(end), exponent, 1 - side),
            )
            for side, end in ((0, self.lower), (1, self.upper))
        )
        return Range(lower, upper)

    def absolute(self) -> Range:
        """|x|."""
        least = np.minimum(np.abs(self.lower), np.abs(self.upper))
        across = (self.lower <= 0) & (self.upper >= 0)
        return Range(np.where(across, 0.0, least), self.magnitude)

    def sqrt(self) -> Range:
        """The square root; NaN where the interval reaches below 0."""
        lower, upper = _next(np.sqrt(self.lower), np.sqrt(self.upper))
        return Range(np.maximum(lower, 0.0), upper).where_not(~(self.lower >= 0))

    def exp(self) -> Range:
        """The exponential."""
        result = _library(np.exp(self.lower), np.exp(self.upper), 0.0)
        return Range(np.maximum(result.lower, 0.0), result.upper)

    def log(self) -> Range:
        """The logarithm; NaN where the interval reaches 0 or below."""
        return _library(np.log(self.lower), np.log(self.upper), 0.0).where_not(~(self.lower > 0))

    def tanh(self) -> Range:
        """The hyperbolic tangent."""
        return _library(np.tanh(self.lower), np.tanh(self.upper), LIBRARY).within(1.0)

    def atan(self) -> Range:
        """The arc tangent."""
        return _library(np.arctan(self.lower), np.arctan(self.upper), LIBRARY)

    def sin(self) -> Range:
        """The sine: values at both ends, and 1 and -1 where a crest or trough may lie between."""
        ends = np.sin(self.lower), np.sin(self.upper)
        result = _library(np.minimum(*ends), np.maximum(*ends), LIBRARY).within(1.0)
        upper = np.where(self._meets(0.25), 1.0, result.upper)
        return Range(np.where(self._meets(0.75), -1.0, result.lower), upper)

    def _meets(self, phase: float) -> Truth:
        """Whether some integer + phase may lie in the interval over 2 pi."""
        first = np.ceil(self.lower / _TURN - phase - _TURN_SLACK)
        last = np.floor(self.upper / _TURN - phase + _TURN_SLACK)
        return np.asarray((last >= first) | ~(self.magnitude < _LARGEST_ANGLE))

    def cos(self) -> Range:
        """The cosine, sin(x + pi / 2)."""
        return (self + HALF_PI).sin()

    def within(self, limit: float) -> Range:
        """The part in [-limit, limit]; NaN stays."""
        return Range(np.maximum(self.lower, -limit), np.minimum(self.upper, limit))

    def maximum(self, other: Range) -> Range:
        """max(x, y)."""
        lower = np.maximum(self.lower, other.lower)
        return Range(lower, np.maximum(self.upper, other.upper))

    def hull(self, other: Range) -> Range:
        """The smallest interval around both."""
        lower = np.minimum(self.lower, other.lower)
        return Range(lower, np.maximum(self.upper, other.upper))

    def meet(self, other: Range) -> Range:
        """The common part of two enclosures of the same number; NaN in `self` stays."""
        lower = np.where(other.lower > self.lower, other.lower, self.lower)
        return Range(lower, np.where(other.upper < self.upper, other.upper, self.upper))


def _next(lower: Array, upper: Array) -> tuple[Array, Array]:
    return np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)


def _library(lower: Array, upper: Array, absolute: float) -> Range:
    """Widens by `LIBRARY` relative (1.5 of it covers the widening's own rounding)."""
    relative = 1.5 * LIBRARY
    below = lower - (np.abs(lower) * relative + absolute + TINY)
    return Range(below, upper + (np.abs(upper) * relative + absolute + TINY))


def _repeated(value: Array, exponent: int, side: int) -> Array:
    """The power value**exponent, value >= 0, by repeated squaring, rounded down (0) or up (1)."""
    result, square = np.ones_like(value), value
    while exponent:
        if exponent & 1:
            result = np.maximum(products(result, square)[side], 0.0)
        exponent >>= 1
        if exponent:
            square = np.maximum(products(square, square)[side], 0.0)
    return result


PI = Range(np.asarray(math.pi), np.asarray(math.nextafter(math.pi, math.inf)))
"""math.pi = 3.14159265358979311... is below pi = 3.14159265358979323..."""
HALF_PI = PI * Range.point(0.5)

Function = Callable[[Range], Range]
