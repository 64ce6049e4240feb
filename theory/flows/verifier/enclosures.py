"""Polynomials and their flows in the verifier's balls."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from sciformer.errors import CertificateError
from theory.flows.record import MOST_STEPS
from theory.flows.verifier.numbers import Number, Numbers

Coefficients = tuple[Fraction, ...]
_CELLS = 2048
_ORDER = 10


class Balls:
    """Shorthands over a library of balls."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.pi = numbers.pi()

    def of(self, value: Fraction | float | int) -> Number:
        """A ball around an exact number."""
        exact = Fraction(value)
        return self.numbers.ratio(exact.numerator, exact.denominator)

    def exp(self, value: Number) -> Number:
        return self.numbers.exp(value)

    def sqrt(self, value: Number) -> Number:
        return self.numbers.sqrt(value)

    def size(self, value: Number) -> float:
        """A bound of |value|."""
        return max(abs(self.numbers.lower(value)), abs(self.numbers.upper(value)))

    def up(self, value: Number) -> float:
        """An upper bound."""
        return self.numbers.upper(value)


def derivative(f: Coefficients, order: int = 1) -> Coefficients:
    """Coefficients of a derivative."""
    for _ in range(order):
        f = tuple(k * c for k, c in enumerate(f))[1:] or (Fraction(0),)
    return f


def product(f: Coefficients, g: Coefficients) -> Coefficients:
    """Coefficients of a product."""
    result = [Fraction(0)] * (len(f) + len(g) - 1)
    for i, a in enumerate(f):
        for j, b in enumerate(g):
            result[i + j] += a * b
    return tuple(result)


def at(balls: Balls, f: Coefficients, u: Number) -> Number:
    """f on a ball."""
    result = balls.of(f[-1])
    for c in f[-2::-1]:
        result = result * u + balls.of(c)
    return result


def bounds(
    balls: Balls, f: Coefficients, lower: float, upper: float, cells: int = _CELLS
) -> tuple[float, float]:
    """Bounds of f over an interval: values at the middles of cells and slopes around them."""
    slope, low, high = derivative(f), math.inf, -math.inf
    for k in range(cells):
        a = lower + (upper - lower) * k / cells
        b = upper if k + 1 == cells else lower + (upper - lower) * (k + 1) / cells
        cell, middle = balls.numbers.between(a, b), (a + b) / 2
        value = at(balls, f, balls.of(middle)) + at(balls, slope, cell) * (cell - balls.of(middle))
        low, high = min(low, balls.numbers.lower(value)), max(high, balls.up(value))
    return low, high


def picard(balls: Balls, f: Coefficients, u: Number, time: Number) -> Number:
    """A ball that trajectories from u do not leave within a time.

    Raises:
        CertificateError: none was found.
    """
    numbers = balls.numbers
    past = numbers.hull(balls.of(0), time)
    reach = balls.size(at(balls, f, u) * time) + 1e-30 + 1e-25 * balls.size(u)
    if not math.isfinite(reach):
        raise CertificateError("verify: the reaction has no bound on the range of tokens.")
    for factor in (2.0, 4.0, 8.0):
        around = numbers.hull(u - balls.of(factor * reach), u + balls.of(factor * reach))
        moved = past * at(balls, f, around)
        # Compared as distances from u: ends near u would be equal as floats without being inside.
        if balls.size(moved) < factor * reach:
            return u + moved
    raise CertificateError("verify: no inclusion of the reaction's trajectories was found.")


def flow(balls: Balls, f: Coefficients, u: Number, time: Fraction, rate: float) -> Number:
    """The flow of u' = f(u), by Taylor steps whose size a bound of |f'| sets.

    Raises:
        CertificateError: too many steps, or no inclusion of the trajectories.
    """
    steps = steps_of(time, rate)
    h = balls.of(time / steps)
    derivatives = _lie(f, _ORDER + 1)
    for _ in range(steps):
        around = picard(balls, f, u, h)
        result, power, factorial = u, balls.of(1), 1
        for k in range(1, _ORDER + 2):
            power, factorial = power * h, factorial * k
            place = around if k == _ORDER + 1 else u
            result = result + at(balls, derivatives[k], place) * power / balls.of(factorial)
        u = result
    return u


def steps_of(time: Fraction, rate: float) -> int:
    """Taylor steps of a flow over a time: at least 16 in every time in which it may grow by e.

    Raises:
        CertificateError: more than are within reach.
    """
    steps = 16 * float(time) * rate
    if not steps <= MOST_STEPS:
        raise CertificateError("verify: the reaction is too fast for its time to be followed.")
    return max(1, math.ceil(steps))


@lru_cache(maxsize=4)
def _lie(f: Coefficients, order: int) -> list[Coefficients]:
    """The time derivatives of a trajectory as polynomials of its value: g_{k+1} = g_k' f."""
    found: list[Coefficients] = [(Fraction(0), Fraction(1))]
    for _ in range(order):
        found.append(product(derivative(found[-1]), f))
    return found


def majorant(balls: Balls, f: Coefficients, centre: float) -> Callable[[Number], Number]:
    """r -> a bound of |f(centre + z)| over complex |z| <= r."""
    exact, sizes, factorial = Fraction(centre), [], 1
    for k in range(len(f)):
        factorial *= max(k, 1)
        value = sum((c * exact**i for i, c in enumerate(derivative(f, k))), Fraction(0))
        sizes.append(abs(value) / factorial)

    def bound(radius: Number) -> Number:
        result = balls.of(sizes[-1])
        for size in sizes[-2::-1]:
            result = result * radius + balls.of(size)
        return result

    return bound
