"""Products of weight matrices with a bound of everything that float64 loses, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.universal.arrays import Array
from theory.universal.verifier.rounded import UNIT, above, gamma


@dataclass(frozen=True, slots=True)
class Near:
    """All matrices M with |M - value| <= error, entry by entry."""

    value: Array
    error: Array

    @classmethod
    def exact(cls, value: Array) -> Near:
        """The floats themselves."""
        return cls(value, np.zeros_like(value))

    def __matmul__(self, other: Near) -> Near:
        terms = self.value.shape[-1]
        size, other_size = np.abs(self.value), np.abs(other.value)
        error = (size @ other.error + self.error @ other_size + self.error @ other.error) + gamma(
            terms + 1
        ) * (size @ other_size)
        return Near(self.value @ other.value, above(error, 2 * terms + 6))

    def __add__(self, other: Near) -> Near:
        value = self.value + other.value
        return Near(value, above(self.error + other.error + UNIT * np.abs(value), 4))

    def __mul__(self, other: Near) -> Near:
        value = self.value * other.value
        size, other_size = np.abs(self.value), np.abs(other.value)
        error = size * other.error + self.error * other_size + self.error * other.error
        return Near(value, above(error + UNIT * np.abs(value), 6))

    def __getitem__(self, index: Any) -> Near:
        return Near(self.value[index], self.error[index])

    @property
    def size(self) -> Array:
        """max |M|."""
        return above(np.abs(self.value) + self.error, 2)
