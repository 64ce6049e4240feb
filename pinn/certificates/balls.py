"""Arrays of real balls, rounded outward: midpoints and radii in float64."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

UNIT = 2.0**-53
# Radii are sums of a few non-negative products, each rounded: far fewer than 2^13 operations.
OUT = 1 + 2.0**-40
# Covers underflow: every operation loses at most a subnormal number, and fewer than 2^40 follow.
TINY = 1e-300
# Units in the last place within which sin, cos, exp and tanh of numpy are taken to be right.
LIBM = 4


@dataclass(frozen=True)
class Ball:
    """All numbers within `radius` of `middle`, elementwise."""

    middle: Array
    radius: Array

    @classmethod
    def of(cls, value: Any) -> Ball:
        """A ball around a rational number, or an array that is exact."""
        if isinstance(value, Fraction):
            middle = float(value)
            gap = abs(value - Fraction(middle))
            return cls(np.array(middle), np.array(float(gap) * OUT + TINY if gap else 0.0))
        array = np.asarray(value, dtype=np.float64)
        return cls(array, np.zeros_like(array))

    def __add__(self, other: Ball) -> Ball:
        middle = self.middle + other.middle
        return Ball(middle, (self.radius + other.radius + UNIT * np.abs(middle)) * OUT)

    def __neg__(self) -> Ball:
        return Ball(-self.middle, self.radius)

    def __sub__(self, other: Ball) -> Ball:
        return self + -other

    def __mul__(self, other: Ball) -> Ball:
        middle = self.middle * other.middle
        own, others = np.abs(self.middle), np.abs(other.middle)
        radius = own * other.radius + others * self.radius + self.radius * other.radius
        return Ball(middle, (radius + UNIT * np.abs(middle)) * OUT + TINY)

    def power(self, exponent: int) -> Ball:
        """The power x^n for n >= 1."""
        result = self
        for _ in range(exponent - 1):
            result = result * self
        return result

    def sin(self) -> Ball:
        """The sine, by |sin'| <= 1."""
        return self._by(np.sin(self.middle), 1.0)

    def cos(self) -> Ball:
        """The cosine, by |cos'| <= 1."""
        return self._by(np.cos(self.middle), 1.0)

    def tanh(self) -> Ball:
        """The hyperbolic tangent, by |tanh'| <= 1."""
        return self._by(np.tanh(self.middle), 1.0)

    def exp(self) -> Ball:
        """The exponential, whose slope is largest at the upper end."""
        value = np.exp(self.middle)
        return self._by(value, value * (1 + 2 * LIBM * UNIT) * (1 + 2 * self.radius))

    def _by(self, value: Array, slope: Any) -> Ball:
        assert (self.radius < 0.5).all() or np.ndim(slope) == 0, "exp(r) <= 1 + 2 r up to r = 1/2"
        return Ball(value, (slope * self.radius + 2 * LIBM * UNIT * np.abs(value)) * OUT + TINY)

    def linear(self, weight: Array, bias: Array | None) -> Ball:
        """The product x W^T + b for rows x (p, n); sums in any order lose at most gamma_(n+1)."""
        count = weight.shape[1] + 1
        gamma = count * UNIT / (1 - count * UNIT)
        sizes = np.abs(weight).T
        middle = self.middle @ weight.T
        lost = np.abs(self.middle) @ sizes
        if bias is not None:
            middle, lost = middle + bias, lost + np.abs(bias)
        return Ball(middle, (self.radius @ sizes + gamma * lost) * OUT + TINY)

    def wide(self, count: int, width: int) -> Ball:
        """The ball spread over (count, width)."""
        shape = (count, width)
        return Ball(np.broadcast_to(self.middle, shape), np.broadcast_to(self.radius, shape))

    def beside(self, others: Sequence[Ball]) -> Ball:
        """The ball with further columns appended."""
        every = [self, *others]
        return Ball(
            np.concatenate([b.middle for b in every], -1),
            np.concatenate([b.radius for b in every], -1),
        )

    @property
    def above(self) -> Array:
        """An upper bound of |x|."""
        return np.asarray((np.abs(self.middle) + self.radius) * OUT)


def pi() -> Ball:
    """A ball around pi: float(pi) is below pi by 1.2e-16."""
    return Ball(np.array(np.pi), np.array(2.0**-52))
