"""Polynomials of the coordinates as features: the smooth functions of a box."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pinn.refinement.correction import Correction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pinn.problem.problem import Problem

# Degrees beyond these resolve waves of a thirtieth of a box, where polynomials no longer pay: along
# one coordinate they would be the only limit.
HIGHEST_DEGREE = 64.0
# The radius of degrees grows by this factor until the features are as many as may be: in four
# coordinates, where it matters most, two radii in a row then differ by a tenth of the features.
FINER = 1.02
# A wave of length 2 needs as many polynomials as one of degree pi has (Trefethen 2017).
DEGREE_OF_WAVE = math.pi


class Polynomials(nn.Module):
    """Products of Chebyshev polynomials, or waves where a coordinate is periodic: features (p, q).

        f_k(x) = prod_i T_{k_i}(s_i),   s_i from -1 to 1 across the box
        T_n(s) = cos(n arccos s),   or 1, sin pi s, cos pi s, sin 2 pi s, ... where it is periodic

    Args:
        problem: its box and its periodic coordinates.
        orders: (q, c), int64, >= 0.
    """

    orders: Tensor
    centre: Tensor
    reach: Tensor

    def __init__(self, problem: Problem, orders: Tensor) -> None:
        super().__init__()
        intervals = problem.domain.intervals
        self._is_periodic = [name in problem.periodic for name in intervals]
        ends = torch.tensor(list(intervals.values()), dtype=torch.float64)
        self.register_buffer("orders", orders)
        self.register_buffer("centre", ends.mean(1), persistent=False)
        self.register_buffer("reach", (ends[:, 1] - ends[:, 0]) / 2, persistent=False)

    @property
    def degrees(self) -> Tensor:
        """The radius of each feature in degrees, (q,)."""
        along = [
            DEGREE_OF_WAVE * ((orders + 1) // 2) if is_periodic else orders
            for orders, is_periodic in zip(self.orders.T, self._is_periodic, strict=True)
        ]
        radius: Tensor = torch.stack(along).double().norm(dim=0)
        return radius

    def forward(self, points: Any) -> Any:
        """Features at points, or jets, (p, c)."""
        scaled = (points - self.centre) / self.reach
        found = None
        for axis, is_periodic in enumerate(self._is_periodic):
            along = scaled[..., axis : axis + 1]
            highest = int(self.orders[:, axis].max())
            table = _waves(along, highest) if is_periodic else _chebyshev(along, highest)
            factor = table[..., self.orders[:, axis]]
            found = factor if found is None else found * factor
        return found


class PolynomialLayer(Correction):
    """fields = network(x) + output polynomials(x).

    Args:
        network: points or jets (p, c) to fields (p, f); it is not changed.
        polynomials: q features.
        output: (f, q), the only numbers that a refinement determines.
    """

    def __init__(self, network: nn.Module, polynomials: Polynomials, output: Tensor) -> None:
        super().__init__(network, output)
        self.polynomials = polynomials

    def parts(self, points: Any) -> tuple[Any, Any]:
        return self.network(points), self.polynomials(points)

    @property
    def inputs(self) -> Any:
        """Inputs of the network below; None if it has none."""
        return getattr(self.network, "inputs", None)


def orders_within(problem: Problem, count: int) -> Tensor:
    """Orders (q, c) of at most `count` features, all those within a radius of degrees.

    A radius resolves waves equally well in all directions, where a largest degree for each
    coordinate spends half of the features, or more, on diagonals.

    Args:
        problem: its coordinates.
        count: >= 1.

    Source: Trefethen 2017, Cubature, approximation, and isotropy in the hypercube.
    """
    radius = 0.0
    found = _within(problem, radius)
    while radius < HIGHEST_DEGREE:
        radius = min(HIGHEST_DEGREE, max(1.0, FINER * radius))
        more = _within(problem, radius)
        if len(more) > count:
            break
        found = more
    return torch.from_numpy(found)


def _within(problem: Problem, radius: float) -> NDArray[np.int64]:
    """Orders (q, c) whose degrees have squares of a sum of at most radius^2."""
    orders, squares = np.zeros((1, 0), np.int64), np.zeros(1)
    for name in problem.domain.coordinates:
        is_periodic = name in problem.periodic
        unit = DEGREE_OF_WAVE if is_periodic else 1.0
        each = np.arange(int(radius / unit) * (2 if is_periodic else 1) + 1)
        degrees = unit * ((each + 1) // 2 if is_periodic else each)
        total = squares[:, None] + degrees**2
        before, along = (total <= radius**2).nonzero()
        orders = np.column_stack([orders[before], each[along]])
        squares = total[before, along]
    return orders


def _chebyshev(along: Any, highest: int) -> Any:
    """T_0 ... T_highest (p, highest + 1) at (p, 1), by their recurrence."""
    found = [0 * along + 1, along]
    while len(found) <= highest:
        found.append(2 * along * found[-1] - found[-2])
    return _beside(found[: highest + 1])


def _waves(along: Any, highest: int) -> Any:
    """1, sin pi s, cos pi s, sin 2 pi s, ... (p, highest + 1) at s (p, 1)."""
    found = [0 * along + 1]
    for order in range(1, highest + 1):
        wave = torch.sin if order % 2 else torch.cos
        found.append(wave(((order + 1) // 2 * math.pi) * along))
    return _beside(found)


def _beside(columns: Sequence[Any]) -> Any:
    return torch.cat(list(columns), dim=-1)
