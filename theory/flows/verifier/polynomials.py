"""Polynomial reactions in the verifier's balls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from theory.flows.verifier.enclosures import CELLS, Balls, cells_of
from theory.flows.verifier.numbers import Number

Coefficients = tuple[Fraction, ...]


@dataclass(frozen=True)
class PolynomialRate:
    """f(u) = sum_k coefficients[k] u^k."""

    coefficients: Coefficients

    @property
    def is_zero(self) -> bool:
        return not any(self.coefficients)

    @property
    def is_affine(self) -> bool:
        return not any(self.coefficients[2:])

    @property
    def is_odd(self) -> bool:
        return not any(self.coefficients[::2])

    @property
    def operations(self) -> int:
        return len(self.coefficients)

    def sign(self, u: float) -> int:
        value = sum((c * Fraction(u) ** k for k, c in enumerate(self.coefficients)), Fraction(0))
        return (value > 0) - (value < 0)

    def at(self, balls: Balls, u: Number) -> Number:
        return _at(balls, self.coefficients, u)

    def bounds(
        self, balls: Balls, order: int, lower: float, upper: float, cells: int = CELLS
    ) -> tuple[float, float]:
        return _bounds(balls, _derivative(self.coefficients, order), lower, upper, cells)

    def mixed(self, balls: Balls, lower: float, upper: float) -> float:
        f = self.coefficients
        parts = (
            _product(_derivative(f, 3), f),
            _product(_derivative(f, 2), _derivative(f)),
        )
        length = max(map(len, parts))
        padded = [(*g, *[Fraction(0)] * (length - len(g))) for g in parts]
        total = tuple(a + b for a, b in zip(*padded, strict=True))
        return max(map(abs, _bounds(balls, total, lower, upper, CELLS)))

    def trajectory(self, balls: Balls, u: Number, order: int) -> list[Number]:
        """The time derivatives are polynomials of the value: g_{k+1} = g_k' f."""
        found, factorial = [u], 1
        for k, g in enumerate(_lie(self.coefficients, order)[1:], start=1):
            factorial *= k
            found.append(_at(balls, g, u) / balls.of(factorial))
        return found

    def majorant(self, balls: Balls, centre: float, radius: Number, height: Number) -> float:
        """The sum of |f^(k)(centre)| / k! radius^k."""
        sizes = _taylor_sizes(self.coefficients, centre)
        result = balls.of(sizes[-1])
        for size in sizes[-2::-1]:
            result = result * radius + balls.of(size)
        return balls.up(result)


def _derivative(f: Coefficients, order: int = 1) -> Coefficients:
    for _ in range(order):
        f = tuple(k * c for k, c in enumerate(f))[1:] or (Fraction(0),)
    return f


def _product(f: Coefficients, g: Coefficients) -> Coefficients:
    result = [Fraction(0)] * (len(f) + len(g) - 1)
    for i, a in enumerate(f):
        for j, b in enumerate(g):
            result[i + j] += a * b
    return tuple(result)


def _at(balls: Balls, f: Coefficients, u: Number) -> Number:
    result = balls.of(f[-1])
    for c in f[-2::-1]:
        result = result * u + balls.of(c)
    return result


def _bounds(
    balls: Balls, f: Coefficients, lower: float, upper: float, cells: int
) -> tuple[float, float]:
    """Bounds of f over an interval: values at the middles of cells and slopes around them."""
    slope, low, high = _derivative(f), math.inf, -math.inf
    for a, b in cells_of(lower, upper, cells):
        cell, middle = balls.numbers.between(a, b), balls.of((a + b) / 2)
        value = _at(balls, f, middle) + _at(balls, slope, cell) * (cell - middle)
        low, high = min(low, balls.numbers.lower(value)), max(high, balls.up(value))
    return low, high


@lru_cache(maxsize=8)
def _lie(f: Coefficients, order: int) -> list[Coefficients]:
    found: list[Coefficients] = [(Fraction(0), Fraction(1))]
    for _ in range(order):
        found.append(_product(_derivative(found[-1]), f))
    return found


@lru_cache(maxsize=64)
def _taylor_sizes(f: Coefficients, centre: float) -> tuple[Fraction, ...]:
    exact, sizes, factorial = Fraction(centre), [], 1
    for k in range(len(f)):
        factorial *= max(k, 1)
        value = sum((c * exact**i for i, c in enumerate(_derivative(f, k))), Fraction(0))
        sizes.append(abs(value) / factorial)
    return tuple(sizes)
