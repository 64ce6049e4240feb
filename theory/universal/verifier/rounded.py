"""Sums and products of float64 numbers, rounded down and up.

The rounding error of a sum or product of two floats is itself a float (Knuth; Dekker), so its sign
tells on which side of the exact result the rounded one lies. No rounding mode is switched, and a
result that is exact stays as it is. The certifier widens every result instead: the two share
nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theory.universal.arrays import Array
from theory.universal.verifier.require import require

UNIT = 2.0**-53
"""Half an ulp of 1: the relative error of one rounding to nearest."""

TINY = 2.0**-1000
"""More than 2**20 roundings in the subnormal range, or flushes to zero, can lose together."""

_SPLIT = 2.0**27 + 1.0
"""Dekker's constant: halves a significand of 53 bits."""
_SAFE = 2.0**-960, 2.0**960
"""Products between these neither underflow in their error nor overflow while they are split."""


def require_gradual_underflow() -> None:
    """Refuses a process that takes subnormal numbers for 0: the step to the next float is one.

    Raises:
        CertificateError: as after `torch.set_flush_denormal(True)`.
    """
    require(
        bool(np.array([2.0**-1074]) * np.ones(1) > 0),
        "this process flushes subnormal numbers to 0, so that nothing can be rounded outward; "
        "call torch.set_flush_denormal(False) first.",
    )


def sums(left: Array, right: Array) -> tuple[Array, Array]:
    """Floats below and above the exact left + right."""
    total = np.asarray(left + right)
    back = total - left
    error = (left - (total - back)) + (right - back)
    return _around(total, error, np.isfinite(error))


def products(left: Array, right: Array) -> tuple[Array, Array]:
    """Floats below and above the exact left * right."""
    product = np.asarray(left * right)
    high, low = _halves(left)
    other_high, other_low = _halves(right)
    error = low * other_low - (
        ((product - high * other_high) - low * other_high) - high * other_low
    )
    size = np.abs(product)
    largest = np.maximum(np.abs(left), np.abs(right))
    known = (size > _SAFE[0]) & (size < _SAFE[1]) & (largest < _SAFE[1])
    zero = (left == 0) | (right == 0)
    return _around(product, np.where(zero, 0.0, error), known | zero)


def _halves(value: Array) -> tuple[Array, Array]:
    scaled = _SPLIT * value
    high = scaled - (scaled - value)
    return high, value - high


def _around(near: Array, error: Array, known: NDArray[np.bool_]) -> tuple[Array, Array]:
    """`near` where the exact number near + error lies beyond it, else the next float."""
    below = np.where(known & (error >= 0), near, np.nextafter(near, -np.inf))
    above = np.where(known & (error <= 0), near, np.nextafter(near, np.inf))
    return below, above


def above(bound: Array, roundings: int) -> Array:
    """An upper bound of the exact number for which `bound` >= 0 was computed.

    Args:
        bound: computed from nonnegative terms by sums and products only.
        roundings: how many of them any term went through, at most. Each loses a factor of at least
            1 - UNIT; 2 (roundings + 2) UNIT also covers the two operations here.
    """
    return np.asarray(bound * (1.0 + 2.0 * (roundings + 2) * UNIT) + TINY)


def gamma(roundings: int) -> float:
    """k UNIT / (1 - k UNIT), rounded up: relative error of a sum of products after k roundings.

    It holds for every order of summation, with and without fused multiply-add. The three
    roundings of the quotient cost 4 UNIT at most.
    """
    product = roundings * UNIT
    return product / (1.0 - product) * (1.0 + 4.0 * UNIT)
