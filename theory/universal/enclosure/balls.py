"""Midpoint-radius matrices: enclosures of products of weights, whatever the order of summation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval, down, up

UNIT = 2.0**-53
_UNDERFLOW = 1e-300
"""More than 10^20 results can lose by underflow, 2^-1075 each: half the smallest subnormal number.
`check_gradual_underflow` refuses a processor that flushes them to 0."""


def gamma(operations: int) -> float:
    """Higham's gamma_k = k u / (1 - k u), rounded up; holds for every order and with FMA.

    1 / (1 - k u) <= 1 + 2^-20 up to k = 2^32 operations, and a margin for rounding this line.
    """
    assert operations <= 2**32, "sums are shorter than that"
    return operations * UNIT * (1.0 + 2.0**-20)


def padded(bound: Array, operations: int) -> Array:
    """A computed nonnegative bound made safe against its own rounding."""
    return np.asarray(bound * (1.0 + 2.0 * gamma(operations + 4)) + _UNDERFLOW)


@dataclass(frozen=True)
class Ball:
    """Matrices M with |M - middle| <= radius, entry by entry."""

    middle: Array
    radius: Array

    @classmethod
    def exact(cls, array: Array) -> Ball:
        """Balls of radius 0."""
        return cls(array, np.zeros_like(array))

    @classmethod
    def around(cls, interval: Interval) -> Ball:
        """The ball around an interval."""
        middle = (interval.lower + interval.upper) / 2
        radius = np.maximum(interval.upper - middle, middle - interval.lower)
        return cls(middle, padded(radius, 2))

    @property
    def interval(self) -> Interval:
        """The interval that holds the ball."""
        radius = padded(self.radius, 4)
        return Interval(down(self.middle - radius), up(self.middle + radius))

    @property
    def magnitude(self) -> Array:
        """max |x|."""
        return padded(np.abs(self.middle) + self.radius, 2)

    def __matmul__(self, other: Ball) -> Ball:
        inner = self.middle.shape[-1]
        size = np.abs(self.middle) @ np.abs(other.middle)
        radius = np.abs(self.middle) @ other.radius + self.radius @ (
            np.abs(other.middle) + other.radius
        )
        middle = self.middle @ other.middle
        return Ball(middle, padded(radius + gamma(inner + 2) * size, inner + 4))

    def __add__(self, other: Ball) -> Ball:
        middle = self.middle + other.middle
        return Ball(middle, padded(self.radius + other.radius + UNIT * np.abs(middle), 4))

    def __mul__(self, other: Ball) -> Ball:
        middle = self.middle * other.middle
        radius = np.abs(self.middle) * other.radius + self.radius * (
            np.abs(other.middle) + other.radius
        )
        return Ball(middle, padded(radius + UNIT * np.abs(middle), 6))
