"""Error bounds of a learned answer by theorems, from its residual alone."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pinn.bounds.bounding import bound_error
from pinn.bounds.walls import gap_at
from pinn.trial.face_conditions import read_condition

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinn.bounds.error_bound import ErrorBound
    from pinn.families.answer import Answer
    from pinn.problem.problem import Problem

PROBES = 256  # points of a wall at which its values are looked at
ROUNDING = 1e-9
"""Of the answer's size, up to which a value at a wall counts as met: it is built in, and comes
back from some hundred operations."""

DIGITS = 1e-14
"""Rounding of an answer in double precision, over its size: some fifty operations deep."""


class DoubleTrial(nn.Module):
    """The answer of a member in double precision, as the theorems ask for a trial solution.

    The network learns in single precision, whose rounding would be most of a small residual.

    Args:
        problem: the member as an ordinary problem.
        made: makes the answer of the member from that of the family.
        answer: of the family, left as it is.
    """

    def __init__(
        self, problem: Problem, made: Callable[[Answer], nn.Module], answer: Answer
    ) -> None:
        super().__init__()
        # Asked for its precision and its device; a compiled answer has no other parameter.
        self.anchor = nn.Parameter(torch.zeros((), dtype=torch.float64), requires_grad=False)
        self.member: Any = made(copy.deepcopy(answer).double())
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


def bound_answer(
    problem: Problem,
    made: Callable[[Answer], nn.Module],
    answer: Answer,
    norm: str | None,
    assumptions: tuple[str, ...],
) -> ErrorBound:
    """A bound of the error of a member's answer, see `pinn.bounds.bounding.bound_error`.

    It is computed for the answer in double precision; the largest distance of the answer itself
    from that, over points of the domain, is added to it.

    Args:
        problem: the member as an ordinary problem.
        made: makes the answer of the member from that of the family.
        answer: of the family.
        norm: "L1", "L2" or "max"; by default the least one relative to the solution.
        assumptions: further ones, sentences without a full stop.

    Raises:
        UsageError: no theorem applies to the equation or the conditions.
    """
    trial: Any = DoubleTrial(problem, made, answer)
    found = bound_error(problem, trial, norm)
    points = problem.domain.sample(4 * PROBES)
    single: Any = made(answer)
    values = trial.at(points)
    distance = float((values - single.at(points)).abs().max() + DIGITS * values.abs().max())
    volume = 1.0
    for name, (low, high) in problem.domain.intervals.items():
        volume *= 1.0 if name == problem.time else high - low
    rounding = distance * volume ** (1 / found.norm.power)
    growth = None if found.growth is None else found.growth + rounding
    return replace(
        found,
        bound=found.bound + rounding,
        growth=growth,
        constants={**found.constants, "rounding": rounding},
        assumptions=(*found.assumptions, *assumptions),
    )
