"""Values measured at scattered points, as a part of a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sciformer.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cloud:
    """Measured values of some quantities at points; a solve fits them beside the equations.

    Args:
        points: (p, c), in the order of the problem's coordinates.
        values: (p,) for each quantity that was measured, by name.
        name: what messages and reports call the data.
        noise: standard deviation > 0 of the noise of each quantity; where it is given, samples and
            equations are weighted by it, as statistics want, and unknown parameters can be found.

    Raises:
        DataError: arrays that do not fit together or are not finite, or a noise level missing.
    """

    points: Array
    values: Mapping[str, Array]
    name: str = "data"
    noise: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        points = np.asarray(self.points, dtype=np.float64)
        values = {k: np.asarray(v, dtype=np.float64) for k, v in self.values.items()}
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "values", values)
        if points.ndim != 2 or not len(points) or not values:
            raise DataError(
                f"{self.name}: needs points (p, c) with p > 0 and values (p,) of at least one "
                f"quantity; got points {points.shape} and values of {sorted(values)}."
            )
        for label, column in values.items():
            if column.shape != (len(points),):
                raise DataError(
                    f"{self.name}: {label} needs one value a point, ({len(points)},); "
                    f"got {column.shape}."
                )
        for label, array in {"points": points, **values}.items():
            if not np.isfinite(array).all():
                count = int((~np.isfinite(array)).sum())
                raise DataError(
                    f"{self.name}: {label} has {count} numbers that are not finite; remove them."
                )
        self._check_noise()

    def __len__(self) -> int:
        return len(self.points)

    def _check_noise(self) -> None:
        if self.noise and set(self.values) != set(self.noise):
            raise DataError(
                f"{self.name}: values of {sorted(self.values)} come with noise levels of "
                f"{sorted(self.noise)}; give one level for each quantity."
            )
        if not all(0 < level < np.inf for level in self.noise.values()):
            raise DataError(f"{self.name}: noise levels must be > 0; got {dict(self.noise)}.")
