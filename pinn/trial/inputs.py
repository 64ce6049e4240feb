"""Inputs of a network: scaled coordinates, periodic coordinates and learned waves.

A network takes them whole, `MLP(2, 1, inputs=inputs_of(problem))`, and any other module follows
them, `nn.Sequential(inputs_of(problem), module)` with `inputs.width` columns.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from pinn.trial.interfaces import with_kinks
from pinn.trial.wave_search import find_wave

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.data.cloud import Cloud
    from pinn.geometry.base import Domain
    from pinn.problem.problem import Problem
    from pinn.trial.interfaces import Features


class Inputs(nn.Module):
    """Points (p, c) to inputs (p, width): `features(scale(points))`; jets go through as well.

    A network that reads a pseudo-sequence steps along the scaled coordinates and computes the
    features of every token; all others call the module.

    Args:
        coordinates: number of coordinates c.
        scale: points (..., c) to scaled coordinates (..., s), such as `Rescale`; it says s by
            `scale.width`.
        features: scaled coordinates (..., s) to inputs (..., width), such as `Waves`; it says
            width by `features.width(s)`. None leaves them as they are.
        along: the scaled coordinate that a pseudo-sequence steps along; the last by default.

    Attributes:
        width: number of inputs.
    """

    def __init__(
        self,
        coordinates: int,
        scale: Rescale | PeriodicEmbedding,
        features: Features | None = None,
        along: int = -1,
    ) -> None:
        super().__init__()
        self.coordinates, self.scale, self.appended = coordinates, scale, features
        self.width = scale.width if features is None else features.width(scale.width)
        self.along = along % scale.width

    def forward(self, points: Any) -> Any:
        return self.features(self.scaled(points))

    def scaled(self, points: Any) -> Any:
        """Scaled coordinates (p, s) at points (p, c)."""
        return self.scale(points)

    def features(self, scaled: Any) -> Any:
        """Inputs (..., width) of scaled coordinates (..., s)."""
        return scaled if self.appended is None else self.appended(scaled)


class Rescale(nn.Module):
    """The map (points - origin) / unit.

    Args:
        origin: the point that becomes 0, one number a coordinate.
        unit: the length that becomes 1 along each coordinate.
    """

    origin: torch.Tensor
    unit: torch.Tensor

    def __init__(self, origin: Sequence[float], unit: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("origin", origin), ("unit", unit)):
            numbers = torch.tensor(list(values), dtype=torch.float64)
            self.register_buffer(name, numbers, persistent=False)
        self.width = len(self.unit)
        self.is_identity = not self.origin.any() and bool((self.unit == 1).all())

    @classmethod
    def to_unit_box(cls, domain: Domain, time: str | None = None) -> Rescale:
        """The box around a domain becomes [-1, 1] in space and [0, 1] in time.

        Args:
            domain: whose box it is.
            time: name of the time coordinate, or None.
        """
        ends = [_unit_interval(*ends, name == time) for name, ends in domain.intervals.items()]
        return cls(*zip(*ends, strict=True))

    def forward(self, points: Any) -> Any:
        return points if self.is_identity else (points - self.origin) / self.unit


def _unit_interval(low: float, high: float, is_time: bool) -> tuple[float, float]:
    """Origin and unit: time is counted from its start, space from its centre."""
    return (low, high - low) if is_time else ((low + high) / 2, (high - low) / 2)


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
            origin, unit = _unit_interval(*intervals[name], name == problem.time)
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
        self.width = len(plain) + 2 * count

    def forward(self, points: Any) -> Any:
        plain = points @ self.scale + self.shift
        angles = points @ self.waves + self.phases
        return torch.cat([plain, torch.cos(angles), torch.sin(angles)], dim=-1)


class Waves(nn.Module):
    """(..., s) -> (..., s + 2 w): cos and sin of w learned frequencies in time are appended.

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

    def width(self, entering: int) -> int:
        """Number of inputs made from `entering` scaled coordinates."""
        return entering + 2 * len(self.frequencies)

    def forward(self, scaled: Any) -> Any:
        angles = scaled[..., self._along : self._along + 1] * self.frequencies
        return torch.cat([scaled, torch.cos(angles), torch.sin(angles)], dim=-1)


class TravellingWave(nn.Module):
    """z = (x, ..., t) -> (x, ..., t, cos k.z, sin k.z) with a learned wave vector k.

    Along lines of constant phase a wave that grows, decays or changes its shape varies slowly, and
    that slow change is all that is left for the network.

    Args:
        wave: first guess of k, one number a coordinate, in radians over its unit; see
            `pinn.trial.wave_search.find_wave`.
    """

    is_periodic = False

    def __init__(self, wave: Sequence[float]) -> None:
        super().__init__()
        self.wave = nn.Parameter(torch.tensor(wave, dtype=torch.float64))

    def width(self, entering: int) -> int:
        """Number of inputs made from `entering` scaled coordinates."""
        return entering + 2

    def forward(self, scaled: Any) -> Any:
        phase = (self.wave * scaled).sum(-1, keepdim=True)
        return torch.cat([self._beside(scaled), torch.cos(phase), torch.sin(phase)], dim=-1)

    def _beside(self, scaled: Any) -> Any:
        """The inputs beside the phase: all coordinates."""
        return scaled


class PeriodicWave(TravellingWave):
    """(x, ..., t) -> (x, ..., cos k.z, sin k.z): time enters by the phase only.

    Whatever follows has the period 2 pi / k_t. That is knowledge about the solution, not a property
    of the equations: say so wherever results are compared.
    """

    is_periodic = True

    def width(self, entering: int) -> int:
        return entering + 1

    def _beside(self, scaled: Any) -> Any:
        return scaled[..., :-1]


def inputs_of(
    problem: Problem,
    harmonics: int = 1,
    waves: int = 6,
    wave: type[TravellingWave] | None = None,
) -> Inputs:
    """The inputs that fit a problem.

    Args:
        problem: whose coordinates, periodicity, scales and highest frequency in time are looked at.
        harmonics: waves in space for each periodic coordinate.
        waves: learned frequencies in time, evenly spaced up to the problem's; none if it has none.
        wave: instead of those, a wave whose wave vector starts at the one that the problem's data
            carry; None, or a problem without data, for none.
    """
    names = problem.domain.coordinates
    plain = [name for name in names if name not in problem.periodic]
    along = plain.index(problem.time) if problem.time in plain else max(0, len(plain) - 1)
    scale = _scale(problem, harmonics)
    features: Waves | TravellingWave | None = None
    if wave is not None and problem.data and isinstance(scale, Rescale):
        features = wave(_wave_vector(problem.data[0], scale))
    elif problem.time in plain and problem.frequency and waves:
        low, high = problem.domain.intervals[problem.time or ""]
        top = problem.frequency * (high - low)
        features = Waves(along, [top * (i + 1) / waves for i in range(waves)])
    return Inputs(len(names), scale, with_kinks(problem, scale, features), along)


def _scale(problem: Problem, harmonics: int) -> Rescale | PeriodicEmbedding:
    """Periodic coordinates if there are any; else scales of the problem's own, or a unit box."""
    if problem.periodic:
        return PeriodicEmbedding(problem, harmonics)
    if problem.scales:
        intervals = problem.domain.intervals
        centre = [(low + high) / 2 for low, high in intervals.values()]
        return Rescale(centre, [problem.scales[name] for name in intervals])
    return Rescale.to_unit_box(problem.domain, problem.time)


def _wave_vector(cloud: Cloud, scale: Rescale) -> list[float]:
    """The wave that samples carry, in radians over scaled coordinates."""
    values = np.column_stack(list(cloud.values.values()))
    return find_wave(cloud.points / scale.unit.numpy(), values)


def spread_units(first: nn.Linear, inputs: torch.Tensor) -> None:
    """Biases of a first layer such that its units change sign at given places of the domain.

    With zero biases all of them change sign at the centre, and nothing far from it is resolved.

    Args:
        first: a layer from width inputs to n units; its biases are replaced.
        inputs: (n, width), where each unit shall be 0.
    """
    with torch.no_grad():
        first.bias.copy_(-(first.weight * inputs).sum(1))
