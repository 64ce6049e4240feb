"""Choice of the network of a solve: a short race where neither user nor problem decides."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinn.assembly import build_trial
from pinn.names import label
from pinn.networks import PhysicsFormer, Race
from pinn.refinement.ripeness import Ripeness
from pinn.solution import Solution
from pinn.trainers import make_trainer
from pinn.training.trainer import Limits
from sciformer.errors import ConvergenceError
from sciformer.runs.interrupts import INTERRUPTED
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from pinn.problem.problem import Problem
    from pinn.settings import Settings
    from pinn.training.trainer import Trainer
    from sciformer.runs.processes import Processes

# Share of a budget that a candidate may take: with two of them most of it is left to the winner.
SHARE = 0.08
# Steps of a first-order method that do as much as one of Levenberg-Marquardt, at the least.
FIRST_ORDER = 10


@dataclass(frozen=True)
class Choice:
    """Outcome of a race.

    Attributes:
        settings: with the network that won.
        why: the reason, without a full stop.
        seconds: that the race took, as the budget counts them.
        cut_short: after Ctrl-C, the best candidate as it was trained until then.
    """

    settings: Settings
    why: str = ""
    seconds: float = 0.0
    cut_short: tuple[Solution, Trainer] | None = None


@dataclass(frozen=True)
class _Run:
    """Result of one candidate."""

    solution: Solution
    trainer: Trainer
    validation: float
    is_done: bool

    @property
    def settings(self) -> Settings:
        return self.solution.settings

    @property
    def is_interrupted(self) -> bool:
        return self.trainer.progress.stopped == INTERRUPTED

    def __str__(self) -> str:
        name = label("network", self.settings.network)
        return f"{name} {self.validation:.1e} after {self.trainer.progress.iteration} steps"


def decide(
    problem: Problem, settings: Settings, budget: float | None, processes: Processes = ALONE
) -> Choice:
    """Settings with a network: as they are, or with the winner of their race.

    Each candidate takes the same share of time, on points drawn alike, and is judged by the mean
    squared residual on points that none was trained on. One that is at the end of what a training
    is good for wins at once. Steps are counted, so that a race ends the same way on any machine
    that is fast enough.

    Args:
        problem: what is solved.
        settings: with any network.
        budget: CPU seconds of the whole solve; None for no limit.
        processes: who trains together.
    """
    if not isinstance(settings.network, Race):
        return Choice(settings)
    runs: list[_Run] = []
    for network, steps in settings.network.candidates:
        if problem.time is None and isinstance(network, PhysicsFormer.Sizes):
            network = dataclasses.replace(network, steps=1)  # nothing moves along a sequence
        candidate = dataclasses.replace(settings, network=network)
        runs.append(_run(problem, candidate, steps, budget, processes))
        if runs[-1].is_done or runs[-1].is_interrupted:
            break
    best = min(runs, key=lambda run: run.validation)
    name = label("network", best.settings.network)
    beaten = "".join(f", {run}" for run in runs if run is not best)
    why = f"{name} by a race: validation residual {str(best).removeprefix(f'{name} ')}{beaten}"
    seconds = sum(run.trainer.progress.elapsed for run in runs)
    cut_short = (best.solution, best.trainer) if runs[-1].is_interrupted else None
    return Choice(best.settings, why, seconds, cut_short)


def _run(
    problem: Problem, settings: Settings, steps: int, budget: float | None, processes: Processes
) -> _Run:
    solution = Solution(problem, build_trial(problem, settings), settings)
    steps *= 1 if settings.optimiser.needs_jacobian else FIRST_ORDER
    seconds = None if budget is None else SHARE * budget
    ripeness = Ripeness()
    trainer = make_trainer(solution, Limits(seconds, steps, ripeness), processes)
    progress = trainer.progress
    try:
        trainer.run()
        reached = progress.best_validation
        value = reached if math.isfinite(reached) else progress.loss
    except ConvergenceError:
        value = math.inf
    pairs = trainer.history.pairs
    is_done = bool(pairs) and value <= ripeness.done * pairs[0][1]
    return _Run(solution, trainer, value, is_done)
