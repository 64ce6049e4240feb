"""First-order forms on complex polydiscs: crude bounds of analytic functions around real boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.certificates.balls import LIBM, OUT, TINY, UNIT, Ball

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# cosh overflows beyond; a smaller argument only makes the bounds below larger.
FARTHEST = 300.0


@dataclass(frozen=True)
class Disc:
    """middle + first xi + second tau + rest, |rest| <= radius, for complex |xi|, |tau| <= reach.

    The arrays broadcast against each other; the three numbers of a form are real.
    """

    middle: Array
    first: Array
    second: Array
    radius: Array
    reach: Array

    def constant(self, ball: Ball) -> Disc:
        """A number, the same on every polydisc."""
        zero = np.zeros_like(ball.middle)
        return Disc(ball.middle, zero, zero, ball.radius, self.reach)

    def wide(self, count: int, width: int) -> Disc:
        """The disc spread over (count, width)."""
        names = ("middle", "first", "second", "radius")
        spread = [np.broadcast_to(getattr(self, name), (count, width)) for name in names]
        return Disc(spread[0], spread[1], spread[2], spread[3], self.reach)

    def beside(self, others: Sequence[Disc]) -> Disc:
        """The disc with further columns appended."""
        every = [self, *others]
        names = ("middle", "first", "second", "radius")
        joined = [np.concatenate([getattr(d, n) for d in every], -1) for n in names]
        return Disc(joined[0], joined[1], joined[2], joined[3], self.reach)

    @property
    def sway(self) -> Array:
        """A bound of |first xi + second tau|."""
        return np.asarray(self.reach * (np.abs(self.first) + np.abs(self.second)) * OUT)

    @property
    def above(self) -> Array:
        """A bound of the size on the whole polydisc; infinite where there is none."""
        found = (np.abs(self.middle) + self.sway + self.radius) * OUT
        return np.where(np.isfinite(found), found, np.inf)

    def _made(self, middle: Any, first: Any, second: Any, radius: Any) -> Disc:
        """The disc widened by the rounding of its own numbers, each computed by at most four
        operations.
        """
        sizes = np.abs(middle) + self.reach * (np.abs(first) + np.abs(second))
        rest = (radius + 4 * UNIT * sizes) * OUT + TINY
        return Disc(middle, first, second, rest, self.reach)

    def __add__(self, other: Disc) -> Disc:
        return self._made(
            self.middle + other.middle,
            self.first + other.first,
            self.second + other.second,
            self.radius + other.radius,
        )

    def __neg__(self) -> Disc:
        return Disc(-self.middle, -self.first, -self.second, self.radius, self.reach)

    def __sub__(self, other: Disc) -> Disc:
        return self + -other

    def __mul__(self, other: Disc) -> Disc:
        own, others = np.abs(self.middle), np.abs(other.middle)
        sway, swings = self.sway, other.sway
        radius = (own + sway) * other.radius + (others + swings) * self.radius
        radius = radius + self.radius * other.radius + sway * swings
        # What is lost in a sum of two products is a share of their sizes, not of the sum.
        lost = 4 * UNIT * (own * swings + others * sway)
        return self._made(
            self.middle * other.middle,
            self.middle * other.first + other.middle * self.first,
            self.middle * other.second + other.middle * self.second,
            radius + lost,
        )

    def power(self, exponent: int) -> Disc:
        """The power z^n for n >= 1."""
        result = self
        for _ in range(exponent - 1):
            result = result * self
        return result

    def sin(self) -> Disc:
        """The sine, by |sin''| <= cosh |Im z|."""
        bend = np.cosh(self._spread) / 2
        return self._taylor(np.sin(self.middle), np.cos(self.middle), bend)

    def cos(self) -> Disc:
        """The cosine, by |cos''| <= cosh |Im z|."""
        bend = np.cosh(self._spread) / 2
        return self._taylor(np.cos(self.middle), -np.sin(self.middle), bend)

    def exp(self) -> Disc:
        """The exponential, by |exp''| = exp(Re z)."""
        value = np.exp(self.middle)
        return self._taylor(value, value, np.exp(self.middle + self._spread) / 2)

    def tanh(self) -> Disc:
        """The hyperbolic tangent, by |tanh''| = 2 |tanh| |1 / cosh^2|, with |cosh z|^2 = cosh^2(Re
        z) - sin^2(Im z).
        """
        spread = self._spread
        nearest = np.clip(np.abs(self.middle) - spread, 0.0, FARTHEST)
        wide = np.sin(np.minimum(spread, np.pi / 2)) ** 2
        # Both squares are right to a few units in the last place of cosh^2 >= 1.
        least = np.cosh(nearest) ** 2 * (1 - 1e-13) - wide - 1e-13
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(least > 0, 1 / least, np.inf) * OUT
            value = np.tanh(self.middle)
            bend = (np.abs(value) + spread * slope) * slope
        return self._taylor(value, 1 - value**2, bend)

    @property
    def _spread(self) -> Array:
        """A bound of |z - middle|."""
        return (self.sway + self.radius) * OUT

    def _taylor(self, value: Array, slope: Array, bend: Array) -> Disc:
        """f(c) + f'(c) (z - c) + rest, |rest| <= bend |z - c|^2 with bend >= |f''| / 2.

        The library's values are off by a few units in the last place, a slope 1 - y^2 by as many
        of 1.
        """
        spread = self._spread
        with np.errstate(invalid="ignore", over="ignore"):
            radius = np.abs(slope) * self.radius + bend * (1 + 1e-12) * spread**2
            radius = radius + 8 * LIBM * UNIT * (np.abs(value) + (1 + np.abs(slope)) * spread)
            return self._made(value, slope * self.first, slope * self.second, radius)

    def linear(self, weight: Array, bias: Array | None) -> Disc:
        """z W^T + b; sums in any order lose at most gamma_(n+1)."""
        count = weight.shape[1] + 1
        gamma = count * UNIT / (1 - count * UNIT)
        sizes, sway = np.abs(weight).T, self.sway
        middle = self.middle @ weight.T
        lost = (np.abs(self.middle) + sway) @ sizes
        if bias is not None:
            middle, lost = middle + bias, lost + np.abs(bias)
        radius = self.radius @ sizes + gamma * lost
        return self._made(middle, self.first @ weight.T, self.second @ weight.T, radius)
