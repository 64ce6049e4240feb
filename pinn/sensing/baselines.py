"""Baselines without a network: gappy POD and linear estimation from the same readings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from pinn.sensing.modes import Modes
from pinn.sensing.record import Readings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from pinn.sensing.record import Corruption, Record

    Array = NDArray[np.float64]

STRENGTHS = tuple(10.0**k for k in range(-12, 2))
"""Of the ridge, over the mean variance of the readings: from rounding to more than the signal."""
DRAWS = 3  # of noise and failures, by which a rank or a strength is chosen


class Estimator(Protocol):
    """Coefficients of modes from readings."""

    def __call__(self, readings: Readings) -> Array:
        """a of every frame, (n, r)."""
        ...


E = TypeVar("E", bound=Estimator)


@dataclass(frozen=True)
class Setup:
    """Modes, and the sensors that see them.

    Attributes:
        modes: of the first part of a record.
        sensors: points of the record, (m,).
    """

    modes: Modes
    sensors: NDArray[np.int64]

    def seen(self) -> tuple[Array, Array]:
        """Mean (2 m,) and modes (2 m, r) of the readings, in sizes of the velocities."""
        mean, modes = self.modes.seen_by(self.sensors)
        size = self.modes.reading_size
        return (mean / size).ravel(), (modes / size[:, None]).reshape(mean.size, -1)

    def rows(self, readings: Readings) -> tuple[Array, NDArray[np.bool_]]:
        """Readings as rows (n, 2 m) in sizes of the velocities, 0 where none is; which there are.

        The value of an absent sensor is never read.
        """
        present = readings.present.reshape(len(readings.present), -1)
        scaled = (readings.values / self.modes.reading_size).reshape(present.shape)
        return np.where(present, scaled, 0.0), present


class GappyPOD:
    """The least-squares fit of the first modes to the readings that are there, frame by frame.

    Args:
        setup: modes and sensors.
        rank: how many modes are fitted, >= 1.

    Source: Everson and Sirovich 1995, eqs. 10-13.
    """

    def __init__(self, setup: Setup, rank: int) -> None:
        self._setup, self.rank = setup, rank
        self._mean, self._modes = setup.seen()

    def __call__(self, readings: Readings) -> Array:
        values, present = self._setup.rows(readings)
        found = np.zeros((len(values), self._modes.shape[1]))
        for mask, frames in _alike(present):
            rest = values[frames][:, mask] - self._mean[mask]
            matrix = self._modes[mask, : self.rank]
            found[frames, : self.rank] = np.linalg.lstsq(matrix, rest.T, rcond=None)[0].T
        return found

    @classmethod
    def chosen(cls, setup: Setup, record: Record, corruption: Corruption) -> GappyPOD:
        """The fit whose rank has the least error on a record under a known corruption."""
        ranks = range(1, min(len(setup.modes.sizes), 2 * len(setup.sensors)) + 1)
        return _best((cls(setup, rank) for rank in ranks), setup, record, corruption)


class LinearEstimation:
    """Linear stochastic estimation: the ridge regression of the modes on the readings.

    a = C_ay (C_yy + strength I)^{-1} y with covariances over snapshots; where sensors are silent
    it is the regression on the others. With `delays` > 1 it reads the last frames too; the first
    frames, that have no such past, are answered from themselves.

    Args:
        setup: modes and sensors.
        record: snapshots that the covariances are taken over.
        strength: of the ridge, over the mean variance of the readings.
        delays: frames that are read, the present one included, >= 1.

    Source: Adrian 1979; Bonnet et al. 1994 for its use with POD; Ewing and Citriniti 1999 for
        several times.
    """

    def __init__(self, setup: Setup, record: Record, strength: float, delays: int = 1) -> None:
        self._setup, self._record, self.strength, self.delays = setup, record, strength, delays
        self._mean, _ = setup.seen()
        clean = record.fields[:2, setup.sensors].transpose(2, 1, 0)
        values, _ = setup.rows(Readings(clean, np.ones(clean.shape, dtype=bool)))
        self._rest, self._targets = values - self._mean, setup.modes.coefficients(record)

    def __call__(self, readings: Readings) -> Array:
        values, present = self._setup.rows(readings)
        rest = np.where(present, values - self._mean, 0.0)
        found = self._estimate(rest, present, 1)
        if self.delays > 1 and len(rest) >= self.delays:
            found[self.delays - 1 :] = self._estimate(rest, present, self.delays)
        return found

    def _estimate(self, rest: Array, present: NDArray[np.bool_], delays: int) -> Array:
        past, seen = _delayed(rest, delays), _delayed(present, delays)
        known = _delayed(self._rest, delays)
        targets = self._targets[delays - 1 :]
        centre = targets.mean(0)
        found = np.empty((len(past), targets.shape[1]))
        for mask, frames in _alike(seen):
            y = known[:, mask]
            ridge = self.strength * max(float((y**2).mean()), 1e-300) * len(y)
            # As many unknowns as snapshots: fewer than readings with their pasts.
            gram = y @ y.T + ridge * np.eye(len(y))
            weights = np.linalg.lstsq(gram, targets - centre, rcond=None)[0]
            found[frames] = centre + past[frames][:, mask] @ (y.T @ weights)
        return found

    @classmethod
    def chosen(
        cls, setup: Setup, fit: Record, record: Record, corruption: Corruption, delays: int = 1
    ) -> LinearEstimation:
        """The estimation whose ridge has the least error on a record under a known corruption."""
        made = (cls(setup, fit, strength, delays) for strength in STRENGTHS)
        return _best(made, setup, record, corruption)


def _best(made: Iterable[E], setup: Setup, record: Record, corruption: Corruption) -> E:
    draws = [
        corruption.read(record, setup.sensors, setup.modes.reading_size, seed)
        for seed in range(DRAWS)
    ]

    def cost(one: E) -> float:
        return sum(error(setup.modes, record, one(readings)).total ** 2 for readings in draws)

    return min(made, key=cost)


@dataclass(frozen=True)
class Error:
    """||w - w*|| / ||w* - mean w||, over all frames and points: shares of what changes.

    Attributes:
        fields: by name.
        total: root mean square over the fields.
    """

    fields: dict[str, float]
    total: float


def error(modes: Modes, record: Record, coefficients: Array) -> Error:
    """The error of estimated coefficients (n, r) against the true fields of a record."""
    gap = modes.fields(coefficients) - record.fields
    size = record.fields - modes.mean[..., None]
    shares = np.sqrt((gap**2).sum((1, 2)) / (size**2).sum((1, 2)))
    by_name = dict(zip(record.names, shares.tolist(), strict=True))
    return Error(by_name, float(np.sqrt((shares**2).mean())))


def _alike(present: NDArray[np.bool_]) -> list[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Sets of readings that are there, and the frames that have just these."""
    masks, inverse = np.unique(present, axis=0, return_inverse=True)
    flat = inverse.ravel()
    return [(mask, np.flatnonzero(flat == i)) for i, mask in enumerate(masks)]


def _delayed(rows: NDArray[Any], delays: int) -> NDArray[Any]:
    """Each row beside those before it, (n - delays + 1, delays c)."""
    parts = [rows[delays - 1 - k : len(rows) - k] for k in range(delays)]
    return np.concatenate(parts, 1)
