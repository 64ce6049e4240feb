"""Distance of a solution to its problem's reference, on a fixed grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Errors:
    """Distance to the reference on a grid over the domain, over all fields together.

    Fields that are determined only up to a constant are compared after their mean over space is
    subtracted at each time. The fields are the quantities of the problem.

    Attributes:
        relative_l2: |u - u*| / |u*| in the Euclidean norm over the grid; where u* is 0, the root
            mean square of u.
        relative_l2_by_field: the same for each field alone.
        mse: mean (u - u*)^2.
        mse_by_field: the same for each field alone.
        max_error: max |u - u*|.
    """

    relative_l2: float
    relative_l2_by_field: dict[str, float]
    mse: float
    mse_by_field: dict[str, float]
    max_error: float


class ReferenceGrid:
    """A problem's reference solution on a fixed grid, computed once.

    Args:
        problem: must have a reference; where that is not a number, nothing is compared.
        most: the grid has about as many points.
    """

    def __init__(self, problem: Problem, most: int = 26_000) -> None:
        if problem.reference is None:
            raise DataError(f"{problem.name}: has no reference solution to compare with.")
        self._names = list(problem.expressions)
        grid = problem.domain.grid(grid_counts(problem, most))
        points = grid[problem.domain.contains(grid)]
        found = problem.reference(points.numpy())
        values = torch.from_numpy(np.stack([np.asarray(found[n]) for n in self._names], axis=-1))
        is_known = torch.isfinite(values).all(dim=-1)
        self.points = points[is_known]
        self._fix = _Gauge(problem, self.points)
        self.values = self._fix(values[is_known])  # (p, f)

    def errors(self, solution: Callable[[Tensor], Mapping[str, Tensor]]) -> Errors:
        """Errors of a solution on the grid."""
        fields = solution(self.points)
        found = self._fix(torch.stack([fields[name] for name in self._names], dim=-1).double())
        gap = found - self.values
        relative = [_relative(g, v) for g, v in zip(gap.T, self.values.T, strict=True)]
        return Errors(
            relative_l2=_relative(gap, self.values),
            relative_l2_by_field=dict(zip(self._names, relative, strict=True)),
            mse=float(gap.square().mean()),
            mse_by_field=dict(zip(self._names, gap.square().mean(0).tolist(), strict=True)),
            max_error=float(gap.abs().max()),
        )


def _relative(gap: Tensor, values: Tensor) -> float:
    """|gap| / |values|, or the root mean square of the gap where the values are 0."""
    size = values.norm()
    return float(gap.norm() / size) if size > 0 else float(gap.square().mean().sqrt())


class _Gauge:
    """Subtraction, at each time, of the mean over points from fields that are determined only up to
    a constant.
    """

    def __init__(self, problem: Problem, points: Tensor) -> None:
        names = list(problem.expressions)
        self._free = [names.index(name) for name in problem.gauge]
        time = points[:, problem.domain.coordinates.index(problem.time)] if problem.time else None
        self._slot = torch.zeros(len(points), dtype=torch.long)
        if time is not None:
            self._slot = torch.unique(time, return_inverse=True)[1]
        self._count = torch.bincount(self._slot).double()

    def __call__(self, fields: Tensor) -> Tensor:
        """Fields (p, f) with the means of the free ones subtracted."""
        fixed = fields.clone()
        for index in self._free:
            total = torch.zeros_like(self._count).index_add(0, self._slot, fields[:, index])
            fixed[:, index] -= (total / self._count)[self._slot]
        return fixed


def in_gauge(problem: Problem, name: str, found: Array, exact: Array) -> Array:
    """A field on a grid, shifted to the reference's mean over space if it is determined only up to
    a constant.
    """
    if name not in problem.gauge:
        return found
    coordinates = problem.domain.coordinates
    space = tuple(i for i, axis in enumerate(coordinates) if axis != problem.time)
    shifted: Array = found - np.nanmean(found - exact, axis=space, keepdims=True)
    return shifted


def grid_counts(problem: Problem, most: int) -> list[int]:
    """Points along each coordinate of a grid of about `most` points; 5 : 2 for space and time."""
    share = [0.4 if name == problem.time else 1.0 for name in problem.domain.coordinates]
    unit = (most / float(np.prod(share))) ** (1 / len(share))
    return [max(2, round(unit * s)) + (round(unit * s) % 2 == 0) for s in share]
