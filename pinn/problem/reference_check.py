"""Derivatives of a reference from its numbers alone, and whether they satisfy the equations."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinn.problem.expressions import FieldDerivative
from pinn.problem.monomials import monomials
from pinn.problem.scales import Scales
from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]

REACH = 4  # points to each side: exact for polynomials up to degree 8
STEP = 2e-3  # of each interval
SAMPLE = 48
# Fronts thinner than the step spoil some points, a wrong reference spoils half of them.
LARGEST_MEDIAN = 0.05
# Where all terms are smaller than this share of their largest size over the domain, differences
# of numbers that carry rounding or interpolation errors say nothing.
LEAST_SIZE = 0.01


class ReferenceWarning(UserWarning):
    """Warning that a reference does not satisfy the equations as far as differences can tell."""


def check_reference(problem: Problem) -> None:
    """Warns of a reference whose residual is large at half of the points of the domain.

    The residual is set against the sum of the sizes of its terms at the same point, where that is
    at least 1 % of the largest over the domain. Nothing is asked of a problem without a reference,
    or with a formula, which was checked exactly. The reference is called once.

    Raises:
        DataError: the reference lacks a field, has another number of values than points, or is
            not finite at most of them.
    """
    if problem.reference is None or problem.exact or problem.quantities or problem.unknown:
        return
    low, high = np.array(problem.domain.low), np.array(problem.domain.high)
    margin = (REACH + 0.5) * STEP * (high - low)
    points = np.clip(problem.domain.sample(SAMPLE).numpy(), low + margin, high - margin)
    compiled = [problem.compile(monomials(e, problem.fields)) for e in problem.equations]
    wanted = {unknown for terms in compiled for unknown in terms.unknowns}
    found = differentiate(problem, wanted, points)
    columns = torch.from_numpy(points).unbind(-1)
    sizes = Scales(problem).equations
    for equation, terms, typical in zip(problem.equations, compiled, sizes, strict=True):
        values = torch.stack(terms(columns, found.__getitem__, problem.parameter_values))
        # Stencils may leave a region, where a reference need not have values; most points do not.
        known = values.isfinite().all(0)
        if 2 * int(known.sum()) < len(known):
            raise DataError(
                f"{problem.name}: the reference is not finite at {int((~known).sum())} of "
                f"{len(known)} points of the domain; mend it, or leave it out."
            )
        values = values[:, known]
        size = values.abs().sum(0)
        telling = size > LEAST_SIZE * max(float(size.max()), typical)
        if not bool(telling.any()):
            continue
        share = float((values.sum(0).abs() / size)[telling].median())
        if not share <= LARGEST_MEDIAN:
            warnings.warn(
                f"{problem.name}: the reference does not seem to satisfy {equation}: at half of "
                f"{int(telling.sum())} points its residual is {share:.2g} of the sum of the terms' "
                f"sizes or more, which are up to {float(size.max()):.3g}; errors against it may "
                f"mean nothing.",
                ReferenceWarning,
                stacklevel=3,
            )


def differentiate(
    problem: Problem, wanted: Iterable[FieldDerivative], points: Array
) -> dict[FieldDerivative, Any]:
    """Derivatives of the reference at points (p, c) by central differences, (p,) each.

    Args:
        problem: has the reference, which is called once.
        wanted: derivatives such as `FieldDerivative(0, "xx")`.
        points: at least 4 steps inside the domain.
    """
    assert problem.reference is not None, "there is something to differentiate"
    intervals = list(problem.domain.intervals.values())
    letters = problem.residual.letters
    blocks: list[tuple[FieldDerivative, float]] = []
    places: list[Array] = []
    for unknown in sorted(wanted, key=lambda u: (u.field, u.operator)):
        axes = [axis for axis, letter in enumerate(letters) if letter in unknown.operator]
        stencils = [
            _stencil(unknown.operator.count(letters[a]), STEP * (intervals[a][1] - intervals[a][0]))
            for a in axes
        ]
        for nodes in itertools.product(*stencils):
            shifted = points.copy()
            for axis, (offset, _) in zip(axes, nodes, strict=True):
                shifted[:, axis] += offset
            places.append(shifted)
            blocks.append((unknown, math.prod(w for _, w in nodes)))
    values = problem.reference(np.concatenate(places))
    totals = {unknown: np.zeros(len(points)) for unknown, _ in blocks}
    for index, (unknown, weight) in enumerate(blocks):
        name, part = problem.field_names[unknown.field], slice(index * len(points), None)
        if name not in values or np.shape(values[name]) != (len(points) * len(blocks),):
            raise DataError(
                f"{problem.name}: the reference must give one value a point for each of "
                f"{', '.join(problem.field_names)}; got "
                f"{ {key: np.shape(value) for key, value in values.items()} } for "
                f"{len(points) * len(blocks)} points."
            )
        with np.errstate(invalid="ignore", over="ignore"):  # a reference may be infinite
            totals[unknown] += weight * np.asarray(values[name])[part][: len(points)]
    return {unknown: torch.from_numpy(total) for unknown, total in totals.items()}


def _stencil(order: int, step: float) -> list[tuple[float, Any]]:
    """Offsets and weights of a central difference, from the moment equations."""
    offsets = np.arange(-REACH, REACH + 1, dtype=np.float64)
    right = np.zeros(len(offsets))
    right[order] = math.factorial(order)
    weights = np.linalg.solve(np.vander(offsets, increasing=True).T, right) / step**order
    return list(zip(step * offsets, weights, strict=True))
