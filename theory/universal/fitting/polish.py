"""Moving and removing ridge units until the largest error is what was asked for."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from theory.universal.arrays import Array
from theory.universal.fitting.ridge import Ridges
from theory.universal.fitting.symmetry import Orbits

_POLISH_STEPS = 80
_HOPELESS = {12: 2.0, 24: 1.4, 40: 1.15, 60: 1.06}
"""After so many steps, a largest error that is still so many times the goal will not reach it."""
_NOTHING = 1e-13
_NO_ZERO = 1e-200
_CHUNKS = 8


def largest_error(ridges: Ridges, points: Orbits, values: Array) -> float:
    """max |N(y) - value| over the points, N the mean of the units' images."""
    return float(np.abs(points.mean(ridges) - values).max())


def with_one(points: Array) -> Array:
    """The points with a column of ones: the affine functions."""
    return np.hstack([points, np.ones((len(points), 1))])


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


def _jacobian(ridges: Ridges, weights: Array, points: Array) -> Array:
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


def polish(ridges: Ridges, points: Orbits, values: Array, goal: float) -> Ridges:
    """Moves all numbers to make the largest error small; stops at `goal`.

    Lawson: the weight of a point grows with its error, so that the weighted least-squares problem,
    solved by damped Gauss-Newton steps, tends to the minimax one.
    """
    u, r = ridges.directions.shape
    ridges = _balanced(ridges)
    vector = _packed(ridges)
    error = points.mean(ridges) - values
    weights = np.full(len(values), 1.0 / len(values))
    best, best_error, damping = ridges, np.inf, 1e-3
    for step in range(_POLISH_STEPS):
        largest = float(np.abs(error).max())
        if largest < best_error:
            best, best_error = ridges, largest
        if largest <= max(goal, _NOTHING) or best_error > _HOPELESS.get(step, np.inf) * goal > 0:
            break
        weights = weights * (np.abs(error) / largest + 0.05)
        weights /= weights.sum()
        rows = points.mean(partial(_jacobian, ridges, np.sqrt(weights)))
        gradient = rows.T @ (np.sqrt(weights) * error)
        normal = rows.T @ rows
        diagonal = np.diag(normal) + 1e-9 * np.trace(normal) / len(normal) + _NO_ZERO
        loss = weights @ error**2
        for _ in range(5):
            trial = vector - np.linalg.solve(normal + damping * np.diag(diagonal), gradient)
            moved = _unpacked(trial, u, r)
            moved_error = points.mean(moved) - values
            if weights @ moved_error**2 < loss:
                ridges, vector, error = moved, trial, moved_error
                damping = max(damping / 3, 1e-9)
                break
            damping *= 4
        damping = min(damping, 1e3)
    return best


def prune(ridges: Ridges, points: Orbits, values: Array, goal: float) -> Ridges:
    """Takes away units, the least important first, while a polish brings the rest to `goal`."""
    chunk = max(1, ridges.units // _CHUNKS)
    while ridges.units:
        order = _importance(ridges, points).argsort()
        choices = [order[:chunk]] if chunk > 1 else list(order[:3, None])
        for gone in choices:
            fewer = polish(_without(ridges, points, gone), points, values, goal)
            if largest_error(fewer, points, values) <= goal:
                ridges = fewer
                break
        else:
            if chunk == 1:
                break
            chunk //= 2
        chunk = min(chunk, max(1, ridges.units // _CHUNKS))
    return ridges


def _bends(ridges: Ridges, points: Orbits) -> tuple[Array, Array]:
    """Each unit's contribution, and its best affine replacement (r + 1, units)."""
    active = points.mean(ridges.active) * ridges.weights
    affine = np.linalg.lstsq(points.mean(with_one), active, rcond=None)[0]
    return active, np.asarray(affine, dtype=np.float64)


def _importance(ridges: Ridges, points: Orbits) -> Array:
    active, affine = _bends(ridges, points)
    return np.asarray(np.sqrt(((active - points.mean(with_one) @ affine) ** 2).mean(0)))


def _without(ridges: Ridges, points: Orbits, gone: NDArray[np.integer]) -> Ridges:
    """The units left, with the affine part of the others added to the slope."""
    _, affine = _bends(ridges, points)
    kept = np.ones(ridges.units, dtype=bool)
    kept[gone] = False
    left = ridges.keep(kept)
    share = affine[:, gone].sum(1)
    return Ridges(
        left.directions,
        left.offsets,
        left.weights,
        left.slope + share[:-1],
        float(left.constant + share[-1]),
    )
