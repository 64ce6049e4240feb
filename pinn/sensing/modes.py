"""Modes of a flow, of which its snapshots are combinations, at the points and between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.data.flow import FlowData
from sciformer.errors import DataError, DomainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pinn.sensing.record import Record

    Array = NDArray[np.float64]
    Numbers = NDArray[np.int64]

MOST_MODES = 32
SMALLEST = 1e-4
"""Singular value over the largest of the last mode: below, digits of most data are rounding."""
NEIGHBOURS = 60  # points that a value between scattered points is interpolated from
ROUNDING = 1e-9  # of the window, by which a point may lie outside


@dataclass(frozen=True)
class Modes:
    """Fields as mean + scale sum_k a_k modes_k, orthonormal in the sum over fields and points.

    Attributes:
        points: (p, 2).
        names: of the fields.
        mean: (f, p), over time.
        scale: (f,), root mean square of the fluctuation of each field, so that all count alike.
        sizes: (r,), standard deviation of each a_k, falling.
        modes: (f, p, r).
        reading_size: (2,), standard deviation of u and v over points and time: noise is measured
            in it.

    Source: proper orthogonal decomposition, Sirovich 1987 (method of snapshots).
    """

    points: Array
    names: tuple[str, ...]
    mean: Array
    scale: Array
    sizes: Array
    modes: Array
    reading_size: Array

    @classmethod
    def of(cls, record: Record, most: int = MOST_MODES) -> Modes:
        """The leading modes of a record.

        Raises:
            DataError: a field, or a velocity at all points, that does not change.
        """
        mean = record.fields.mean(2)
        rest = record.fields - mean[..., None]
        scale = np.sqrt((rest**2).mean((1, 2)))
        reading_size = record.fields[:2].std((1, 2))
        if not (scale > 1e-12 * np.abs(record.fields).max((1, 2))).all():
            still = record.names[int(scale.argmin())]
            raise DataError(f"{record.name}: {still} does not change in time; nothing to learn.")
        f, p, n = rest.shape
        left, values, _ = np.linalg.svd(
            (rest / scale[:, None, None]).reshape(f * p, n), full_matrices=False
        )
        count = min(most, int((values > SMALLEST * values[0]).sum()))
        sizes = values[:count] / np.sqrt(n)
        modes = left[:, :count].reshape(f, p, count)
        return cls(record.points, record.names, mean, scale, sizes, modes, reading_size)

    def coefficients(self, record: Record) -> Array:
        """a of each snapshot, (n, r): the nearest combination of modes."""
        rest = (record.fields - self.mean[..., None]) / self.scale[:, None, None]
        found: Array = np.einsum("fpn,fpr->nr", rest, self.modes)
        return found

    def fields(self, coefficients: Array) -> Array:
        """Fields (f, p, n) at the points from a (n, r)."""
        rest = np.einsum("fpr,nr->fpn", self.modes, coefficients)
        found: Array = self.mean[..., None] + self.scale[:, None, None] * rest
        return found

    def seen_by(self, sensors: Numbers) -> tuple[Array, Array]:
        """The modes as sensors see them: mean (m, 2) and modes (m, 2, r), in the units of the
        data.
        """
        seen = self.scale[:2, None, None] * self.modes[:2, sensors]
        return self.mean[:2, sensors].T.copy(), seen.transpose(1, 0, 2).copy()

    def at(self, points: Array) -> tuple[Array, Array]:
        """Mean (f, q) and modes in units of the data (f, q, r) at any points (q, 2).

        Cubic splines where the points of the record are a grid, else polyharmonic splines of
        neighbours.

        Raises:
            DomainError: points of another shape, not finite, or outside of the record.
        """
        points = np.asarray(points, dtype=np.float64)
        low, high = self.points.min(0), self.points.max(0)
        slack = ROUNDING * (high - low)
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            raise DomainError(f"sensors: expects points x, y as (q, 2); got {points.shape}.")
        inside = ((points >= low - slack) & (points <= high + slack)).all(1)
        if not inside.all():
            x, y = points[~inside][0]
            raise DomainError(
                f"sensors: the point x = {x:g}, y = {y:g} lies outside of the record, "
                f"[{low[0]:g}, {high[0]:g}] x [{low[1]:g}, {high[1]:g}]; nothing is known there."
            )
        found = self._between(np.clip(points, low, high)).reshape(len(points), len(self.names), -1)
        found = found.transpose(1, 0, 2)
        return found[..., 0].copy(), found[..., 1:].copy()

    @cached_property
    def _between(self) -> Callable[[Array], Array]:
        """Interpolates mean and modes, all columns at once: (q, 2) -> (q, f (1 + r))."""
        scaled = self.scale[:, None, None] * self.modes
        columns = np.concatenate([self.mean[..., None], scaled], -1)  # (f, p, 1 + r)
        flat = columns.transpose(1, 0, 2).reshape(len(self.points), -1)
        try:
            return _Grid(self.points, flat)
        except DataError:
            from scipy.interpolate import RBFInterpolator

            near = min(NEIGHBOURS, len(self.points))
            found: Any = RBFInterpolator(self.points, flat, neighbors=near, kernel="cubic")
            return found  # type: ignore[no-any-return]


class _Grid:
    """Cubic splines over a full grid, for all columns (p, c) at once."""

    def __init__(self, points: Array, columns: Array) -> None:
        from scipy.interpolate import make_interp_spline

        still = np.zeros((len(points), 2, 2))
        still[:, 0] = 1.0  # some flow on the same points: who makes grids of them is known
        grid = FlowData("points", points, np.arange(2.0), still).grid()
        x, y = grid.x, grid.y
        place = np.rint(
            (points - [x[0], y[0]]) / np.array([grid.spacing[0], grid.spacing[1]])
        ).astype(int)
        values = np.empty((len(x), len(y), columns.shape[1]))
        values[place[:, 0], place[:, 1]] = columns
        orders = [min(3, len(axis) - 1) for axis in (x, y)]
        inner = make_interp_spline(y, values, orders[1], axis=1)
        # (n_x, n_y, c): coefficients in y first, then a spline of them in x
        self._y, self._order = inner.t, orders[1]
        self._x = make_interp_spline(x, np.moveaxis(inner.c, 0, 1), orders[0])

    def __call__(self, points: Array) -> Array:
        from scipy.interpolate import BSpline

        rows = self._x(points[:, 0])  # (q, n_y, c)
        basis = BSpline.design_matrix(points[:, 1], self._y, self._order).toarray()
        found: Array = np.einsum("qj,qjc->qc", basis, rows)
        return found
