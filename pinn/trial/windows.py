"""Trial solutions that follow each other in time, as one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor, nn

from pinn.geometry.box import Box
from pinn.jets import Jet
from pinn.problem.orders import order_of
from pinn.problem.parts import Condition
from pinn.problem.scales import Scales
from pinn.trial.face_conditions import exact_number
from pinn.trial.trial_solution import TrialSolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.problem.problem import Problem
    from pinn.trial.hard_constraint import HardConstraint
    from pinn.trial.parameters import Parameters


class Windows(TrialSolution):
    """Fields of the trial solution in whose window of time a point lies.

    Window k is [ends_(k-1), ends_k], the first one open below and the last one above. Where two
    meet the earlier one counts; they have the same state there, and so the same derivatives below
    the order of the equations.

    Args:
        trials: one trial solution for each window, each on a problem of `window`.
        ends: (n,), the upper ends of the windows, ascending.
        states: (n, s), the state in which each window starts; the first row is not looked at.
        constraint: the conditions of the whole problem.
        values: its parameters.
    """

    ends: Tensor
    states: Tensor

    def __init__(
        self,
        trials: Sequence[TrialSolution],
        ends: Tensor,
        states: Tensor,
        constraint: HardConstraint | None = None,
        values: Parameters | None = None,
    ) -> None:
        super().__init__(nn.ModuleList(trials), constraint, values)
        self.register_buffer("ends", ends)
        self.register_buffer("states", states)

    @property
    def trials(self) -> list[TrialSolution]:
        """The trial solutions, one for each window."""
        assert isinstance(self.network, nn.ModuleList), "made so by the constructor"
        return list(self.network)  # type: ignore[arg-type]

    def forward(self, points: Any) -> Any:
        """Fields (p, f) at points (p, 1); a jet of points gives a jet of fields."""
        times = (points.value if isinstance(points, Jet) else points)[:, 0].detach()
        number = torch.searchsorted(self.ends[:-1].contiguous(), times.contiguous())
        if torch.compiler.is_compiling():
            return self._everywhere(points, number)
        found: Tensor | None = None
        operators = None
        for k, trial in enumerate(self.trials):
            [here] = torch.nonzero(number == k, as_tuple=True)
            if not len(here) and (found is not None or k + 1 < len(self.trials)):
                continue
            part = trial(_chosen(points, here))
            # Points are the last axis of a jet's channels, and the first one of a tensor.
            values = part.channels if isinstance(part, Jet) else part.T
            operators = part.operators if isinstance(part, Jet) else None
            if found is None:
                found = values.new_zeros(*values.shape[:-1], len(times))
            found = found.index_copy(-1, here, values)
        assert found is not None, "the last window is evaluated if no other one is"
        return found.T if operators is None else Jet(found, operators)

    def _everywhere(self, points: Tensor, number: Tensor) -> Tensor:
        """The fields with all windows at all points, for a program whose shapes must be known."""
        fields: Tensor = self.trials[0](points)
        for k, trial in enumerate(self.trials):
            fields = torch.where((number == k)[:, None], trial(points), fields)
        return fields


def _chosen(points: Any, here: Tensor) -> Any:
    if isinstance(points, Jet):
        return Jet(points.channels.index_select(-1, here), points.operators)
    return points.index_select(0, here)


def state_of(problem: Problem) -> list[Any]:
    """State that an evolution carries from window to window: fields and their time derivatives
    below the order of the equations, as expressions.
    """
    [time] = problem.coordinates
    return [
        field.diff(time, order) if order else field
        for field in problem.fields
        for order in range(order_of(problem, field, time))
    ]


def window(
    problem: Problem, start: float, end: float, state: Sequence[float] | None = None
) -> Problem:
    """The problem with the same equations from a time on, and the state there.

    Args:
        problem: an evolution in one coordinate.
        start: of the window.
        end: of the window, later.
        state: values of `state_of`; None for the problem's own conditions.
    """
    [name] = problem.domain.coordinates
    conditions = problem.conditions
    if state is not None:
        conditions = tuple(
            Condition(sympy.Eq(part, exact_number(value)), on=f"{name}={start!r}")
            for part, value in zip(state_of(problem), state, strict=True)
        )
    return dataclasses.replace(
        problem,
        domain=Box(**{name: (start, end)}),
        conditions=conditions,
        exact={},
        reference=None,
        scales={},
        levels=_levels(problem),
    )


def _levels(problem: Problem) -> dict[str, float]:
    """The levels of all fields over the whole of time: a window alone would have others."""
    levels = Scales.of(problem).levels
    pairs = zip(problem.field_names, problem.fields, strict=True)
    return {name: levels.get(field, 0.0) for name, field in pairs}
