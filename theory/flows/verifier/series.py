"""Formulas on truncated power series in the verifier's balls.

The compiler grows its series by one rule for all functions (`theory.flows.trajectories`); the
recurrences below are the verifier's own, written a second time on purpose.
"""

from __future__ import annotations

from fractions import Fraction

import sympy

from sciformer.errors import CertificateError
from theory.flows.verifier.enclosures import Balls, Undefined
from theory.flows.verifier.numbers import Number

Series = list[Number]


def constant(balls: Balls, value: sympy.Expr) -> Number:
    """The ball of a number of a formula, made once."""
    if value not in balls.constants:
        balls.constants[value] = _constant(balls, value)
    return balls.constants[value]


def _constant(balls: Balls, value: sympy.Expr) -> Number:
    if value == sympy.pi:
        return balls.pi
    if value == sympy.E:
        return balls.exp(balls.of(1))
    return balls.of(Fraction(int(value.p), int(value.q)))


class SeriesArithmetic:
    """The arithmetic of series of a length.

    Source: Moore 1966, chapter 11, for the recurrences.
    """

    def __init__(self, balls: Balls, length: int) -> None:
        self.balls, self.length, self.zero = balls, length, balls.of(0)

    def constant(self, value: sympy.Expr) -> Series:
        return [constant(self.balls, value), *[self.zero] * (self.length - 1)]

    def add(self, left: Series, right: Series) -> Series:
        return [a + b for a, b in zip(left, right, strict=True)]

    def multiply(self, left: Series, right: Series) -> Series:
        return [self._sum(left, right, k, range(k + 1)) for k in range(self.length)]

    def _sum(self, left: Series, right: Series, order: int, places: range) -> Number:
        """The sum of left_i right_{order - i} over places i."""
        total = self.zero
        for i in places:
            total = total + left[i] * right[order - i]
        return total

    def _moment(self, left: Series, right: Series, order: int, last: int) -> Number:
        """The sum of i left_i right_{order - i} / order over i from 1 to `last`."""
        total = self.zero
        for i in range(1, last + 1):
            total = total + i * left[i] * right[order - i]
        return total / max(order, 1)

    def power(self, base: Series, exponent: int) -> Series:
        if exponent < 0:
            return self._reciprocal(self.power(base, -exponent))
        result = [self.balls.of(int(k == 0)) for k in range(self.length)]
        for bit in f"{exponent:b}":
            result = self.multiply(result, result)
            if bit == "1":
                result = self.multiply(result, base)
        return result

    def _reciprocal(self, value: Series) -> Series:
        numbers = self.balls.numbers
        if not (numbers.lower(value[0]) > 0 or numbers.upper(value[0]) < 0):
            raise Undefined("verify: the reaction may divide by 0 on the range of tokens.")
        found = [1 / value[0]]
        for k in range(1, self.length):
            found.append(-found[0] * self._sum(value, found, k, range(1, k + 1)))
        return found

    def sqrt(self, value: Series) -> Series:
        self._require_positive(value[0])
        found = [self.balls.sqrt(value[0])]
        for k in range(1, self.length):
            rest = value[k] - self._sum(found, found, k, range(1, k))
            found.append(rest / (2 * found[0]))
        return found

    def _require_positive(self, value: Number) -> None:
        if not self.balls.numbers.lower(value) > 0:
            raise Undefined(
                "verify: the reaction takes a root or logarithm of what may not be positive."
            )

    def function(self, name: str, value: Series) -> Series:
        match name:
            case "exp":
                return self._exp(value)
            case "log":
                return self._log(value)
            case "sin":
                return self._turning(value)[0]
            case "cos":
                return self._turning(value)[1]
            case "tanh":
                return self._tanh(value)
            case "atan":
                return self._atan(value)
        raise CertificateError(f"verify: the reaction holds {name}, which is not smooth.")

    def _exp(self, value: Series) -> Series:
        found = [self.balls.exp(value[0])]
        for k in range(1, self.length):
            found.append(self._moment(value, found, k, k))
        return found

    def _log(self, value: Series) -> Series:
        self._require_positive(value[0])
        found = [self.balls.numbers.log(value[0])]
        for k in range(1, self.length):
            found.append((value[k] - self._moment(found, value, k, k - 1)) / value[0])
        return found

    def _turning(self, value: Series) -> tuple[Series, Series]:
        sine, cosine = [self.balls.numbers.sin(value[0])], [self.balls.numbers.cos(value[0])]
        for k in range(1, self.length):
            rise, fall = self._moment(value, cosine, k, k), self._moment(value, sine, k, k)
            sine.append(rise)
            cosine.append(-fall)
        return sine, cosine

    def _tanh(self, value: Series) -> Series:
        found = [self.balls.numbers.tanh(value[0])]
        slope = [1 - found[0] * found[0]]
        for k in range(1, self.length):
            found.append(self._moment(value, slope, k, k))
            slope.append(-self._sum(found, found, k, range(k + 1)))
        return found

    def _atan(self, value: Series) -> Series:
        below = self.multiply(value, value)
        below[0] = below[0] + 1
        self._require_positive(below[0])
        found = [self.balls.numbers.atan(value[0])]
        for k in range(1, self.length):
            found.append((value[k] - self._moment(found, below, k, k - 1)) / below[0])
        return found

    def maximum(self, left: Series, right: Series) -> Series:
        return self.function("max", left)

    def minimum(self, left: Series, right: Series) -> Series:
        return self.function("min", left)

    def choose(self, condition: Series, then: Series, otherwise: Series) -> Series:
        return self.function("where", condition)
