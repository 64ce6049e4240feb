"""What a network is given for a point: rescaled coordinates, and waves where space is periodic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pinn.networks import Rescale

if TYPE_CHECKING:
    from pinn.problem import Problem


@dataclass(frozen=True)
class Inputs:
    """The module that comes before the network proper, and what leaves it.

    Attributes:
        module: points (p, c) to inputs (p, width).
        width: number of inputs.
        along: the input that a pseudo-sequence steps along, in units of the whole time span.
    """

    module: nn.Module
    width: int
    along: int


class PeriodicEmbedding(nn.Module):
    """Periodic coordinates become cos(k a), sin(k a), k = 1 ... harmonics; others are rescaled.

    a = 2 pi (x - low) / (high - low), so that whatever the network makes of the inputs has equal
    values and derivatives of all orders at both ends. The rescaled coordinates come first.

    Args:
        problem: its `periodic` names the periodic coordinates.
        harmonics: waves for each of them, >= 1.

    Source: Dong, Ni 2021 (periodic layers); Lu et al. 2021 (exact periodic conditions).
    """

    scale: torch.Tensor
    shift: torch.Tensor
    waves: torch.Tensor
    phases: torch.Tensor

    def __init__(self, problem: Problem, harmonics: int = 1) -> None:
        super().__init__()
        intervals = problem.domain.intervals
        names = list(intervals)
        plain = [name for name in names if name not in problem.periodic]
        scale = torch.zeros(len(names), len(plain), dtype=torch.float64)
        shift = torch.zeros(len(plain), dtype=torch.float64)
        for column, name in enumerate(plain):
            low, high = intervals[name]
            origin = low if name == problem.time else (low + high) / 2
            unit = high - low if name == problem.time else (high - low) / 2
            scale[names.index(name), column], shift[column] = 1 / unit, -origin / unit
        count = len(problem.periodic) * harmonics
        waves = torch.zeros(len(names), count, dtype=torch.float64)
        phases = torch.zeros(count, dtype=torch.float64)
        for index in range(count):
            name, wave = problem.periodic[index // harmonics], index % harmonics + 1
            low, high = intervals[name]
            waves[names.index(name), index] = 2 * math.pi * wave / (high - low)
            phases[index] = -2 * math.pi * wave * low / (high - low)
        for name, buffer in (("scale", scale), ("shift", shift), ("waves", waves)):
            self.register_buffer(name, buffer, persistent=False)
        self.register_buffer("phases", phases, persistent=False)

    def forward(self, points: Any) -> Any:
        """Inputs (p, width) at points (p, c); jets go through as well."""
        plain = points @ self.scale + self.shift
        angles = points @ self.waves + self.phases
        return torch.cat([plain, torch.cos(angles), torch.sin(angles)], dim=-1)


def embed(problem: Problem, harmonics: int) -> Inputs:
    """The inputs that fit a problem; the sequence steps along time, or the last plain input."""
    names = problem.domain.coordinates
    plain = [name for name in names if name not in problem.periodic]
    along = plain.index(problem.time) if problem.time in plain else max(0, len(plain) - 1)
    if not problem.periodic:
        return Inputs(Rescale(problem.domain, problem.time), len(names), along)
    width = len(plain) + 2 * harmonics * len(problem.periodic)
    return Inputs(PeriodicEmbedding(problem, harmonics), width, along)
