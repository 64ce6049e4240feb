"""Values measured at scattered points, as a part of a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciformer.errors import DataError

Array = NDArray[np.float64]

_LARGEST = 1e150
"""Sums of squares of larger numbers overflow."""


@dataclass(frozen=True)
class Cloud:
    """Measured values of some quantities at points; a solve fits them beside the equations.

    Args:
        points: (p, c), in the order of the problem's coordinates.
        values: (p,) for each quantity that was measured, by name.
        name: what messages and reports call the data.
        noise: standard deviation > 0 of the noise of each quantity, one for all its samples or
            (p,); where it is given, samples and equations are weighted by its inverse, as in
            weighted least squares.

    Raises:
        DataError: arrays that do not fit together or are not finite, or a noise level missing.

    Examples:
        >>> Cloud([[0.1, 0.0], [0.7, 0.5]], {"u": [0.3, 0.8]}, noise={"u": 0.01}).points.shape
        (2, 2)
    """

    points: Array
    values: Mapping[str, Array]
    name: str = "data"
    noise: Mapping[str, Any] = field(default_factory=dict)

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
                    f"{self.name}: {label} needs one value per point, ({len(points)},); "
                    f"got {column.shape}."
                )
        for label, array in {"points": points, **values}.items():
            if not np.isfinite(array).all():
                count = int((~np.isfinite(array)).sum())
                raise DataError(
                    f"{self.name}: {label} has {count} numbers that are not finite; remove them."
                )
            if np.abs(array).max() > _LARGEST:
                raise DataError(
                    f"{self.name}: {label} goes up to {np.abs(array).max():.2g}, whose square "
                    "overflows float64; choose a larger unit."
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
        for label, level in self.noise.items():
            wrong = ~((np.asarray(level) > 0) & np.isfinite(level))
            if np.shape(level) not in ((), (len(self.points),)):
                raise DataError(
                    f"{self.name}: the noise of {label} is one level or ({len(self.points)},); "
                    f"got {np.shape(level)}."
                )
            if wrong.any():
                raise DataError(
                    f"{self.name}: noise levels must be > 0; {label} has "
                    f"{np.asarray(level)[wrong].ravel()[0]:g}."
                )

    def in_order(self, order: NDArray[np.int64]) -> Cloud:
        """The samples of some numbers, in that order."""
        values = {key: column[order] for key, column in self.values.items()}
        noise = {k: v if np.ndim(v) == 0 else np.asarray(v)[order] for k, v in self.noise.items()}
        return Cloud(self.points[order], values, self.name, noise)
