"""Gauss-Legendre points and weights, enclosed by exact arithmetic."""

from __future__ import annotations

import functools
import itertools
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Radius within which a root is shown to lie about its float.
RADIUS = Fraction(1, 2**50)


@functools.cache
def gauss_points(count: int) -> tuple[Array, Array]:
    """Floats (count,) within 2^-50 of the points on [-1, 1], and upper bounds of their weights.

    A root is shown by a change of sign between x - 2^-50 and x + 2^-50; `count` disjoint such
    intervals hold all roots of the polynomial. With |P_m'| <= m (m + 1) / 2 on [-1, 1]

        w = 2 (1 - x^2) / (n P_(n-1)(x))^2

    is bounded on the interval.
    """
    points, _ = np.polynomial.legendre.leggauss(count)
    exact = [Fraction(float(p)) for p in points]
    assert all(b - a > 2 * RADIUS for a, b in itertools.pairwise(exact)), "disjoint"
    weights = []
    for x in exact:
        ends = [_legendre(count, x - RADIUS)[1], _legendre(count, x + RADIUS)[1]]
        assert (ends[0] < 0) != (ends[1] < 0), "a root between the ends"
        below, _ = _legendre(count, x)
        least = abs(below) - RADIUS * Fraction(count * (count - 1), 2)
        weight = 2 * (1 - (abs(x) - RADIUS) ** 2) / (count * least) ** 2
        weights.append(np.nextafter(float(weight), np.inf))
    return points, np.array(weights)


def _legendre(order: int, x: Fraction) -> tuple[Fraction, Fraction]:
    """The Legendre polynomials P_(order-1) and P_order."""
    before, now = Fraction(1), x
    for k in range(1, order):
        before, now = now, ((2 * k + 1) * x * now - k * before) / (k + 1)
    return before, now
