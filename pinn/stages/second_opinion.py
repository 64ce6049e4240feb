"""Error estimates where no reference exists, by a second look at a solution."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from pinn.accuracy import ReferenceGrid
from pinn.refinement.refine import Refiner
from pinn.solution import Solution
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinn.solution import Errors
    from pinn.trial.trial_solution import TrialSolution
    from sciformer.runs.processes import Processes

# Far from the seeds of the training and of its own wide layer, whose neurons must not come again.
OTHER_SEED = 70_000
# A correction that takes the residual down to less than this share (root mean square) has most of
# the error; one that does not may have missed it.
CONVINCING = 0.5
# Points at which two solutions are compared.
GRID = 10_000


@dataclass(frozen=True)
class Opinion:
    """An estimate of the relative L2 error of a solution.

    Attributes:
        error_estimate: of the relative L2 error.
        basis: what it is the distance to.
        better: the corrected solution, if that is what it is the distance to.
    """

    error_estimate: float
    basis: str
    better: TrialSolution | None = None


def second_opinion(
    solution: Solution,
    again: Callable[[], Solution],
    seconds: float | None = None,
    processes: Processes = ALONE,
) -> Opinion | None:
    """The distance to a better solution, or to an equally good one that was found otherwise.

    A layer of fresh random neurons on the solution solves the equations linearised about it. Where
    that takes most of its residual away, what it changes is nearly the error. Otherwise the problem
    is solved a second time, from another seed; two errors that have nothing in common are
    sqrt(1/2) of their distance each.

    Args:
        solution: float64 or float32; it is not changed.
        again: solves the problem a second time, from another seed.
        seconds: time for the correction; None for no limit.
        processes: who shares the points.

    Returns:
        None for noisy data, which a second look fits no better, and for a network that was given
        and is trained in place, where the correction does not convince.

    Source: defect correction, Stetter 1978, with random features for the linearised equations.
    """
    problem = solution.problem
    if any(cloud.noise for cloud in problem.data) or problem.unknown:
        return None
    trial = copy.deepcopy(solution.trial).double()
    own, seed = solution.settings.digits or Refiner(), solution.settings.seed + OTHER_SEED
    refiner = dataclasses.replace(own, steps=2, seed=seed)
    refined = refiner(problem, trial, seconds=seconds, processes=processes)
    iterates = refined.report.iterates
    if refined.report.steps and iterates[0].validation > 0:
        left = (iterates[-1].validation / iterates[0].validation) ** 0.5
        if left <= CONVINCING:
            better = Solution(problem, refined.trial, solution.settings)
            apart = distance(solution, better).relative_l2
            return Opinion(apart, "a correction of the residual", refined.trial)
    if isinstance(solution.settings.network, nn.Module):
        return None
    apart = distance(solution, again()).relative_l2
    return Opinion(apart / 2**0.5, "a second solve from another seed")


def distance(solution: Solution, other: Solution) -> Errors:
    """The distance of two solutions of a problem, as errors are measured."""

    def reference(points: Any) -> dict[str, np.ndarray]:
        found = other._at(torch.from_numpy(points), points)
        return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}

    posed = dataclasses.replace(solution.problem, exact={}, reference=reference)
    return ReferenceGrid(posed, GRID).errors(lambda points: solution._at(points, points))
