"""Sums of ridge functions relu(a . y + b)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.universal.arrays import Array


@dataclass(frozen=True)
class Ridges:
    """y -> sum_k weight_k relu(direction_k . y + offset_k) + slope . y + constant.

    Shapes: directions (units, r), offsets (units,), weights (units,), slope (r,).
    """

    directions: Array
    offsets: Array
    weights: Array
    slope: Array
    constant: float

    @property
    def units(self) -> int:
        """The number of ReLU units."""
        return len(self.offsets)

    def __call__(self, points: Array) -> Array:
        return np.asarray(self.active(points) @ self.weights + points @ self.slope + self.constant)

    def active(self, points: Array) -> Array:
        """relu(direction_k . y + offset_k) at points (p, r), as (p, units)."""
        return np.asarray(np.maximum(points @ self.directions.T + self.offsets, 0.0))

    def composed(self, matrix: Array, shift: Array) -> Ridges:
        """The function of x, where y = matrix x + shift."""
        return Ridges(
            self.directions @ matrix,
            self.offsets + self.directions @ shift,
            self.weights,
            self.slope @ matrix,
            float(self.constant + self.slope @ shift),
        )

    def keep(self, units: NDArray[np.bool_]) -> Ridges:
        """The function with some of the units, slope and constant unchanged."""
        return Ridges(
            self.directions[units],
            self.offsets[units],
            self.weights[units],
            self.slope,
            self.constant,
        )


def merge(parts: list[Ridges], width: int) -> Ridges:
    """The sum of several functions of the same coordinates."""
    return Ridges(
        np.concatenate([np.zeros((0, width)), *(p.directions for p in parts)]),
        np.concatenate([np.zeros(0), *(p.offsets for p in parts)]),
        np.concatenate([np.zeros(0), *(p.weights for p in parts)]),
        sum((p.slope for p in parts), np.zeros(width)),
        float(sum(p.constant for p in parts)),
    )
