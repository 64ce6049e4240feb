"""Inputs for fields that travel as waves: the phase of a wave whose wave vector is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class TravellingWave(nn.Module):
    """z = (x, ..., t) -> (x, ..., t, cos k.z, sin k.z) with a learned wave vector k.

    Along lines of constant phase a wave that grows, decays or changes its shape varies slowly, and
    that slow change is all that is left for the network.

    Args:
        wave: first guess of k, one number a coordinate, in radians over its unit.
    """

    def __init__(self, wave: Sequence[float]) -> None:
        super().__init__()
        self.wave = nn.Parameter(torch.tensor(wave, dtype=torch.float64))

    @staticmethod
    def width(coordinates: int) -> int:
        """How many inputs come of so many coordinates."""
        return coordinates + 2

    def forward(self, points: Any) -> Any:
        """(..., c) to (..., width)."""
        phase = (self.wave * points).sum(-1, keepdim=True)
        return torch.cat([self._beside(points), torch.cos(phase), torch.sin(phase)], dim=-1)

    def _beside(self, points: Any) -> Any:
        """What stands beside the phase: all coordinates."""
        return points


class PeriodicWave(TravellingWave):
    """(x, ..., t) -> (x, ..., cos k.z, sin k.z): time enters by the phase only.

    Whatever follows has the period 2 pi / k_t. That is knowledge about the solution, not a property
    of the equations: say so wherever results are compared.
    """

    @staticmethod
    def width(coordinates: int) -> int:
        """How many inputs come of so many coordinates."""
        return coordinates + 1

    def _beside(self, points: Any) -> Any:
        return points[..., :-1]
