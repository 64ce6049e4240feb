"""The coordinates as a network likes them: space in [-1, 1], time in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from pinn.geometry.base import Domain


class Rescale(nn.Module):
    """(points - origin) / unit, with time counted from its start and space from its centre.

    Args:
        domain: the box around it is mapped to [-1, 1] in space and [0, 1] in time.
        time: name of the time coordinate, or None.
    """

    origin: torch.Tensor
    unit: torch.Tensor

    def __init__(self, domain: Domain, time: str | None = None) -> None:
        super().__init__()
        origin, unit = [], []
        for name, (low, high) in domain.intervals.items():
            origin.append(low if name == time else (low + high) / 2)
            unit.append(high - low if name == time else (high - low) / 2)
        self.register_buffer("origin", torch.tensor(origin), persistent=False)
        self.register_buffer("unit", torch.tensor(unit), persistent=False)
        self.is_identity = all(o == 0 for o in origin) and all(u == 1 for u in unit)

    def forward(self, points: Any) -> Any:
        """Rescaled points (p, c); jets go through as well."""
        return points if self.is_identity else (points - self.origin) / self.unit
