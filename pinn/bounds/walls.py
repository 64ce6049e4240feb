"""Conditions at the ends of each coordinate, met exactly by the trial solution or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pinn.geometry.box import Box, Face
from pinn.loss.terms import EquationTerm
from pinn.problem.smoothness import is_smooth
from pinn.trial.face_conditions import FaceCondition, read_condition
from pinn.trial.interfaces import Kinks
from pinn.trial.windows import Windows
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.problem.problem import Problem
    from pinn.trial.trial_solution import TrialSolution

# Points on a face at which a misfit is measured.
PROBES = 1024
# Ends of a periodic coordinate agree up to this share of the field: rounding of cos and sin there,
# and of derivatives, which lose some digits.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Wall:
    """A face of space where k e + e_n = 0, or e = 0, holds for the error e.

    Attributes:
        face: where.
        robin: k along the outward normal, 0 for a slope; None where the value is given.
    """

    face: Face
    robin: float | None

    @property
    def is_value(self) -> bool:
        """Whether the value is given there."""
        return self.robin is None


@dataclass(frozen=True)
class Boundary:
    """All that the theorems need to know of a boundary.

    Attributes:
        walls: faces of space where a condition holds exactly, by name.
        free: faces of space without a condition.
        missed: largest |v - value| on faces of space whose values are in the loss only.
        periodic: axes of space whose two ends are the same place.
        kinks: for each periodic axis the largest jump of the slope at the seam.
        start: None where the initial values hold exactly, else the condition in the loss.
        start_slope: whether the initial slopes in time hold exactly.
    """

    walls: dict[str, Wall]
    free: tuple[Face, ...]
    missed: dict[str, float]
    periodic: tuple[int, ...]
    kinks: dict[int, float]
    start: FaceCondition | None
    start_slope: bool


def boundary_of(problem: Problem, trial: TrialSolution) -> Boundary:
    """The conditions that hold at the ends of all coordinates.

    Raises:
        UsageError: the domain is not a box, a slope at a wall or an initial condition is left to
            the loss or missing, or the ends of a periodic coordinate do not meet.
    """
    if not isinstance(problem.domain, Box):
        raise _refusal(problem, f"its domain {problem.domain} is not a box")
    if isinstance(trial, Windows) or any(isinstance(m, Kinks) for m in trial.modules()):
        raise _refusal(
            problem, "the trial solution is made of pieces, whose joints are not examined"
        )
    _refuse_rough_form(problem, trial)
    exact, soft = _read(problem, trial)
    walls: dict[str, Wall] = {}
    missed: dict[str, float] = {}
    free: list[Face] = []
    for face in problem.domain.parts():
        if face.coordinate in (problem.time, *problem.periodic):
            continue
        here = [c for c in exact if c.face == face]
        loose = [c for c in soft if c.face == face]
        if here:
            walls[face.name] = _wall(problem, here)
        elif any(c.order == 0 for c in loose):
            missed[face.name] = _misfit(problem, trial, loose[0])
        elif loose:
            raise _refusal(problem, f"the condition on {face.name} is left to the loss")
        else:
            free.append(face)
    start, slope = _start(problem, exact, soft)
    axes = tuple(problem.domain.coordinates.index(name) for name in problem.periodic)
    kinks = {axis: _seam(problem, trial, axis) for axis in axes}
    return Boundary(walls, tuple(free), missed, axes, kinks, start, slope)


def _read(
    problem: Problem, trial: TrialSolution
) -> tuple[list[FaceCondition], list[FaceCondition]]:
    """Conditions that hold exactly, and those that are in the loss."""
    exact: list[FaceCondition] = []
    soft: list[FaceCondition] = []
    met = () if trial.constraint is None else trial.constraint.conditions
    for condition in problem.conditions:
        read = read_condition(problem, condition)
        if isinstance(read, str):
            raise _refusal(problem, f"the condition on {condition.on} is of no known kind: {read}")
        (exact if condition in met else soft).append(read)
    return exact, soft


def _refuse_rough_form(problem: Problem, trial: TrialSolution) -> None:
    """A kink of the trial solution has a second derivative that no residual at points sees."""
    constraint = trial.constraint
    for expression in () if constraint is None else (*constraint.offset, *constraint.factor):
        if not is_smooth(expression, problem.coordinates, problem.order + 1):
            raise _refusal(problem, f"the trial solution has a kink or a jump, in {expression}")


def _wall(problem: Problem, here: list[FaceCondition]) -> Wall:
    lowest = min(here, key=lambda c: c.order)
    if lowest.order == 0:
        return Wall(lowest.face, None)
    if lowest.order > 1:
        raise _refusal(problem, f"the condition on {lowest.face.name} holds a second derivative")
    return Wall(lowest.face, lowest.face.outward * float(lowest.weights[0]))


def _start(
    problem: Problem, exact: list[FaceCondition], soft: list[FaceCondition]
) -> tuple[FaceCondition | None, bool]:
    """The initial condition if it does not hold exactly, and whether the slope in time does."""
    if problem.time is None:
        return None, False
    initial = [c for c in (*exact, *soft) if c.face.coordinate == problem.time]
    if any(not c.is_low for c in initial) or not any(c.order == 0 for c in initial):
        raise _refusal(problem, "it has no initial value, or conditions at the end of time")
    value = next(c for c in initial if c.order == 0)
    slope = any(c.order == 1 and c.weights[0] == 0 and c in exact for c in initial)
    return (None if value in exact else value), slope


def _misfit(problem: Problem, trial: TrialSolution, condition: FaceCondition) -> float:
    """The largest distance to the values on a face, at points of it."""
    points = condition.face.sample(PROBES)
    return float(gap_at(problem, trial, condition, points).abs().max())


def gap_at(
    problem: Problem, trial: TrialSolution, condition: FaceCondition, points: torch.Tensor
) -> torch.Tensor:
    """v minus the value that a condition gives, at points (p, c) of its face."""
    first = next(trial.parameters())
    expressions = problem.compile([condition.field - condition.value])
    names, values = problem.domain.coordinates, problem.parameter_values
    with torch.no_grad():
        term = EquationTerm("misfit", trial, expressions, names, values)
        return term.residual(points.to(first)).double().squeeze(-1)


def _seam(problem: Problem, trial: TrialSolution, axis: int) -> float:
    """The jump of the slope where the ends of a periodic coordinate meet.

    Raises:
        UsageError: the values themselves jump.
    """
    first = next(trial.parameters())
    domain, field = problem.domain, problem.fields[0]
    slope = field.diff(problem.coordinates[axis])
    low = domain.sample(PROBES)
    high = low.clone()
    low[:, axis], high[:, axis] = domain.low[axis], domain.high[axis]
    expressions = problem.compile([field, slope])
    names, values = domain.coordinates, problem.parameter_values
    term = EquationTerm("seam", trial, expressions, names, values)
    with torch.no_grad():
        left, right = (term.residual(p.to(first)).double() for p in (low, high))
    jumps = (left - right).abs().amax(0)
    sizes = torch.maximum(left.abs().amax(0), right.abs().amax(0))
    width = domain.high[axis] - domain.low[axis]
    rounding = ROUNDING if first.dtype == torch.float64 else 1e-3
    size = max(float(sizes[0]), float(sizes[1]) * width)
    if float(jumps[0]) > rounding * size:
        name = domain.coordinates[axis]
        raise _refusal(problem, f"its values at the two ends of {name} differ by {jumps[0]:.2g}")
    return 0.0 if float(jumps[1]) * width <= rounding * size else float(jumps[1])


def _refusal(problem: Problem, why: str) -> UsageError:
    return UsageError(
        f"{problem.name}: an error bound needs conditions that are built into the trial "
        f"solution: {why}; solve with hard conditions, or take an estimate (--estimate-error)."
    )
