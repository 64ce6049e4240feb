"""Inputs of the networks of families: readings of members, and features of points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from pinn.families.waves import Waves

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.members import Members

WAVES = 6
"""Waves of a coordinate, in points and in tokens; the fastest is a sixth of the domain."""
SENSORS = 64
"""Uniform places at which functions are read where no readings are given."""


@dataclass(frozen=True)
class Readings:
    """Values of one given function of each member.

    Attributes:
        places: (b, m).
        values: (b, m).
        weights: quadrature weights (b, m), whose sum is 1; 0 for a place that does not count.
    """

    places: Tensor
    values: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Inputs:
    """All that a network reads about members.

    Attributes:
        white: coefficients of the functions over their standard deviations, and parameters in
            units of their range, (b, n).
        numbers: parameters in units of their range, (b, k).
        readings: of each function over its size, by name.
    """

    white: Tensor
    numbers: Tensor
    readings: Mapping[str, Readings]


class Network(Protocol):
    """A module from what is known of b members and q points to fields there."""

    def __call__(self, inputs: Inputs, points: Any) -> list[Any]:
        """One (q, b) for each field: tensors, or jets for jets of points (q, c)."""
        ...


def quadrature(places: Tensor, low: float, high: float, *, periodic: bool) -> Tensor:
    """Weights (b, m) of sorted places (b, m): half the gaps to both neighbours, sum 1."""
    gap = places.diff(dim=-1)
    if periodic:
        around = places[:, :1] + (high - low) - places[:, -1:]
        before, after = torch.cat([around, gap], -1), torch.cat([gap, around], -1)
    else:
        before = torch.cat([2 * (places[:, :1] - low), gap], -1)
        after = torch.cat([gap, 2 * (high - places[:, -1:])], -1)
    return (before + after) / (2 * (high - low))


def uniform_places(family: Family, name: str, count: int) -> Tensor:
    """Places (count,) that divide the interval of a function evenly."""
    field = family.fields[name]
    low, high = field.interval
    n = torch.arange(count, dtype=torch.float64)
    return low + (high - low) * (n / count if field.periodic else n / max(count - 1, 1))


def read(
    family: Family, members: Members, places: Mapping[str, Tensor], dtype: torch.dtype
) -> Inputs:
    """Inputs of members whose functions are read at places (m,) or (b, m), sorted here.

    Args:
        family: whose members they are.
        members: with the functions to be read.
        places: by name of the function.
        dtype: of the network.
    """
    readings = {}
    for name, field in family.fields.items():
        where = places[name].to(members.device).expand(len(members), -1).sort(-1).values
        matrix = field.basis.matrix(where)  # (b, m, k)
        values = torch.einsum("bmk,bk->bm", matrix, members.coefficients[name])
        low, high = field.interval
        weights = quadrature(where, low, high, periodic=field.periodic)
        readings[name] = Readings(*(x.to(dtype) for x in (where, values / field.std, weights)))
    numbers = family.standardised(members)
    white = members.white(numbers).to(dtype)
    columns = [column[:, None] for column in numbers.values()]
    bare = torch.cat(columns, -1) if columns else white.new_zeros(len(white), 0)
    return Inputs(white, bare.to(dtype), readings)


class PointFeatures(nn.Module):
    """Coordinates as a trunk reads them: waves along space, from -1 to 1 along time.

    A periodic coordinate has waves of its period, and nothing else; another one of twice its
    length, and itself.

    Args:
        family: whose domain the points are in.
    """

    def __init__(self, family: Family) -> None:
        super().__init__()
        problem = family.problem
        self._plans: list[tuple[float, float, bool, bool]] = []
        for name, (low, high) in problem.domain.intervals.items():
            periodic, timelike = name in problem.periodic, name == problem.time
            self._plans.append((low, high, periodic, timelike))
        self.width = sum(
            1 if timelike else 2 * WAVES + (not periodic)
            for _, _, periodic, timelike in self._plans
        )

    def forward(self, points: Any) -> Any:
        """Points (q, c), or (q, b, c) where members have their own, to (..., width)."""
        found = []
        for i, (low, high, periodic, timelike) in enumerate(self._plans):
            share = (points[..., i : i + 1] - low) / (high - low)
            if not periodic:
                found.append(2 * share - 1)
            if not timelike:
                base = 2 * math.pi if periodic else math.pi
                k = base * torch.arange(1, WAVES + 1, dtype=points.dtype, device=points.device)
                phase = share * k
                found += [torch.cos(phase), torch.sin(phase)]
        return torch.cat(found, -1)


class TokenFeatures(nn.Module):
    """Readings as tokens: waves of the place, the value, value times waves, and parameters.

    The mean of value times waves is a Fourier coefficient of the reading, whatever the sensors.

    Args:
        family: whose readings they are.
    """

    def __init__(self, family: Family) -> None:
        super().__init__()
        # Twice the length where there is no period: the waves are then independent on it.
        spans = {n: (f.interval[0], f.interval[1], f.periodic) for n, f in family.fields.items()}
        self._waves = {
            name: Waves(low, (high - low) * (1 if periodic else 2), WAVES, constant=False)
            for name, (low, high, periodic) in spans.items()
        }
        self._numbers = len(family.distributions)
        self.names = tuple(self._waves)
        self.width = 4 * WAVES + 1 + self._numbers + len(self.names)

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Tokens (b, m, width) of all functions, and their weights (b, m)."""
        tokens, weights = [], []
        for index, name in enumerate(self.names):
            given = inputs.readings[name]
            waves = self._waves[name].matrix(given.places).to(given.values.dtype)
            value = given.values[..., None]
            numbers = inputs.numbers[:, None].expand(*given.values.shape, self._numbers)
            which = torch.arange(len(self.names), device=value.device) == index
            which = which.to(value.dtype).expand(*given.values.shape, -1)
            tokens.append(torch.cat([waves, value, value * waves, numbers, which], -1))
            weights.append(given.weights)
        return torch.cat(tokens, 1), torch.cat(weights, 1)
