"""Few ridge functions near a function: pursuit in a dictionary, polish, pruning.

A dictionary of integer directions gives a start (orthogonal matching pursuit); then directions,
hinges and weights move together and units are taken away (`polish`). No clock: the caps are numbers
of iterations, so that the same input gives the same units.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from theory.universal.arrays import Array
from theory.universal.fitting.polish import largest_error, polish, prune, with_one
from theory.universal.fitting.ridge import Ridges
from theory.universal.fitting.symmetry import Orbits, Symmetry, symmetry_of

_SAMPLES = {1: 400, 2: 1200, 3: 2400, 4: 5000}
_DIRECTIONS = {1: 1, 2: 4, 3: 2, 4: 1}
_HINGES = {1: 63, 2: 13, 3: 9, 4: 9}
_FIRST_UNITS = 8
_GROWTH = 1.4
_REGROWTH = 1.05
"""More units at a time, and once a fit has to meet further points, which pruning would spoil."""
_SAFETY = 0.97
_DENSER = 4.0
"""Points of a symmetric fit, images counted, over those of any other."""
_FINER = 16
_REFINEMENTS = 6
_EXACT = 1e-10
_SYMMETRIC = range(4, 7)
"""Coordinates of a block whose symmetries are used; fewer cost little and do better without."""


def sample_cube(dimension: int, factor: float = 1.0) -> Array:
    """A fixed set of points in [-1, 1]^r: evenly spread inside, a third on faces, and a lattice."""
    count = round(factor * _SAMPLES[min(dimension, 4)])
    root = 2.0
    for _ in range(64):
        root = (1.0 + root) ** (1.0 / (dimension + 1))
    steps = root ** -(1.0 + np.arange(dimension))
    inside = 2.0 * ((0.5 + np.outer(np.arange(1, count + 1), steps)) % 1.0) - 1.0
    outside = inside[: count // 3]
    pushed = np.random.default_rng(0).uniform(size=outside.shape) < 0.5
    faces = np.where(pushed, np.where(outside < 0, -1.0, 1.0), outside)
    lattice = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=min(dimension, 6))))
    if dimension > 6:
        lattice = np.zeros((1, dimension))
    return np.concatenate([inside, faces, lattice])


def dictionary(dimension: int) -> tuple[Array, Array]:
    """Primitive integer directions, scaled to |a|_1 = 1, and equidistant hinges on [-1, 1]."""
    reach = _DIRECTIONS[min(dimension, 4)]
    hinges = np.linspace(-1, 1, _HINGES[min(dimension, 4)] + 2)[1:-1]
    directions = []
    for p in itertools.product(range(-reach, reach + 1), repeat=dimension):
        leading = next((v for v in p if v), 0)
        if leading > 0 and math.gcd(*(abs(v) for v in p)) == 1:
            directions.append(p)
    directions.sort(key=lambda p: (sum(abs(v) for v in p), p))
    rows = np.array(directions, dtype=np.float64)
    rows /= np.abs(rows).sum(1, keepdims=True)
    return np.repeat(rows, len(hinges), 0), np.tile(-hinges, len(rows))


def symmetry_for(function: Callable[[Array], Array], dimension: int) -> Symmetry:
    """The symmetry that the units of a fit share: all of the function's where fits are costly."""
    return symmetry_of(function, dimension) if dimension in _SYMMETRIC else Symmetry.none(dimension)


def fit_function(
    function: Callable[[Array], Array],
    symmetry: Symmetry,
    tolerance: float,
    *,
    extra: Array | None = None,
    start: Ridges | None = None,
) -> Ridges | None:
    """Few ridge units within `tolerance` of a function, also on many more points than are fitted.

    Args:
        function: values (p,) at points (p, r) of [-1, 1]^r.
        symmetry: of the function.
        tolerance: largest allowed |error|, > 0.
        extra: further points (p, r) to be met; the worst of a finer set join them.
        start: an earlier result, which may need no more than a polish.

    Returns:
        One unit an orbit, for `symmetry.unfold`; None if there is no fit.
    """
    points = sample_cube(symmetry.dimension, min(1.0, _DENSER / symmetry.order))
    if extra is not None:
        points = np.concatenate([points, extra])
    fine = sample_cube(symmetry.dimension, _FINER / symmetry.order)
    fine_values = function(fine)
    for _ in range(_REFINEMENTS):
        found = fit(Orbits.of(points, symmetry), function(points), tolerance, start)
        if found is None:
            return None
        error = np.abs(symmetry.unfold(found)(fine) - fine_values)
        if error.max() <= tolerance:
            break
        worst = np.argsort(-error)[: len(points) // 10]
        points = np.concatenate([points, fine[worst[error[worst] > _SAFETY * tolerance]]])
        start = found
    return found


def fit(
    points: Orbits,
    values: Array,
    tolerance: float,
    start: Ridges | None = None,
    most_units: int = 400,
) -> Ridges | None:
    """Few ridge units within `tolerance` of the values at the points.

    Args:
        points: p points of [-1, 1]^r and their images.
        values: (p,).
        tolerance: largest allowed |error| at the points, > 0.
        start: units that may need no more than a polish.
        most_units: units after which the fit gives up.

    Returns:
        The units, or None if `most_units` do not suffice.
    """
    goal = _SAFETY * tolerance
    found = affine_fit(points, values) if start is None else polish(start, points, values, goal)
    if largest_error(found, points, values) <= goal:
        return found
    growth = _GROWTH if start is None else _REGROWTH
    while found.units <= most_units:
        count = max(_FIRST_UNITS, math.ceil(growth * found.units)) - found.units
        grown = _pursue(found, points, values, count)
        if grown.units == found.units:
            return None
        found = polish(grown, points, values, goal)
        if largest_error(found, points, values) <= goal:
            return prune(found, points, values, goal) if start is None else found
    return None


def affine_fit(points: Orbits, values: Array) -> Ridges:
    """The affine function of (nearly) least largest error, by Lawson's weights."""
    r = points.points.shape[1]
    empty = Ridges(np.zeros((0, r)), np.zeros(0), np.zeros(0), np.zeros(r), 0.0)
    return polish(empty, points, values, 0.0)


def _pursue(ridges: Ridges, points: Orbits, values: Array, count: int) -> Ridges:
    """Orthogonal matching pursuit: adds up to `count` dictionary units and refits all weights."""
    rows, offsets = dictionary(points.points.shape[1])
    units = points.mean(lambda y: np.maximum(y @ rows.T + offsets, 0.0))
    affine, own = points.mean(with_one), points.mean(ridges.active)
    basis = _span(np.hstack([affine, own]))
    bent = units - basis @ (basis.T @ units)  # what the present units cannot do
    sizes = np.linalg.norm(bent, axis=0)
    usable = sizes > 1e-9
    residual = values - basis @ (basis.T @ values)
    chosen: list[int] = []
    for _ in range(min(count, int(usable.sum()))):
        if np.abs(residual).max() <= _EXACT * (1.0 + np.abs(values).max()):
            break
        scores = np.where(usable, np.abs(bent.T @ residual) / np.maximum(sizes, 1e-9), 0.0)
        best = int(scores.argmax())
        chosen.append(best)
        usable[best] = False
        column = bent[:, best] - basis @ (basis.T @ bent[:, best])
        size = np.linalg.norm(column)
        if size > 1e-9:
            basis = np.hstack([basis, column[:, None] / size])
            residual = residual - basis[:, -1] * (basis[:, -1] @ residual)
    design = np.hstack([own, units[:, chosen], affine])
    found = np.asarray(np.linalg.lstsq(design, values, rcond=None)[0], dtype=np.float64)
    k = ridges.units + len(chosen)
    return Ridges(
        np.concatenate([ridges.directions, rows[chosen]]),
        np.concatenate([ridges.offsets, offsets[chosen]]),
        found[:k],
        found[k:-1],
        float(found[-1]),
    )


def _span(columns: Array) -> Array:
    """An orthonormal basis of the columns' span; symmetry makes some of them zero or equal."""
    basis, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(basis[:, sizes > 1e-10 * sizes.max(initial=0.0)])
