"""Fields without the part that a gauge leaves free."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from pinn.problem.problem import Problem

# Degree of the polynomial in time that stands for what is free: networks with one time scale
# drift smoothly, and eight resolves four oscillations over the whole of time.
DEGREE = 8


class Gauge:
    """Subtracts what the equations do not determine: a function of time, or a constant.

    At scattered points a mean over space cannot be taken at each time. The weighted least-squares
    polynomial in time is subtracted in its place, from each field that a problem's `gauge` names.

    Args:
        problem: its gauge and its time.
        points: (p, c).
        weights: (p,), positive.
    """

    def __init__(self, problem: Problem, points: Tensor, weights: Tensor) -> None:
        self._free = [i for i, name in enumerate(problem.field_names) if name in problem.gauge]
        self._root = weights.sqrt()[:, None]
        powers = torch.ones_like(points[:, :1])
        if problem.time is not None:
            time = points[:, [problem.domain.coordinates.index(problem.time)]]
            low, high = time.min(), time.max()
            span = torch.acos(((2 * time - low - high) / (high - low)).clamp(-1, 1))
            powers = torch.cos(span * torch.arange(DEGREE + 1, device=time.device))
        self._basis = torch.linalg.qr(powers * self._root).Q

    def __call__(self, fields: Tensor) -> Tensor:
        """Fields (p, f) times the roots of the weights, their free parts taken out."""
        scaled = fields * self._root
        free = scaled[:, self._free]
        scaled[:, self._free] = free - self._basis @ (self._basis.T @ free)
        return scaled
