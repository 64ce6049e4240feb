"""Derivatives of a reference from its numbers alone, and whether they satisfy the equations."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch

from pinn.problem.problem import difference
from sciformer.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]

REACH = 4  # points to each side: exact for polynomials up to degree 8
STEP = 2e-3  # of each interval
SAMPLE = 48
# Fronts thinner than the step spoil some points, a wrong reference spoils half of them.
LARGEST_MEDIAN = 0.05


def check_reference(problem: Problem) -> None:
    """Refuses a reference whose residual is large at half of the points of the domain.

    The residual is set against the sum of the sizes of its terms at the same point. Nothing is
    asked of a problem without a reference, or with a formula, which was checked exactly.

    Raises:
        DataError: the median of this ratio over some fifty points exceeds 5 %.
    """
    if problem.reference is None or problem.exact:
        return
    low, high = np.array(problem.domain.low), np.array(problem.domain.high)
    margin = (REACH + 0.5) * STEP * (high - low)
    points = np.clip(problem.domain.sample(SAMPLE).numpy(), low + margin, high - margin)
    for equation in problem.equations:
        terms = problem.compile(list(sympy.Add.make_args(sympy.expand(difference(equation)))))
        found = {
            unknown: differentiate(
                problem, problem.field_names[unknown.field], unknown.operator, points
            )
            for unknown in terms.unknowns
        }
        tensors = {unknown: torch.from_numpy(values) for unknown, values in found.items()}
        columns = torch.from_numpy(points).unbind(-1)
        values = torch.stack(terms(columns, tensors.__getitem__, problem.parameter_values))
        size = values.abs().sum(0).clamp_min(1e-300)
        share = float((values.sum(0).abs() / size).median())
        if not share <= LARGEST_MEDIAN:
            raise DataError(
                f"{problem.name}: the reference does not satisfy the equation {equation}: at half "
                f"of the points the residual is {share:.2g} of the sum of the terms' sizes or more."
            )


def differentiate(problem: Problem, field: str, operator: str, points: Array) -> Array:
    """A derivative of the reference at points (p, c) by central differences, (p,).

    Args:
        problem: has the reference.
        field: name of the field.
        operator: such as "1", "xx" or "xt".
        points: at least 4 steps inside the domain.
    """
    assert problem.reference is not None, "there is something to differentiate"
    letters = [name for name in problem.domain.coordinates if name in operator]
    stencils = []
    for letter in letters:
        low, high = problem.domain.intervals[letter]
        stencils.append(_stencil(operator.count(letter), STEP * (high - low)))
    total = np.zeros(len(points))
    for nodes in itertools.product(*stencils):
        shifted = points.copy()
        for letter, (offset, _) in zip(letters, nodes, strict=True):
            shifted[:, problem.domain.coordinates.index(letter)] += offset
        weight = math.prod(w for _, w in nodes)
        total += weight * np.asarray(problem.reference(shifted)[field])
    return total


def _stencil(order: int, step: float) -> list[tuple[float, Any]]:
    """Offsets and weights of a central difference, from the moment equations."""
    offsets = np.arange(-REACH, REACH + 1, dtype=np.float64)
    right = np.zeros(len(offsets))
    right[order] = math.factorial(order)
    weights = np.linalg.solve(np.vander(offsets, increasing=True).T, right) / step**order
    return list(zip(step * offsets, weights, strict=True))
