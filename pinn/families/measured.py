"""The answer of a member as the theorems on errors ask for a trial solution."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pinn.bounds.walls import gap_at
from pinn.trial.face_conditions import read_condition

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinn.families.answer import Answer
    from pinn.problem.problem import Problem

PROBES = 256  # points of a wall at which its values are looked at
ROUNDING = 1e-9
"""Of the answer's size, up to which a value at a wall counts as met: it is built in, and comes
back from some hundred operations."""


class Measured(nn.Module):
    """The answer of a member as the theorems ask for a trial solution: its conditions are measured.

    Args:
        problem: the member as an ordinary problem.
        member: its answer in double precision, points or jets (p, c) to fields (p, f). A network
            learns in single precision, whose rounding would be most of a small residual.
    """

    def __init__(self, problem: Problem, member: nn.Module) -> None:
        super().__init__()
        # Asked for its precision and its device; a compiled answer has no other parameter.
        self.anchor = nn.Parameter(torch.zeros((), dtype=torch.float64), requires_grad=False)
        self.member: Any = member
        self.values = None
        # Which walls are met is measured; initial values are never taken as met, and the theorems
        # add their measured misfit.
        self.constraint: Any = None
        met = tuple(c for c in problem.conditions if self._is_met(problem, c))
        self.constraint = SimpleNamespace(conditions=met, offset=(), factor=())

    def forward(self, points: Any) -> Any:
        """Fields (p, f)."""
        return self.member(points)

    def at(self, points: Tensor) -> Tensor:
        """Fields (p, f) without derivatives."""
        found: Tensor = self.member.at(points)
        return found

    def _is_met(self, problem: Problem, condition: Any) -> bool:
        read = read_condition(problem, condition)
        if isinstance(read, str) or read.order or read.face.coordinate == problem.time:
            return False
        points = read.face.sample(PROBES)
        gap = gap_at(problem, self, read, points).abs().max()  # type: ignore[arg-type]
        return bool(gap <= ROUNDING * self.at(problem.domain.sample(PROBES)).abs().max())


def measured(problem: Problem, made: Callable[[Answer], nn.Module], answer: Answer) -> Measured:
    """The answer of a member in double precision; that of the family is left as it is."""
    return Measured(problem, made(copy.deepcopy(answer).double()))
