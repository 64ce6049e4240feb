"""The record of a flow that sensors are learned from: equal steps, a first and a later part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sciformer.errors import DataError, DomainError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.data.flow import FlowData

    Array = NDArray[np.float64]
    Numbers = NDArray[np.int64]

FEWEST, MOST = 2, 64
"""Sensors: one fixes no mode of a wake, and more than 64 make the plain fit exact anyway."""
LEAST_FRAMES = 40
"""Of the first part: a quarter of it selects, and a mode needs some frames to be one."""
EVEN = 1e-3  # of a step, by which steps may differ


@dataclass(frozen=True)
class Record:
    """Snapshots of the fields of a flow in equal steps of time.

    Attributes:
        name: what messages call it.
        points: (p, 2), x and y.
        names: of the fields: u, v, and p where there is a pressure.
        fields: (f, p, n), in the units of the data.
        step: of time, > 0.
    """

    name: str
    points: Array
    names: tuple[str, ...]
    fields: Array
    step: float

    @classmethod
    def of(cls, flow: FlowData) -> Record:
        """The record of measured or computed snapshots; a late first snapshot is left out.

        Raises:
            DataError: fewer than two snapshots, or unequal steps, which no memory of so many frames
                can follow.
        """
        if flow.has_late_start:
            flow = flow.from_snapshot(1)
        steps = np.diff(flow.time)
        if not len(steps) or np.ptp(steps) > EVEN * steps.mean():
            raise DataError(
                f"{flow.name}: sensors need snapshots in equal steps of time; got steps from "
                f"{steps.min(initial=0):.4g} to {steps.max(initial=0):.4g}; interpolate first."
            )
        parts = [flow.velocity[:, 0], flow.velocity[:, 1]]
        if flow.pressure is not None:
            parts.append(flow.pressure)
        names = ("u", "v", "p")[: len(parts)]
        return cls(flow.name, flow.points, names, np.stack(parts), float(steps.mean()))

    @property
    def frames(self) -> int:
        """Number of snapshots."""
        return len(self.fields[0, 0])

    def part(self, first: int, last: int | None = None) -> Record:
        """The snapshots from `first` to before `last`."""
        fields = self.fields[:, :, first:last]
        return Record(self.name, self.points, self.names, fields, self.step)

    def split(self, share: float) -> tuple[Record, Record]:
        """The first part of the record, and the later one.

        Args:
            share: of the frames that belong to the first part, 0 < share < 1.

        Raises:
            UsageError: a share outside its range.
            DataError: too few frames in either part.
        """
        if not 0 < share < 1:
            raise UsageError(f"{self.name}: the first part is a share in (0, 1); got {share:g}.")
        count = round(share * self.frames)
        if count < LEAST_FRAMES or self.frames - count < 2:
            raise DataError(
                f"{self.name}: {self.frames} snapshots, {count} of them in the first part, are too "
                f"few; sensors are learned from {LEAST_FRAMES} or more and tested on 2 or more."
            )
        return self.part(0, count), self.part(count)

    def sensors_at(self, places: Array) -> Numbers:
        """The points of the record nearest to some places (m, 2), as numbers (m,).

        Raises:
            DataError: places that are not finite, outside of the record, or at the same point.
        """
        places = np.asarray(places, dtype=np.float64)
        if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
            raise DataError(
                f"{self.name}: sensors need finite places x, y as (m, 2); got {places.shape}."
            )
        _check_count(self.name, len(places), len(self.points))
        low, high = self.points.min(0), self.points.max(0)
        outside = ((places < low) | (places > high)).any(1)
        if outside.any():
            x, y = places[outside][0]
            raise DataError(
                f"{self.name}: the sensor at x = {x:g}, y = {y:g} lies outside of "
                f"[{low[0]:g}, {high[0]:g}] x [{low[1]:g}, {high[1]:g}]; move it."
            )
        nearest = np.array([((self.points - p) ** 2).sum(1).argmin() for p in places])
        if len(set(nearest.tolist())) < len(nearest):
            raise DataError(f"{self.name}: two sensors have the same nearest point; move one.")
        return nearest

    def random_sensors(self, count: int, seed: int) -> Numbers:
        """So many points of the record by chance, as numbers (count,).

        Raises:
            DomainError: a count that is too small or too large.
        """
        _check_count(self.name, count, len(self.points))
        return np.random.default_rng(seed).choice(len(self.points), count, replace=False)


def _check_count(name: str, count: int, points: int) -> None:
    if not FEWEST <= count <= min(MOST, points):
        raise DomainError(
            f"{name}: takes {FEWEST} to {min(MOST, points)} sensors at points of the record; got "
            f"{count}."
        )


@dataclass(frozen=True)
class Readings:
    """Readings of sensors, frame by frame.

    Attributes:
        values: (n, m, 2), u and v of each sensor; of absent ones they may be anything.
        present: (n, m, 2) bool, False where a sensor has failed.
    """

    values: Array
    present: NDArray[np.bool_]


@dataclass(frozen=True)
class Corruption:
    """Noise, and sensors that are silent all the time.

    Args:
        noise: standard deviation over that of the same velocity in the record, >= 0.
        failed: sensors that have failed, >= 0.
    """

    noise: float = 0.0
    failed: int = 0

    def __str__(self) -> str:
        said = f"{self.noise:.3g} noise" if self.noise else "clean"
        return f"{said}, {self.failed} failed" if self.failed else said

    def read(self, record: Record, sensors: Numbers, size: Array, seed: int) -> Readings:
        """The readings of sensors, so corrupted.

        Args:
            record: of the true flow.
            sensors: their points, (m,).
            size: (2,), standard deviations of u and v.
            seed: of noise and failures.

        Raises:
            DomainError: noise below 0, or no sensor that works.
        """
        if not 0 <= self.failed < len(sensors) or not 0 <= self.noise < np.inf:
            raise DomainError(
                f"{record.name}: noise must be >= 0 and of {len(sensors)} sensors one must work; "
                f"got {self.noise:g} and {self.failed} failed."
            )
        generator = np.random.default_rng(seed)
        values = record.fields[:2, sensors].transpose(2, 1, 0).copy()  # (n, m, 2)
        values += self.noise * size * generator.standard_normal(values.shape)
        present = np.ones(values.shape, dtype=bool)
        dead = generator.choice(len(sensors), self.failed, replace=False)
        present[:, dead], values[:, dead] = False, np.nan
        return Readings(values, present)
