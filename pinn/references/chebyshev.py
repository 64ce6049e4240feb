"""Chebyshev polynomials on an interval: values, derivatives and nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial import chebyshev

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def lobatto_nodes(number: int, low: float, high: float) -> Array:
    """The `number` extrema of the Chebyshev polynomial of degree `number` - 1, rising."""
    cosines = np.cos(np.pi * np.arange(number) / (number - 1))
    return (low + high) / 2 - (high - low) / 2 * cosines


def chebyshev_basis(
    x: Array, terms: int, interval: tuple[float, float], derivative: int = 0
) -> Array:
    """d^k/dx^k of T_0 ... T_{terms-1}, mapped to an interval.

    Args:
        x: (p,), inside the interval.
        terms: >= 1.
        interval: low and high end.
        derivative: k >= 0.

    Returns:
        (p, terms).

    Accuracy: rounding grows as terms^(2k).
    """
    low, high = interval
    scale = 2 / (high - low)
    order = min(derivative, terms)  # chebder returns one zero row beyond the degree
    matrix = chebyshev.chebder(np.eye(terms), order, axis=0)
    values = chebyshev.chebvander(scale * (x - low) - 1, len(matrix) - 1)
    return np.asarray(values @ matrix) * scale**derivative
