"""Samples of a solution, with the noise they carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FEWEST_SAMPLES = 100


@dataclass(frozen=True)
class Observations:
    """Values of some of a problem's quantities at points, as they were measured.

    Args:
        points: (p, c) in the order of the problem's coordinates; p >= 100.
        values: (p,) of each quantity, by name.
        noise: standard deviation > 0 of each quantity's noise, which weights its rows.
        name: what messages call the data.

    Raises:
        DataError: too few samples, arrays that do not fit or are not finite, or no noise level.
    """

    points: Array
    values: Mapping[str, Array]
    noise: Mapping[str, float]
    name: str = "the data"

    def __post_init__(self) -> None:
        if self.points.ndim != 2:
            raise DataError(
                f"{self.name}: points must have the shape (p, c); got {self.points.shape}."
            )
        if len(self.points) < FEWEST_SAMPLES:
            raise DataError(
                f"{self.name}: {len(self.points)} samples are too few to identify anything; "
                f"give at least {FEWEST_SAMPLES}."
            )
        if not self.values or set(self.values) != set(self.noise):
            raise DataError(
                f"{self.name}: values of {sorted(self.values)} come with noise levels of "
                f"{sorted(self.noise)}; give one level for each quantity."
            )
        for label, array in {"points": self.points, **self.values}.items():
            if len(array) != len(self.points) or (label != "points" and array.ndim != 1):
                raise DataError(
                    f"{self.name}: {label} must have the shape ({len(self.points)},), one value "
                    f"a point; got {array.shape}."
                )
            if not np.isfinite(array).all():
                count = int((~np.isfinite(array)).sum())
                raise DataError(
                    f"{self.name}: {label} has {count} of {array.size} numbers that are not "
                    "finite; remove those samples."
                )
        if not all(0 < level < np.inf for level in self.noise.values()):
            raise DataError(f"{self.name}: noise levels must be > 0; got {dict(self.noise)}.")

    def __len__(self) -> int:
        return len(self.points)
