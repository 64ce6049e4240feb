"""Error bounds of a learned answer by theorems, from its residual alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinn.bounds.bounding import bound_errors, chosen, norms_of
from pinn.bounds.correcting import NEURONS, least
from pinn.families.measured import Measured, measured
from pinn.families.refining import refine_answer
from sciformer.errors import SciformerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from pinn.bounds.error_bound import ErrorBound
    from pinn.families.answer import Answer
    from pinn.problem.problem import Problem

PROBES = 1024  # points at which the answer is compared with itself in double precision
DIGITS = 1e-14
"""Rounding of an answer in double precision, over its size: some fifty operations deep."""


def bound_answer(
    problem: Problem,
    made: Callable[[Answer], nn.Module],
    answer: Answer,
    norm: str | None,
    assumptions: tuple[str, ...],
) -> ErrorBound:
    """A bound of the error of a member's answer, see `pinn.bounds.correcting.sharp_bound`.

    It is computed for the answer in double precision; the largest distance of the answer itself
    from that, over points of the domain, is added to it. The correction is a refined answer.

    Args:
        problem: the member as an ordinary problem.
        made: makes the answer of the member from that of the family.
        answer: of the family.
        norm: "L1", "L2" or "max"; by default the least one relative to the solution.
        assumptions: further ones, sentences without a full stop.

    Raises:
        UsageError: no theorem applies to the equation or the conditions.
    """
    trial: Any = measured(problem, made, answer)
    asked = norms_of(norm)
    bounds, reasons = bound_errors(problem, trial, asked)
    better: Any = _refined(problem, made, answer)
    found = chosen(problem, asked, least(bounds, problem, trial, better, asked), reasons)
    points = problem.domain.sample(PROBES)
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


def _refined(
    problem: Problem, made: Callable[[Answer], nn.Module], answer: Answer
) -> nn.Module | None:
    """The refined answer with its conditions measured; None where it is no improvement."""
    try:
        refined = refine_answer(problem, made, answer, NEURONS)
    except SciformerError:
        return None
    return Measured(problem, refined.trial) if refined.report.steps else None
