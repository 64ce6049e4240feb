"""What a network is given for a point: rescaled coordinates, and waves where space is periodic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pinn.networks import Rescale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.problem.problem import Problem


@dataclass(frozen=True)
class Inputs:
    """The module that comes before the network proper, and what leaves it.

    Attributes:
        module: points (p, c) to inputs (p, width).
        width: number of inputs.
        along: the input that a pseudo-sequence steps along, in units of the whole time span.
        frequencies: where learned frequencies in time start, in radians over the time span.
    """

    module: nn.Module
    width: int
    along: int
    frequencies: tuple[float, ...] = ()

    def first_layer(self, width: int) -> nn.Sequential:
        """Waves in time and a linear layer to `width`: Xavier normal weights, zero bias."""
        linear = nn.Linear(self.width + 2 * len(self.frequencies), width)
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        return nn.Sequential(Waves(self.along, self.frequencies), linear)


class Waves(nn.Module):
    """(..., c) -> (..., c + 2 w): cos and sin of w learned frequencies in time are appended.

    A network of smooth ramps needs one ramp for each half wave; with these it needs to learn only
    how amplitudes change.

    Args:
        along: the column of time, in units of the time span.
        frequencies: where the w frequencies start, in radians over the time span.

    Source: Fourier features, Tancik et al. 2020; for physics-informed networks Wang, Wang,
        Perdikaris 2021.
    Deviates: in time only, evenly spaced, and learned.
    """

    def __init__(self, along: int, frequencies: Sequence[float]) -> None:
        super().__init__()
        self._along = along
        self.frequencies = nn.Parameter(torch.tensor(frequencies))

    def forward(self, inputs: Any) -> Any:
        """Jets go through as well."""
        angles = inputs[..., self._along : self._along + 1] * self.frequencies
        return torch.cat([inputs, torch.cos(angles), torch.sin(angles)], dim=-1)


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


def embed(problem: Problem, harmonics: int, waves: int) -> Inputs:
    """The inputs that fit a problem.

    Args:
        problem: whose coordinates, periodicity and highest frequency in time are looked at.
        harmonics: waves in space for each periodic coordinate.
        waves: learned frequencies in time, evenly spaced up to the problem's; none if it has none.
    """
    names = problem.domain.coordinates
    plain = [name for name in names if name not in problem.periodic]
    along = plain.index(problem.time) if problem.time in plain else max(0, len(plain) - 1)
    frequencies: tuple[float, ...] = ()
    if problem.time and problem.frequency:
        low, high = problem.domain.intervals[problem.time]
        top = problem.frequency * (high - low)
        frequencies = tuple(top * (i + 1) / waves for i in range(waves))
    if not problem.periodic:
        return Inputs(Rescale(problem.domain, problem.time), len(names), along, frequencies)
    width = len(plain) + 2 * harmonics * len(problem.periodic)
    return Inputs(PeriodicEmbedding(problem, harmonics), width, along, frequencies)
