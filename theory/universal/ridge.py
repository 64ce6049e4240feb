"""Sums of ridge functions relu(a . y + b): few of them, fitted in the largest error.

A dictionary of integer directions gives a start (orthogonal matching pursuit); then directions,
hinges and weights move together (Lawson-weighted Levenberg-Marquardt, which drives the largest
error down) and units are taken away as long as the rest can make up for them. No clock: the caps
are numbers of iterations, so that the same input gives the same units.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.universal.intervals import Array

_SAMPLES = {1: 400, 2: 1200, 3: 2400, 4: 5000}
_DIRECTIONS = {1: 1, 2: 4, 3: 2, 4: 1}
_HINGES = {1: 63, 2: 13, 3: 9, 4: 9}
_FIRST_UNITS = 8
_GROWTH = 1.4
_POLISH_STEPS = 80
_HOPELESS = {12: 2.0, 24: 1.4, 40: 1.15, 60: 1.06}
"""After so many steps, a largest error that is still so many times the goal will not reach it."""
_NOTHING = 1e-13
_CHUNKS = 8
_SAFETY = 0.97
_FINER = 16
_REFINEMENTS = 6
_EXACT = 1e-10


@dataclass(frozen=True)
class Ridges:
    """y -> sum_k weight_k relu(direction_k . y + offset_k) + slope . y + constant.

    Shapes: directions (units, r), offsets (units,), weights (units,), slope (r,).
    """

    directions: Array
    offsets: Array
    weights: Array
    slope: Array
    constant: float

    @property
    def units(self) -> int:
        return len(self.offsets)

    def __call__(self, points: Array) -> Array:
        active = np.maximum(points @ self.directions.T + self.offsets, 0.0)
        return np.asarray(active @ self.weights + points @ self.slope + self.constant)

    def composed(self, matrix: Array, shift: Array) -> Ridges:
        """The same function of x, where y = matrix x + shift."""
        return Ridges(
            self.directions @ matrix,
            self.offsets + self.directions @ shift,
            self.weights,
            self.slope @ matrix,
            float(self.constant + self.slope @ shift),
        )

    def keep(self, units: NDArray[np.integer]) -> Ridges:
        return Ridges(
            self.directions[units],
            self.offsets[units],
            self.weights[units],
            self.slope,
            self.constant,
        )


def merge(parts: list[Ridges], width: int) -> Ridges:
    """The sum of several functions of the same coordinates."""
    return Ridges(
        np.concatenate([np.zeros((0, width)), *(p.directions for p in parts)]),
        np.concatenate([np.zeros(0), *(p.offsets for p in parts)]),
        np.concatenate([np.zeros(0), *(p.weights for p in parts)]),
        sum((p.slope for p in parts), np.zeros(width)),
        float(sum(p.constant for p in parts)),
    )


def sample_cube(dimension: int, factor: int = 1) -> Array:
    """A fixed set of points in [-1, 1]^r: evenly spread inside, a third on faces, and a lattice."""
    count = factor * _SAMPLES[min(dimension, 4)]
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


def fit_function(
    function: Callable[[Array], Array],
    points: Array,
    tolerance: float,
    start: Ridges | None = None,
) -> Ridges | None:
    """Few ridge units within `tolerance` of a function, also on many more points than are fitted.

    Args:
        function: values (p,) at points (p, r) of [-1, 1]^r.
        points: where it is fitted at first; the worst of a finer set join them.
        tolerance: largest allowed |error|, > 0.
        start: units that may need no more than a polish.
    """
    fine = sample_cube(points.shape[1], _FINER)
    fine_values = function(fine)
    for _ in range(_REFINEMENTS):
        found = fit(points, function(points), tolerance, start)
        if found is None:
            return None
        error = np.abs(found(fine) - fine_values)
        if error.max() <= tolerance:
            break
        worst = np.argsort(-error)[: len(points) // 10]
        points = np.concatenate([points, fine[worst[error[worst] > _SAFETY * tolerance]]])
        start = found
    return found


def fit(
    points: Array,
    values: Array,
    tolerance: float,
    start: Ridges | None = None,
    most_units: int = 400,
) -> Ridges | None:
    """Few ridge units within `tolerance` of the values at the points.

    Args:
        points: (p, r) in [-1, 1]^r.
        values: (p,).
        tolerance: largest allowed |error| at the points, > 0.
        start: units that may need no more than a polish.
        most_units: units after which the fit gives up.

    Returns:
        The units, or None if `most_units` do not suffice.
    """
    goal = _SAFETY * tolerance
    found = affine_fit(points, values) if start is None else polish(start, points, values, goal)
    if _worst(found, points, values) <= goal:
        return found
    while found.units <= most_units:
        count = max(_FIRST_UNITS, math.ceil(_GROWTH * found.units)) - found.units
        grown = _pursue(found, points, values, count)
        if grown.units == found.units:
            return None
        found = polish(grown, points, values, goal)
        if _worst(found, points, values) <= goal:
            return prune(found, points, values, goal)
    return None


def _worst(ridges: Ridges, points: Array, values: Array) -> float:
    return float(np.abs(ridges(points) - values).max())


def _with_one(points: Array) -> Array:
    return np.hstack([points, np.ones((len(points), 1))])


def affine_fit(points: Array, values: Array) -> Ridges:
    """The affine function of (nearly) least largest error, by Lawson's weights."""
    r = points.shape[1]
    empty = Ridges(np.zeros((0, r)), np.zeros(0), np.zeros(0), np.zeros(r), 0.0)
    return polish(empty, points, values, 0.0)


def _pursue(ridges: Ridges, points: Array, values: Array, count: int) -> Ridges:
    """Orthogonal matching pursuit: adds up to `count` dictionary units and refits all weights."""
    rows, offsets = dictionary(points.shape[1])
    units = np.maximum(points @ rows.T + offsets, 0.0)
    own = np.maximum(points @ ridges.directions.T + ridges.offsets, 0.0)
    basis = np.linalg.qr(np.hstack([_with_one(points), own]))[0]
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
    design = np.hstack([own, units[:, chosen], _with_one(points)])
    found = np.linalg.lstsq(design, values, rcond=None)[0]
    k = ridges.units + len(chosen)
    return Ridges(
        np.concatenate([ridges.directions, rows[chosen]]),
        np.concatenate([ridges.offsets, offsets[chosen]]),
        found[:k],
        found[k:-1],
        float(found[-1]),
    )


def _balanced(ridges: Ridges) -> Ridges:
    """relu(a y + b) w = relu(s a y + s b) w / s, with s such that |s a| = |w / s|."""
    size = np.linalg.norm(ridges.directions, axis=1) + 1e-12
    scale = np.sqrt(np.abs(ridges.weights) / size) + 1e-12
    return Ridges(
        ridges.directions * scale[:, None],
        ridges.offsets * scale,
        ridges.weights / scale,
        ridges.slope,
        ridges.constant,
    )


def _packed(ridges: Ridges) -> Array:
    parts = ridges.directions.ravel(), ridges.offsets, ridges.weights, ridges.slope
    return np.concatenate([*parts, [ridges.constant]])


def _unpacked(vector: Array, units: int, r: int) -> Ridges:
    ends = np.cumsum([units * r, units, units, r])
    directions, offsets, weights, slope, constant = np.split(vector, ends)
    return Ridges(directions.reshape(units, r), offsets, weights, slope, float(constant[0]))


def _jacobian(ridges: Ridges, points: Array, weights: Array) -> Array:
    """Derivatives of the values by every number, each row times a weight: (p, parameters)."""
    u, r = ridges.units, points.shape[1]
    active = points @ ridges.directions.T + ridges.offsets
    on = active > 0
    passed = on * ridges.weights * weights[:, None]
    rows = np.empty((len(points), u * (r + 2) + r + 1))
    rows[:, : u * r] = (passed[:, :, None] * points[:, None]).reshape(len(points), -1)
    rows[:, u * r : u * (r + 1)] = passed
    rows[:, u * (r + 1) : u * (r + 2)] = active * on * weights[:, None]
    rows[:, u * (r + 2) : -1] = points * weights[:, None]
    rows[:, -1] = weights
    return rows


def polish(ridges: Ridges, points: Array, values: Array, goal: float) -> Ridges:
    """Moves all numbers to make the largest error small; stops at `goal`.

    Lawson: the weight of a point grows with its error, so that the weighted least-squares problem,
    solved by damped Gauss-Newton steps, tends to the minimax one.
    """
    u, r = ridges.units, points.shape[1]
    ridges = _balanced(ridges)
    vector = _packed(ridges)
    error = ridges(points) - values
    weights = np.full(len(points), 1.0 / len(points))
    best, best_error, damping = ridges, np.inf, 1e-3
    for step in range(_POLISH_STEPS):
        largest = float(np.abs(error).max())
        if largest < best_error:
            best, best_error = ridges, largest
        if largest <= max(goal, _NOTHING) or best_error > _HOPELESS.get(step, np.inf) * goal > 0:
            break
        weights = weights * (np.abs(error) / largest + 0.05)
        weights /= weights.sum()
        rows = _jacobian(ridges, points, np.sqrt(weights))
        gradient = rows.T @ (np.sqrt(weights) * error)
        normal = rows.T @ rows
        diagonal = np.diag(normal) + 1e-9 * np.trace(normal) / len(normal)
        loss = weights @ error**2
        for _ in range(5):
            trial = vector - np.linalg.solve(normal + damping * np.diag(diagonal), gradient)
            moved = _unpacked(trial, u, r)
            moved_error = moved(points) - values
            if weights @ moved_error**2 < loss:
                ridges, vector, error = moved, trial, moved_error
                damping = max(damping / 3, 1e-9)
                break
            damping *= 4
        damping = min(damping, 1e3)
    return best


def prune(ridges: Ridges, points: Array, values: Array, goal: float) -> Ridges:
    """Takes away units, the least important first, while a polish brings the rest to `goal`."""
    chunk = max(1, ridges.units // _CHUNKS)
    while ridges.units:
        order = _importance(ridges, points).argsort()
        choices = [order[:chunk]] if chunk > 1 else list(order[:3, None])
        for gone in choices:
            fewer = polish(_without(ridges, points, gone), points, values, goal)
            if _worst(fewer, points, values) <= goal:
                ridges = fewer
                break
        else:
            if chunk == 1:
                break
            chunk //= 2
        chunk = min(chunk, max(1, ridges.units // _CHUNKS))
    return ridges


def _bends(ridges: Ridges, points: Array) -> tuple[Array, Array]:
    """Each unit's contribution, and its best affine replacement (r + 1, units)."""
    active = np.maximum(points @ ridges.directions.T + ridges.offsets, 0.0) * ridges.weights
    return active, np.linalg.lstsq(_with_one(points), active, rcond=None)[0]


def _importance(ridges: Ridges, points: Array) -> Array:
    active, affine = _bends(ridges, points)
    return np.asarray(np.sqrt(((active - _with_one(points) @ affine) ** 2).mean(0)))


def _without(ridges: Ridges, points: Array, gone: NDArray[np.integer]) -> Ridges:
    """The units left, with the affine part of the others added to the slope."""
    _, affine = _bends(ridges, points)
    left = ridges.keep(np.setdiff1d(np.arange(ridges.units), gone))
    share = affine[:, gone].sum(1)
    return Ridges(
        left.directions,
        left.offsets,
        left.weights,
        left.slope + share[:-1],
        float(left.constant + share[-1]),
    )
