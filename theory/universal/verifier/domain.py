"""The box of all inputs of a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.universal.arrays import Array
from theory.universal.formula.target import Target


@dataclass(frozen=True)
class Domain:
    """The box of all inputs, token by token."""

    lower: Array
    upper: Array

    @classmethod
    def of(cls, target: Target) -> Domain:
        """The box from one interval for all coordinates or from one per coordinate."""
        shape = (target.dimension,)
        lower, upper = (np.broadcast_to(e, shape) for e in (target.lower, target.upper))
        return cls(lower.astype(np.float64), upper.astype(np.float64))

    @property
    def limit(self) -> Array:
        """max |x| of every coordinate."""
        return np.asarray(np.maximum(np.abs(self.lower), np.abs(self.upper)))
