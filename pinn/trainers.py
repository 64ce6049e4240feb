"""The trainer of a solution: its objectives and its optimiser, as the settings ask."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from pinn.optimisers import FlatParameters
from pinn.sampling.schedule import NOISY_DATA
from pinn.training.collocation import Collocation
from pinn.training.noisy_data import NoisyData
from pinn.training.trainer import Limits, Trainer
from sciformer.errors import UsageError
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from pinn.solution import Solution
    from sciformer.runs.processes import Processes


def make_trainer(solution: Solution, limits: Limits, processes: Processes = ALONE) -> Trainer:
    """The trainer of a solution's network, in place, by the solution's settings."""
    settings = solution.settings
    parameters = FlatParameters(list(solution.trial.parameters()))
    problem = solution.problem
    optimiser = copy.deepcopy(settings.optimiser)
    objectives: Collocation | NoisyData
    if problem.data and all(cloud.noise for cloud in problem.data):
        objectives = _noisy_data(solution, parameters, processes)
    else:
        objectives = Collocation(
            problem,
            solution.trial,
            parameters,
            settings.loss(problem),
            settings.planned(optimiser.schedule),
            seed=settings.seed,
            curriculum=settings.curriculum,
            processes=processes,
        )
    return Trainer(
        parameters, optimiser, objectives, limits, threads=settings.threads, processes=processes
    )


def _noisy_data(solution: Solution, parameters: FlatParameters, processes: Processes) -> NoisyData:
    settings = solution.settings
    if settings.curriculum is not None or settings.causal:
        raise UsageError(
            f"{solution.problem.name}: data of known noise set the weights of all terms; leave out "
            "curriculum and causal weights."
        )
    return NoisyData(
        solution.problem,
        solution.trial,
        parameters,
        settings.planned(NOISY_DATA),
        seed=settings.seed,
        processes=processes,
    )
