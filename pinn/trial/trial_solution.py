"""The trial solution: a network, with the hard conditions around it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from pinn.trial.hard_constraint import HardConstraint
    from pinn.trial.parameters import Parameters


class TrialSolution(nn.Module):
    """A network with the hard conditions around it, if there are any: points (p, c) to (p, f).

    Args:
        network: points or jets (p, c) to (p, f), or (p, constraint.outputs).
        constraint: the conditions.
        values: the parameters of the problem, which the conditions may hold; unknown ones are
            trained with the network. Without them the conditions take the problem's own.
    """

    def __init__(
        self,
        network: nn.Module,
        constraint: HardConstraint | None = None,
        values: Parameters | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.constraint = constraint
        self.values = values
        self.coefficients = None if values is None else values.unknown
        if constraint is not None and values is not None:
            constraint.numbers = values

    def forward(self, points: Any) -> Any:
        """Fields (p, f) at points (p, c); a jet of points gives a jet of fields."""
        fields = self.network(points)
        if self.constraint is None:
            return fields
        has_edges = self.constraint.outputs > len(self.constraint.offset)
        edges = self.network(self.constraint.projected(points)) if has_edges else None
        return self.constraint(points, fields, edges)

    @property
    def device(self) -> torch.device:
        """The device of its numbers; the CPU if it has none."""
        first = next(itertools.chain(self.parameters(), self.buffers()), None)
        return torch.device("cpu") if first is None else first.device

    def at(self, points: Tensor) -> Tensor:
        """Fields without any gradient, on the device of the points."""
        with torch.no_grad():
            values: Tensor = self(points.to(self.device))
        return values.to(points.device)
