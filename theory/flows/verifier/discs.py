"""Formulas on complex discs in the verifier's balls, written apart from `theory.flows.discs`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import sympy

from sciformer.errors import CertificateError
from theory.flows.verifier.enclosures import Balls, Undefined
from theory.flows.verifier.numbers import Number
from theory.flows.verifier.series import constant


@dataclass(frozen=True)
class Disc:
    """Complex numbers around a real centre.

    Args:
        centre: a ball that holds it.
        reach: a ball whose upper end bounds the distance from it.
    """

    centre: Number
    reach: Number


class DiscArithmetic:
    """Discs in, discs out; `Undefined` where a pole or a branch point may lie inside."""

    def __init__(self, balls: Balls) -> None:
        self.balls = balls

    def constant(self, value: sympy.Expr) -> Disc:
        return Disc(constant(self.balls, value), self.balls.of(0))

    def _size(self, value: Number) -> Number:
        size = self.balls.size(value)
        if not size < math.inf:
            raise Undefined("verify: the reaction may be infinite on a disc.")
        return self.balls.of(size)

    def _positive(self, value: Number) -> Number:
        if not self.balls.numbers.lower(value) > 0:
            raise Undefined("verify: the reaction may be singular on a disc.")
        return value

    def size(self, disc: Disc) -> float:
        """A bound of the absolute values."""
        return self.balls.up(self._size(disc.centre) + disc.reach)

    def add(self, left: Disc, right: Disc) -> Disc:
        return Disc(left.centre + right.centre, left.reach + right.reach)

    def multiply(self, left: Disc, right: Disc) -> Disc:
        a, b = self._size(left.centre), self._size(right.centre)
        moved = a * right.reach + b * left.reach + left.reach * right.reach
        return Disc(left.centre * right.centre, moved)

    def power(self, base: Disc, exponent: int) -> Disc:
        """(c + z)^k - c^k in absolute values: sum_{j >= 1} binomial(k, j) |c|^(k - j) r^j."""
        if exponent < 0:
            return self._reciprocal(self.power(base, -exponent))
        size, centre, above, below = self._size(base.centre), *[self.balls.of(1)] * 3
        for _ in range(exponent):
            centre, above, below = centre * base.centre, above * (size + base.reach), below * size
        return Disc(centre, above - below)

    def _reciprocal(self, value: Disc) -> Disc:
        """|1/(c + z) - 1/c| = |z| / (|c| |c + z|)."""
        numbers = self.balls.numbers
        nearest = max(numbers.lower(value.centre), -numbers.upper(value.centre))
        nearest = self._positive(self.balls.of(nearest))
        left = self._positive(nearest - value.reach)
        return Disc(1 / value.centre, value.reach / (nearest * left))

    def sqrt(self, value: Disc) -> Disc:
        """|sqrt(c + z) - sqrt(c)| = |z| / |sqrt(c + z) + sqrt(c)|, whose real parts are >= 0."""
        self._positive(value.centre - value.reach)
        root = self.balls.sqrt(value.centre)
        # The real part of sqrt(c + z) is at least that of its least value, sqrt(c - r).
        least = self.balls.sqrt(value.centre - value.reach)
        return Disc(root, value.reach / (root + least))

    def function(self, name: str, value: Disc) -> Disc:
        numbers, c, r = self.balls.numbers, value.centre, value.reach
        match name:
            case "exp":
                grown = self.balls.exp(c)
                swell = self.balls.exp(r)
                return Disc(grown, grown * self._least(swell - 1, r * swell))
            case "log":
                # log(1 + z/c) = z/c - (z/c)^2 / 2 + ..., in absolute values.
                share = r / self._positive(c)
                left = self._positive(1 - share)
                return Disc(numbers.log(c), self._least(-numbers.log(left), share / left))
            case "sin" | "cos":
                both = numbers.sin(c), numbers.cos(c)
                here, other = both if name == "sin" else both[::-1]
                return Disc(here, self._turned(here, other, r))
            case "tanh":
                return Disc(numbers.tanh(c), self._tanh_reach(c, r))
            case "atan":
                # 1 + w^2 = (w - i)(w + i), both factors at least the distance of c from i less r.
                left = self._positive(self.balls.sqrt(1 + self._square(c)) - r)
                return Disc(numbers.atan(c), r / (left * left))
        raise CertificateError(f"verify: the reaction holds {name}, which is not analytic.")

    def _square(self, value: Number) -> Number:
        """A number below x^2, and not negative; a large one below it where x^2 is no float."""
        return self.balls.of(max(0.0, self.balls.numbers.lower(value * value)))

    def _turned(self, here: Number, other: Number, reach: Number) -> Number:
        """cos z - 1 is at most cosh r - 1, and sin z at most sinh r."""
        grown, shrunk = self.balls.exp(reach), self.balls.exp(-reach)
        cosh = (grown + shrunk) / 2
        bowed = self._least(cosh - 1, reach * reach / 2 * cosh)
        moved = self._least((grown - shrunk) / 2, reach * cosh)
        return self._size(here) * bowed + self._size(other) * moved

    def _least(self, bound: Number, other: Number) -> Number:
        """The smaller of two bounds; the first loses its digits where the reach is tiny."""
        return self._size(bound) if self.balls.up(bound) < self.balls.up(other) else other

    def _tanh_reach(self, centre: Number, reach: Number) -> Number:
        """The smaller of: by tanh(c + z) = (t + T) / (1 + t T) with T = tanh z, at most tan r in
        size; and r sup |1 / cosh|^2, where |cosh w|^2 = sinh(Re w)^2 + cos(Im w)^2.
        """
        balls, numbers = self.balls, self.balls.numbers
        self._positive(balls.of(1.5) - reach)
        cosine = self._positive(numbers.cos(reach))
        nearest = max(numbers.lower(centre), -numbers.upper(centre)) - balls.up(reach)
        grown = balls.exp(balls.of(max(0.0, nearest * (1 - 2.0**-50))))
        sinh = (grown - 1 / grown) / 2
        found = reach / (self._square(sinh) + cosine * cosine)
        t, tangent = numbers.tanh(centre), numbers.sin(reach) / cosine
        left = 1 - self._size(t) * tangent
        if numbers.lower(left) > 0:
            other = tangent * (1 - self._square(t)) / left
            found = self._least(found, other)
        return found

    def maximum(self, left: Disc, right: Disc) -> Disc:
        return self.function("max", left)

    def minimum(self, left: Disc, right: Disc) -> Disc:
        return self.function("min", left)

    def choose(self, condition: Disc, then: Disc, otherwise: Disc) -> Disc:
        return self.function("where", condition)
