"""The wide layer that a solve puts on a trained network, and the time that is left for it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pinn.refinement.ripeness import Ripeness
from pinn.training.plateau import Plateau
from sciformer.runs.processes import ALONE
from sciformer.runs.threads import limit_threads

if TYPE_CHECKING:
    from pinn.refinement.report import Report
    from pinn.solution import Solution
    from pinn.training.trainer import Limits, Trainer
    from sciformer.runs.processes import Processes

# Share of a budget that the training of the network may take; a wide layer takes the rest.
TRAINING_SHARE = 0.6
# First-order methods pause for hundreds of steps, and go on.
FIRST_ORDER_STEPS = 2000
# A network whose residual (a mean square) is no less than this share of the first may not have
# found the shape of the solution, and a wide layer on it gains little. It is tried all the same
# where a part of the budget is left, which nothing else would use: a pulse in a wide domain has a
# small residual from the first step on.
SHAPELESS = 1e-2


def can_refine(solution: Solution) -> bool:
    """Whether a wide layer is wanted, and the arithmetic has the digits for it."""
    return solution.settings.digits is not None and not why_not(solution)


def why_not(solution: Solution) -> str:
    """Why a wide layer that is wanted is left out, for the report; empty where nothing speaks
    against one."""
    if solution.settings.digits is None:
        return ""
    if any(cloud.noise for cloud in solution.problem.data):
        return "left out: a layer of thousands of neurons would fit the noise of the data"
    if solution.settings.dtype != "float64":
        return "left out: this arithmetic has no digits beyond those of the network"
    return ""


def training_limits(solution: Solution, limits: Limits) -> Limits:
    """Limits of the network's training, which ends at rest or leaves time for a layer."""
    needs_jacobian = solution.settings.optimiser.needs_jacobian
    limits = dataclasses.replace(
        limits, plateau=Plateau() if needs_jacobian else Plateau(steps=FIRST_ORDER_STEPS)
    )
    if not can_refine(solution):
        return limits
    return dataclasses.replace(limits, ripeness=Ripeness(), share=TRAINING_SHARE)


def add_digits(
    solution: Solution,
    trainer: Trainer,
    limits: Limits,
    processes: Processes = ALONE,
    *,
    is_trained: bool = False,
) -> Report | None:
    """Refines a trained solution in place; None if that is not wanted or would gain nothing.

    Args:
        solution: whose network was trained.
        trainer: that trained it.
        limits: of the whole solve.
        processes: who shares the points.
        is_trained: whether the training began with a trained network, which had its shape.
    """
    refiner, progress = solution.settings.digits, trainer.progress
    validations = trainer.history.pairs
    if refiner is None or not can_refine(solution) or not validations:
        return None
    parameters = solution.trial.values
    left = None if limits.budget is None else max(0.0, limits.budget - progress.elapsed)
    has_shape = is_trained or progress.best_validation < SHAPELESS * validations[0][1]
    if not (has_shape or left):
        return None
    with limit_threads(solution.settings.threads):
        refined = dataclasses.replace(refiner, seed=solution.settings.seed)(
            solution.problem,
            solution.trial,
            weights=trainer.objectives.report().get("weights", {}),
            coefficients={} if parameters is None else parameters.found(),
            seconds=left,
            processes=processes,
        )
    solution.trial.network = refined.trial.network
    if parameters is not None and parameters.unknown is not None:
        parameters.unknown.write(refined.coefficients)
    return refined.report
