"""Networks that are periodic in time with a period that is learned."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn


class PeriodicTime(nn.Module):
    """(..., t) -> (..., cos(w t), sin(w t)) with a learned frequency w.

    Whatever follows is a function of period 2 pi / w. That is knowledge about the solution, not a
    property of the equations: say so wherever results are compared.

    Args:
        period: first guess > 0, in the units of the last column.
    """

    def __init__(self, period: float) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.tensor([2 * math.pi / period], dtype=torch.float64))

    def forward(self, points: Any) -> Any:
        """(..., c) to (..., c + 1); the last column is time."""
        angle = self.frequency * points[..., -1:]
        return torch.cat([points[..., :-1], torch.cos(angle), torch.sin(angle)], dim=-1)
