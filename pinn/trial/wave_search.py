"""The wave that scattered samples carry: a first guess of its wave vector."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SAMPLES = 1000  # looked at
CYCLES_ALONG = 6  # most waves along the first coordinate, either way
CYCLES_IN_TIME = 30  # most periods


def find_wave(points: Array, values: Array) -> list[float]:
    """The wave vector k, along the first coordinate and time, that explains samples best.

    value = a(x) + b(x) cos k.z + c(x) sin k.z,   a, b, c of second degree in all but time,

    by least squares for every k of a grid in steps of half a cycle over the extent of the points.
    A training finds the rest, the other components included.

    Args:
        points: (n, c), time last.
        values: (n, q), quantities that all carry the wave.

    Returns:
        c numbers, in radians over the units of the points; 0 but the first and the last.

    Cost: 1,500 least squares of 1,000 samples, about a second.
    """
    points, values = points[:SAMPLES], values[:SAMPLES]
    values = (values - values.mean(0)) / values.std(0)
    middle, extents = (points.max(0) + points.min(0)) / 2, np.ptp(points, axis=0)
    slow = _quadratics((points - middle)[:, :-1] / extents[:-1])
    half = math.pi / extents
    along = half[0] * np.arange(-2 * CYCLES_ALONG, 2 * CYCLES_ALONG + 1)
    often = half[-1] * np.arange(1, 2 * CYCLES_IN_TIME + 1)
    misfits = {
        (k, w): _misfit(slow, k * points[:, 0] + w * points[:, -1], values)
        for k in along.tolist()
        for w in often.tolist()
    }
    first, last = min(misfits, key=misfits.__getitem__)
    return [first, *[0.0] * (points.shape[1] - 2), last]


def _quadratics(points: Array) -> Array:
    """1, every coordinate, and every product of two: (n, b)."""
    pairs = combinations_with_replacement(range(points.shape[1]), 2)
    products = [points[:, i] * points[:, j] for i, j in pairs]
    return np.column_stack([np.ones(len(points)), points, *products])


def _misfit(slow: Array, phase: Array, values: Array) -> float:
    """Sum of squares that is left of the values."""
    waves = [slow * factor[:, None] for factor in (np.cos(phase), np.sin(phase))]
    orthogonal, _ = np.linalg.qr(np.column_stack([slow, *waves]))
    return -float(((orthogonal.T @ values) ** 2).sum())
