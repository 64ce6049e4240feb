"""Polynomials on regions that are no boxes, and the points at which they are looked at."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pinn.geometry.quadrature import on, within
from pinn.problem.spectral.space import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pinn.geometry.base import Domain, Part

    Array = NDArray[np.float64]

# Points inside for each polynomial, and points of a part for those that differ there, by the number
# of coordinates: some times as many as would just tell them apart, because they lie at random.
INSIDE, ON_PART = 4, {2: 8, 3: 3}
# Degree of the polynomials with which those of a space are multiplied before they are integrated.
FACTORS = 6


@dataclass(frozen=True)
class RegionSpace(Space):
    """Polynomials of a total degree, orthonormal in the mean over a region.

    Those of a box around it would be a poor basis: some are large outside of the region alone.

    Attributes:
        domain: the region.
    """

    domain: Domain

    @staticmethod
    def most(columns: int, axes: int) -> int:
        """The largest degree of which there are no more polynomials than that."""
        degree = 1
        while math.comb(degree + axes, axes) <= columns:
            degree += 1
        return degree

    @property
    def size(self) -> int:
        return len(self._numbers)

    @cached_property
    def degrees(self) -> Array:
        return np.asarray(self._numbers.sum(1))

    def rows(self, points: Array, orders: Sequence[int]) -> Array:
        """A derivative of all polynomials at points: those on the box, combined as Gram and Schmidt
        do.
        """
        plain = self._plain(points, orders)
        return np.asarray(np.linalg.solve(self._factor.T, plain.T).T)

    def inside(self, count: int) -> tuple[Array, Array]:
        points = self.domain.sample(INSIDE * max(self.size, count), seed=count).numpy()
        return points, np.full(len(points), len(points) ** -0.5)

    def on(self, part: Part, count: int) -> tuple[Array, Array]:
        axes = len(self.intervals)
        points = part.sample(ON_PART[axes] * count ** (axes - 1), seed=count).numpy()
        return points, np.full(len(points), len(points) ** -0.5)

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        """The degrees (n, c) along each coordinate, those of a low total degree first."""
        every = itertools.product(range(self.degree), repeat=len(self.intervals))
        chosen = [numbers for numbers in every if sum(numbers) < self.degree]
        return np.array(sorted(chosen, key=lambda numbers: (sum(numbers), numbers)))

    @cached_property
    def _factor(self) -> Array:
        """The triangular factor of the polynomials on the box, in the mean over the region."""
        points, weights = RegionSpace.inside(self, self.degree)  # of positive weights
        values = self._plain(points, [0] * points.shape[1]) * weights[:, None]
        factor = np.linalg.qr(values, mode="r")
        return np.asarray(factor * np.sign(np.diag(factor))[:, None])

    def _plain(self, points: Array, orders: Sequence[int]) -> Array:
        total = np.ones((len(points), self.size))
        for axis, order in enumerate(orders):
            total *= self._along(axis, points[:, axis], order)[:, self._numbers[:, axis]]
        return total


@dataclass(frozen=True)
class IntegratedSpace(RegionSpace):
    """Polynomials on a region of the plane, or on what is extruded from one, with nodes at which
    they are integrated.

    Roots of weights have the sign of the weights, of which some are negative.
    """

    def inside(self, count: int) -> tuple[Array, Array]:
        points, weights = within(self.domain, count + FACTORS)
        return points, np.sign(weights) * np.sqrt(np.abs(weights) / weights.sum())

    def on(self, part: Part, count: int) -> tuple[Array, Array]:
        points, weights = on(part, count + FACTORS)
        return points, np.sign(weights) * np.sqrt(np.abs(weights) / weights.sum())
