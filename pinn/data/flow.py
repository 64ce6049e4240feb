"""Snapshots of a plane flow, at scattered points or on a grid, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

EVEN = 6  # changes from snapshot to snapshot that are looked at
TELLING = 0.1  # of a change, by which it may differ from others and be called the same
SLOWEST, FASTEST = 1e-3, 1e3  # root mean square speed that still looks dimensionless


@dataclass(frozen=True)
class FlowData:
    """Velocity, and pressure if there is one, at the same points in every snapshot.

    Args:
        name: what messages call the data, usually the file.
        points: x, y as (p, 2), in units of a length D.
        time: (n_t,), rising, in units of D / U.
        velocity: u, v as (p, 2, n_t), in units of U.
        pressure: (p, n_t), in units of density times U^2, or None.

    Raises:
        DataError: arrays that do not fit together, are not finite, or are in other units.
    """

    name: str
    points: Array
    time: Array
    velocity: Array
    pressure: Array | None = None

    def __post_init__(self) -> None:
        self._check_shapes()
        fields = {"X_star": self.points, "t": self.time, "U_star": self.velocity}
        if self.pressure is not None:
            fields["p_star"] = self.pressure
        for key, array in fields.items():
            if not np.isfinite(array).all():
                count = int((~np.isfinite(array)).sum())
                raise DataError(
                    f"{self.name}: {key} has {count} of {array.size} numbers that are not finite; "
                    "remove those points or snapshots, or fill them before loading."
                )
        if (np.diff(self.time) <= 0).any():
            at = int(np.flatnonzero(np.diff(self.time) <= 0)[0])
            raise DataError(
                f"{self.name}: t must rise from snapshot to snapshot, and goes from "
                f"{self.time[at]:g} to {self.time[at + 1]:g}; sort the snapshots by time."
            )
        self._check_units()

    @property
    def samples(self) -> int:
        """Number of samples: points times snapshots."""
        return len(self.points) * len(self.time)

    @property
    def has_late_start(self) -> bool:
        """Whether whole snapshots are missing after the first although its time does not show it.

        The first two then differ as much as snapshots 2, 3, ... steps apart do, and the next ones
        evenly again. So it is in the wake of a cylinder by Raissi, Perdikaris, Karniadakis.
        """
        if len(self.time) < EVEN + 1:
            return False
        first = self.velocity[..., : EVEN + 1]
        changes = np.sqrt(np.mean(np.diff(first, axis=-1) ** 2, axis=(0, 1)))
        rates = changes / np.diff(self.time[: EVEN + 1])
        later = float(rates[1:].mean())
        if not 0 < np.ptp(rates[1:]) < TELLING * later:
            return False
        steps = float(rates[0]) / later
        return steps > 2 - TELLING and abs(steps - round(steps)) < TELLING

    def from_snapshot(self, first: int) -> FlowData:
        """The data without the snapshots before one."""
        pressure = None if self.pressure is None else self.pressure[:, first:]
        return FlowData(
            self.name, self.points, self.time[first:], self.velocity[..., first:], pressure
        )

    def grid(self) -> FlowGrid:
        """The flow on the grid that its points form, in whatever order they come.

        Raises:
            DataError: the points are not a full grid of equal spacing, or the snapshots not equally
                spaced.
        """
        x, column = _axis(self.points[:, 0])
        y, row = _axis(self.points[:, 1])
        if len(x) * len(y) != len(self.points) or len(set(zip(column, row, strict=True))) != len(
            self.points
        ):
            raise DataError(
                f"{self.name}: {len(self.points)} points with {len(x)} different x and {len(y)} "
                "different y are not a full grid; interpolate the flow to a grid first."
            )
        fields = np.empty((2, len(x), len(y), len(self.time)))
        fields[:, column, row] = self.velocity.transpose(1, 0, 2)
        return FlowGrid(self.name, x, y, self.time, *fields)

    def _check_shapes(self) -> None:
        arrays = {"X_star": self.points, "t": self.time, "U_star": self.velocity}
        if self.pressure is not None:
            arrays["p_star"] = self.pressure
        shapes = {key: array.shape for key, array in arrays.items()}
        check_field_shapes(self.name, len(self.points), self.time.size, shapes)

    def _check_units(self) -> None:
        speed = float(np.sqrt(np.mean(self.velocity**2) * 2)) if self.velocity.size else 0.0
        if speed and not SLOWEST <= speed <= FASTEST:
            raise DataError(
                f"{self.name}: the root mean square speed is {speed:.3g}, which does not look "
                "dimensionless; divide velocities by the stream's speed U, lengths by D, times by "
                "D / U and pressures by density U^2."
            )


def check_field_shapes(name: str, p: int, n_t: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuses shapes that are not those of p points and n_t snapshots.

    Raises:
        DataError: names the array, its shape and the one wanted.
    """
    wanted = {"X_star": (p, 2), "t": (n_t,), "U_star": (p, 2, n_t), "p_star": (p, n_t)}
    for key, shape in shapes.items():
        if shape != wanted[key]:
            turned = sorted(shape) == sorted(wanted[key])
            hint = "it seems transposed" if turned else "arrays must agree with one another"
            raise DataError(
                f"{name}: {key} must have the shape {wanted[key]} for {p} points and "
                f"{n_t} snapshots, and has {shape}; {hint}."
            )


@dataclass(frozen=True)
class FlowGrid:
    """Velocity on a grid of equal spacing along each axis.

    Args:
        name: what messages call the data.
        x, y, t: axes of n_x, n_y and n_t equally spaced values, at least two each.
        u, v: (n_x, n_y, n_t).

    Raises:
        DataError: an axis that is too short or not equally spaced.
    """

    name: str
    x: Array
    y: Array
    t: Array
    u: Array
    v: Array

    def __post_init__(self) -> None:
        for label, axis in zip("xyt", (self.x, self.y, self.t), strict=True):
            steps = np.diff(axis)
            if len(steps) == 0 or np.ptp(steps) > 1e-3 * steps.mean():
                raise DataError(
                    f"{self.name}: {label} must have at least two equally spaced values and has "
                    f"{len(axis)}, with steps from {steps.min(initial=0):.3g} to "
                    f"{steps.max(initial=0):.3g}; interpolate the flow to equal steps first."
                )

    @property
    def samples(self) -> int:
        """Number of samples: points times snapshots."""
        return self.u.size

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Steps in x, y and t."""
        x, y, t = ((axis[-1] - axis[0]) / (len(axis) - 1) for axis in (self.x, self.y, self.t))
        return float(x), float(y), float(t)


def _axis(values: Array) -> tuple[Array, NDArray[np.intp]]:
    """Distinct values in rising order, and the index of each point's value, up to rounding."""
    tolerance = 1e-6 * (np.ptp(values) or 1.0)
    order = np.argsort(values)
    group = np.concatenate([[0], np.cumsum(np.diff(values[order]) > tolerance)])
    index = np.empty(len(values), dtype=np.intp)
    index[order] = group
    return np.bincount(index, values) / np.bincount(index), index
