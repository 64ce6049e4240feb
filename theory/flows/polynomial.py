"""Polynomial reactions with exact coefficients, bounded over intervals and complex discs."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np

from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval, down, up

# Cells of a range enclosure: an interval Horner scheme overestimates by about width^2 of a cell.
_CELLS = 512


@dataclass(frozen=True)
class Polynomial:
    """f(u) = sum_k coefficients[k] u^k, with rational coefficients."""

    coefficients: tuple[Fraction, ...]

    @classmethod
    def of(cls, coefficients: Sequence[Fraction | float | int]) -> Polynomial:
        """The polynomial of numbers, each taken as the exact number it is; leading zeros are
        dropped.
        """
        exact = [Fraction(c) for c in coefficients]
        while exact and exact[-1] == 0:
            exact.pop()
        return cls(tuple(exact) or (Fraction(0),))

    @property
    def degree(self) -> int:
        """The degree; 0 for constants, 0 too."""
        return len(self.coefficients) - 1

    def derivative(self, order: int = 1) -> Polynomial:
        """The derivative of an order."""
        found = self
        for _ in range(order):
            found = Polynomial.of([k * c for k, c in enumerate(found.coefficients)][1:])
        return found

    def __add__(self, other: Polynomial) -> Polynomial:
        size = max(len(self.coefficients), len(other.coefficients))
        padded = [
            (*p.coefficients, *[Fraction(0)] * (size - len(p.coefficients))) for p in (self, other)
        ]
        return Polynomial.of([a + b for a, b in zip(*padded, strict=True)])

    def __mul__(self, other: Polynomial) -> Polynomial:
        product = [Fraction(0)] * (len(self.coefficients) + len(other.coefficients) - 1)
        for i, a in enumerate(self.coefficients):
            for j, b in enumerate(other.coefficients):
                product[i + j] += a * b
        return Polynomial.of(product)

    @property
    def is_zero(self) -> bool:
        """Whether f vanishes everywhere."""
        return not any(self.coefficients)

    @property
    def is_odd(self) -> bool:
        """Whether f(-u) = -f(u)."""
        return not any(self.coefficients[::2])

    @property
    def affine(self) -> tuple[float, float] | None:
        source, rate = (*self.coefficients, Fraction(0))[:2]
        return None if self.degree > 1 else (float(source), float(rate))

    @property
    def operations(self) -> int:
        return len(self.coefficients)

    @property
    def written(self) -> list[str]:
        return [str(c) for c in self.coefficients]

    @cached_property
    def enclosed(self) -> list[Interval]:
        """The coefficients as intervals of floats."""
        return [enclose(c) for c in self.coefficients]

    def at(self, u: Interval) -> Interval:
        """An enclosure of f on intervals, by Horner's scheme."""
        result = self.enclosed[-1]
        for coefficient in self.enclosed[-2::-1]:
            result = result * u + coefficient
        return result + Interval.point(0.0 * u.lower)

    def exact(self, u: Fraction) -> Fraction:
        """f at a rational number."""
        result = Fraction(0)
        for coefficient in self.coefficients[::-1]:
            result = result * u + coefficient
        return result

    def sign(self, u: float) -> int:
        value = self.exact(Fraction(u))
        return int(value > 0) - int(value < 0)

    def values(self, u: Array) -> Array:
        """f in floats."""
        return np.asarray(np.polyval([float(c) for c in self.coefficients[::-1]], u))

    def range(self, lower: float, upper: float) -> tuple[float, float]:
        """Bounds of f over [lower, upper]."""
        ends = np.linspace(lower, upper, _CELLS + 1)
        ends[0], ends[-1] = lower, upper
        found = self.at(Interval(ends[:-1], ends[1:]))
        return float(found.lower.min()), float(found.upper.max())

    def largest(self, lower: float, upper: float) -> float:
        """A bound of |f| over [lower, upper]."""
        low, high = self.range(lower, upper)
        return max(abs(low), abs(high))

    def double_commutator(self, lower: float, upper: float) -> float:
        mixed = self.derivative(3) * self + self.derivative(2) * self.derivative()
        return mixed.largest(lower, upper)

    def trajectory(self, u: Interval, order: int) -> list[Interval]:
        """Taylor coefficients of the trajectory from u; the series of u, u^2, ... grow together."""
        zero = Interval.point(np.zeros_like(u.lower))
        powers: list[list[Interval]] = [[u]]
        for _ in range(self.degree - 1):
            powers.append([powers[-1][0] * u])
        series = powers[0]
        for k in range(order):
            rate = zero if k else self.enclosed[0] + zero
            for coefficient, power in zip(self.enclosed[1:], powers, strict=False):
                rate = rate + coefficient * power[k]
            series.append(rate * Interval.point(float(k + 1)).reciprocal())
            for below, power in itertools.pairwise(powers):
                terms = [below[i] * series[k + 1 - i] for i in range(k + 2)]
                power.append(functools.reduce(operator.add, terms))
        return series

    def majorant(self, centre: float, radius: Array, height: Array) -> Array:
        """A bound of |f(centre + z)| over complex |z| <= radius, of any height.

        sum_k |f^(k)(centre)| / k! radius^k
        """
        total, power = np.zeros_like(radius), np.ones_like(radius)
        for size in _taylor_sizes(self, centre):
            total, power = up(total + up(size * power)), up(power * radius)
        return total


@lru_cache(maxsize=64)
def _taylor_sizes(f: Polynomial, centre: float) -> tuple[float, ...]:
    """Bounds of |f^(k)(centre)| / k!, from the exact numbers."""
    sizes, factorial = [], 1
    for k in range(f.degree + 1):
        factorial *= max(k, 1)
        exact = f.derivative(k).exact(Fraction(centre)) / factorial
        sizes.append(float(enclose(abs(exact)).upper))
    return tuple(sizes)


def enclose(number: Fraction) -> Interval:
    """The smallest simple interval of floats around a rational number."""
    nearest = np.asarray(float(number))
    if Fraction(float(number)) == number:
        return Interval.point(nearest)
    return Interval(down(nearest), up(nearest))
