"""Gauss points from the coefficients of Legendre polynomials, independent of the prover's."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from sciformer.errors import CertificateError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

OFF = Fraction(1, 2**50)


@functools.cache
def rule(count: int) -> tuple[Array, Array]:
    """Points (count,) right up to 2^-50 and upper bounds of weights 2 / ((1 - x^2) P'(x)^2).

    |P''| <= (n - 1) n (n + 1) (n + 2) / 8 on [-1, 1], its value at the ends.

    Raises:
        CertificateError: the candidates are not roots.
    """
    candidates = [Fraction(float(p)) for p in np.polynomial.legendre.leggauss(count)[0]]
    coefficients = _coefficients(count)
    slopes = [k * c for k, c in enumerate(coefficients)][1:]
    bend = Fraction((count - 1) * count * (count + 1) * (count + 2), 8)
    weights, last = [], Fraction(-1)
    for x in candidates:
        changes = _value(coefficients, x - OFF) * _value(coefficients, x + OFF) < 0
        if not (changes and x - OFF > last and x + OFF < 1):
            raise CertificateError(f"verify: no Gauss points of order {count} could be enclosed.")
        last = x + OFF
        slope = abs(_value(slopes, x)) - OFF * bend
        flat = 1 - (abs(x) + OFF) ** 2
        weights.append(math.nextafter(float(2 / (flat * slope**2)), math.inf))
    return np.array([float(x) for x in candidates]), np.array(weights)


def _coefficients(n: int) -> list[Fraction]:
    """Coefficients of P_n = 2^-n sum_k (-1)^k C(n, k) C(2 n - 2 k, n) x^(n - 2 k)."""
    found = [Fraction(0)] * (n + 1)
    for k in range(n // 2 + 1):
        number = math.comb(n, k) * math.comb(2 * n - 2 * k, n)
        found[n - 2 * k] = Fraction((-1) ** k * number, 2**n)
    return found


def _value(coefficients: list[Fraction], x: Fraction) -> Fraction:
    total = Fraction(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total
