"""Symmetries of a function on the cube, and ridge functions that share them.

f(g y) = sign(g) f(y) for every g of a group of signed permutations. The mean over the group,
y -> mean_g sign(g) N(g y), is no further from f than N in the largest error and has the symmetries
of f, so that a fit needs one unit of each orbit and points of one sector: with |G| maps, the normal
equations of `polish` are |G| times smaller each way. The certifier knows nothing of this.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.universal.arrays import Array
from theory.universal.fitting.ridge import Ridges, merge

_SAMPLES = 64
_SAME = 1e-9


@dataclass(frozen=True)
class Symmetry:
    """A group of signed permutations of r coordinates, and the sign that goes with each.

    Shapes: maps (g, r, r), the identity first; signs (g,).
    """

    maps: Array
    signs: Array

    @classmethod
    def none(cls, dimension: int) -> Symmetry:
        """The identity alone."""
        return cls(np.eye(dimension)[None], np.ones(1))

    @property
    def order(self) -> int:
        """|G|, the number of maps."""
        return len(self.signs)

    @property
    def dimension(self) -> int:
        """r, the number of coordinates."""
        return int(self.maps.shape[1])

    def unfold(self, ridges: Ridges) -> Ridges:
        """mean_g sign(g) N(g y) as ridge functions of y; images of a unit that agree are one."""
        slope = self.signs @ (ridges.slope @ self.maps) / self.order
        constant = float(self.signs.mean() * ridges.constant)
        parts = [
            self._orbit(direction, offset, weight)
            for direction, offset, weight in zip(
                ridges.directions, ridges.offsets, ridges.weights, strict=True
            )
        ]
        affine = Ridges(np.zeros((0, self.dimension)), np.zeros(0), np.zeros(0), slope, constant)
        return merge([affine, *parts], self.dimension)

    def _orbit(self, direction: Array, offset: float, weight: float) -> Ridges:
        """The different images of one unit, weighted by how often they occur."""
        images = direction @ self.maps  # (g, r)
        scale = _SAME * max(float(np.abs(direction).max()), 1e-300)
        _, first, home = np.unique(
            np.round(images / scale), axis=0, return_index=True, return_inverse=True
        )
        share = np.bincount(home.ravel(), weights=self.signs) / self.order
        first, share = first[share != 0], share[share != 0]
        none = np.zeros(self.dimension)
        return Ridges(images[first], np.full(len(first), offset), weight * share, none, 0.0)


def symmetry_of(function: Callable[[Array], Array], dimension: int) -> Symmetry:
    """The signed permutations that keep a function on [-1, 1]^r up to sign, by its values.

    Args:
        function: values (p,) at points (p, r).
        dimension: r; all 2^r r! maps are tried.
    """
    points = np.random.default_rng(0).uniform(-1, 1, (_SAMPLES, dimension))
    values = function(points)
    allowed = 1e-12 * float(np.abs(values).max())
    maps, signs = [], []
    for order in itertools.permutations(range(dimension)):
        for flips in itertools.product((1.0, -1.0), repeat=dimension):
            image = function(points[:, order] * flips)
            for sign in (1.0, -1.0):
                if np.abs(image - sign * values).max() <= allowed:
                    maps.append(np.diag(flips) @ np.eye(dimension)[list(order)])
                    signs.append(sign)
                    break
    return Symmetry(np.array(maps), np.array(signs))


@dataclass(frozen=True)
class Orbits:
    """Points of a cube with their images under a symmetry, shape (g, p, r)."""

    images: Array
    symmetry: Symmetry

    @classmethod
    def of(cls, points: Array, symmetry: Symmetry | None = None) -> Orbits:
        """The images of points (p, r)."""
        symmetry = symmetry or Symmetry.none(points.shape[1])
        return cls(points @ symmetry.maps.swapaxes(1, 2), symmetry)

    @property
    def points(self) -> Array:
        """The points themselves, shape (p, r)."""
        return np.asarray(self.images[0])

    def mean(self, function: Callable[[Array], Array]) -> Array:
        """mean_g sign(g) function(g y) at every point; the function itself without symmetry."""
        total = function(self.images[0])
        for sign, image in zip(self.symmetry.signs[1:], self.images[1:], strict=True):
            total = total + sign * function(image)
        return total / self.symmetry.order
