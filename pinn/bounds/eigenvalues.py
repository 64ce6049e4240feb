"""Eigenvalues of -(d/dx)^2 and of symmetric diffusion between walls."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.bounds.walls import Boundary, Wall
    from pinn.geometry.box import Box

    Array = NDArray[np.float64]

# Eigenvalues along one coordinate that are listed at most.
MOST = 10_000


def axis_walls(domain: Box, boundary: Boundary, axis: int) -> tuple[Wall | None, Wall | None]:
    """The walls at the lower and the upper end of a coordinate, None where there is none."""
    name = domain.coordinates[axis]
    here = [w for w in boundary.walls.values() if w.face.coordinate == name]
    low, high = ([w for w in here if w.face.outward == side] for side in (-1, 1))
    return (low[0] if low else None), (high[0] if high else None)


def least_eigenvalue(domain: Box, boundary: Boundary, axis: int) -> float:
    """A lower bound of -(d/dx)^2 with e = 0 or k e + e_n = 0, k >= 0, at the walls of a coordinate.

    (pi / L)^2 between two walls with e = 0, (pi / 2 L)^2 with one, and 0 otherwise.
    """
    values = sum(w is not None and w.is_value for w in axis_walls(domain, boundary, axis))
    width = domain.high[axis] - domain.low[axis]
    return (values * math.pi / (2 * width)) ** 2


def axis_spectrum(domain: Box, boundary: Boundary, axis: int, top: float) -> list[float] | None:
    """Eigenvalues of -(d/dx)^2 along a coordinate, from the least to one beyond `top`.

    None where a Robin condition makes them roots of an equation, or where no condition is.
    """
    width = domain.high[axis] - domain.low[axis]
    if axis in boundary.periodic:
        start, step, unit = 0.0, 1.0, 2 * math.pi / width
    else:
        walls = [w for w in axis_walls(domain, boundary, axis) if w is not None]
        if len(walls) < 2 or any(not w.is_value and w.robin != 0 for w in walls):
            return None
        values = sum(w.is_value for w in walls)
        start, step, unit = values / 2, 1.0, math.pi / width
    found: list[float] = []
    for k in range(MOST):
        found.append((unit * (start + step * k)) ** 2)
        if found[-1] > top and k:
            return found
    return None


def distance_to_spectrum(spectra: list[list[float]], shift: float) -> tuple[float, float]:
    """The distance of `shift` to the sums of one entry of each list, and the nearest sum."""
    nearest = min((sum(one) for one in itertools.product(*spectra)), key=lambda s: abs(s - shift))
    return abs(nearest - shift), nearest


def largest_eigenvalue(
    diffusion: Array, growth: Array, widths: Array, ends: tuple[bool, bool], *, is_ring: bool
) -> float:
    """The largest eigenvalue of d/dx a d/dx + q on cells.

    Args:
        diffusion: a > 0 of each cell (n,).
        growth: q of each cell (n,).
        widths: of the cells (n,).
        ends: whether the value is given at the lower and at the upper end.
        is_ring: whether the two ends are the same place.

    Accuracy: of second order in the widths.
    """
    from scipy.linalg import eigh_tridiagonal

    between = 2 / (widths[1:] / diffusion[1:] + widths[:-1] / diffusion[:-1])
    loss = np.zeros_like(widths)
    loss[1:] += between
    loss[:-1] += between
    if not is_ring:
        for is_value, cell in zip(ends, (0, -1), strict=True):
            loss[cell] += 2 * diffusion[cell] / widths[cell] if is_value else 0.0
    root = np.sqrt(widths)
    count = len(widths)
    if not is_ring:
        diagonal, beside = growth - loss / widths, between / (root[1:] * root[:-1])
        found: Any = eigh_tridiagonal(
            diagonal, beside, eigvals_only=True, select="i", select_range=(count - 1, count - 1)
        )
        return float(found[0])
    closing = 2 / (widths[0] / diffusion[0] + widths[-1] / diffusion[-1])
    loss[[0, -1]] += closing
    ring = np.concatenate([between, [closing]]) / (root * np.roll(root, -1))
    return _largest_of_ring(growth - loss / widths, ring)


def _largest_of_ring(diagonal: Array, ring: Array) -> float:
    """The largest eigenvalue of a periodic tridiagonal matrix, by folding it to five diagonals.

    Numbered 0, n-1, 1, n-2, ... neighbours on the ring are at most two places apart.

    Args:
        diagonal: (n,), n >= 3.
        ring: entry (n,) between each place and the next, the last between the two ends.
    """
    from scipy.linalg import eig_banded

    count = len(diagonal)
    places = np.stack([np.arange(count), -np.arange(1, count + 1)], -1).ravel()[:count] % count
    band = np.zeros((3, count))
    band[0] = diagonal[places]
    for apart in (1, 2):
        left, right = places[:-apart], places[apart:]
        follows, leads = (left + 1) % count == right, (right + 1) % count == left
        band[apart, :-apart] = np.where(follows, ring[left], np.where(leads, ring[right], 0.0))
    found: Any = eig_banded(
        band, lower=True, eigvals_only=True, select="i", select_range=(count - 1, count - 1)
    )
    return float(found[0])
