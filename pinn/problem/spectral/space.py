"""Legendre polynomials on boxes, their derivatives, and the nodes at which they are integrated."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial import legendre

from pinn.geometry.box import Face

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pinn.geometry.base import Part

    Array = NDArray[np.float64]


ROUNDING = 1e-9  # of a root that is a whole number


@dataclass(frozen=True)
class Space:
    """Products of Legendre polynomials, orthonormal in the mean over a box, for several fields.

    Attributes:
        intervals: (low, high) of each coordinate.
        degree: number of polynomials along each.
        fields: f.
    """

    intervals: Sequence[tuple[float, float]]
    degree: int
    fields: int

    @staticmethod
    def most(columns: int, axes: int) -> int:
        """The largest number of polynomials along each axis that make no more than so many."""
        return int(columns ** (1 / axes) + ROUNDING)

    @property
    def size(self) -> int:
        """Number of polynomials for each field."""
        return int(self.degree ** len(self.intervals))

    @property
    def columns(self) -> int:
        """Number of coefficients of all fields."""
        return self.size * self.fields

    def rows(self, points: Array, orders: Sequence[int]) -> Array:
        """A derivative of all polynomials at points (p, c), the last coordinate's fastest: (p, n).

        Derivatives are taken in units of half the box, so that no unit of length counts.
        """
        total = np.ones((len(points), 1))
        for axis, order in enumerate(orders):
            along = self._along(axis, points[:, axis], order)
            total = (total[:, :, None] * along[:, None, :]).reshape(len(points), -1)
        return total

    def unit(self, orders: Sequence[int]) -> float:
        """A derivative in its own units over that in units of half the box."""
        halves = [(high - low) / 2 for low, high in self.intervals]
        return math.prod(half**-order for half, order in zip(halves, orders, strict=True))

    def inside(self, count: int) -> tuple[Array, Array]:
        """Gauss-Legendre nodes (p, c) of the box, `count` along each coordinate, and the roots of
        their weights (p,), of sum 1.
        """
        return self._nodes(count, None)

    def on(self, part: Part, count: int) -> tuple[Array, Array]:
        """The same on a face of the box."""
        assert isinstance(part, Face), "a box has faces only"
        return self._nodes(count, (part.axis, part.value))

    def _nodes(self, count: int, held: tuple[int, float] | None) -> tuple[Array, Array]:
        places, weights = legendre.leggauss(count)
        axes, shares = [], []
        for axis, (low, high) in enumerate(self.intervals):
            is_held = held is not None and held[0] == axis
            at = (
                np.array([held[1]])
                if is_held and held
                else (low + high + (high - low) * places) / 2
            )
            axes.append(at)
            shares.append(np.ones(1) if is_held else weights / 2)
        points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], -1)
        products = [math.prod(chosen) for chosen in itertools.product(*map(list, shares))]
        return points, np.sqrt(products)

    def split(self, values: Array) -> Array:
        """Coefficients (f, n) of all fields in one row after another."""
        return values.reshape(self.fields, self.size)

    @property
    def degrees(self) -> Array:
        """The highest degree of each polynomial along a coordinate (n,)."""
        return np.asarray(np.indices([self.degree] * len(self.intervals)).max(0).ravel())

    def tail(self, values: Array) -> float:
        """Share of the norm in the highest eighth of the degrees: what is not resolved."""
        fields = self.split(values)
        high = fields[:, self.degrees >= 7 * self.degree / 8]
        return float(np.linalg.norm(high) / max(np.linalg.norm(fields), np.finfo(float).tiny))

    def _along(self, axis: int, places: Array, order: int) -> Array:
        low, high = self.intervals[axis]
        scaled = (2 * places - low - high) / (high - low)
        sizes = np.sqrt(2 * np.arange(self.degree) + 1.0)
        if order >= self.degree:
            return np.zeros((len(places), self.degree))
        matrix = (
            legendre.legder(np.eye(self.degree), order, axis=0) if order else np.eye(self.degree)
        )
        values = legendre.legvander(scaled, len(matrix) - 1) @ matrix
        return np.asarray(values * sizes)
