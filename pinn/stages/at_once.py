"""A solve on the whole domain at once: race of networks, training, wide layer, refinements."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pinn.assembly import build_trial
from pinn.bounds.correcting import known_bound
from pinn.problem.scales import Scales
from pinn.solution import ReferenceGrid, Solution
from pinn.solved import Solved, attention_use
from pinn.stages.digits import add_digits, training_limits, why_not
from pinn.stages.other_solutions import remarked
from pinn.stages.race import decide
from pinn.stages.seam_error import seam_error, with_seam
from pinn.stages.second_opinion import Opinion, second_opinion
from pinn.stages.task import History, Task, built_in, write
from pinn.trainers import make_trainer
from pinn.training.evidence import evidence_of
from pinn.training.trainer import Trainer
from pinn.training.verdict import FAILED, judge
from sciformer.runs.interrupts import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.problem.problem import Problem
    from pinn.refinement.report import Report as Refined
    from pinn.settings import Settings
    from pinn.trial.trial_solution import TrialSolution
    from sciformer.runs import Run
    from sciformer.runs.processes import Processes

# The error shown during training is that on a grid of about so many points: the whole grid would
# take a third of the time.
PROGRESS_GRID = 2500


class Refinement(Protocol):
    """A further stage of a solve, after the training of the network."""

    def refine(self, solution: Solution, trainer: Trainer) -> dict[str, Any]:
        """Improves a solution in place; the trainer holds objectives, parameters and progress.

        Returns:
            What it did, as JSON values for the summary.
        """
        ...


def solve_at_once(
    task: Task,
    refinements: Sequence[Refinement],
    processes: Processes,
    trial: TrialSolution | None,
    estimate_error: bool,
) -> Solved:
    """The solution of a problem on its whole domain; for the arguments see `pinn.solve`."""
    done = _train(task, refinements, processes, trial)
    problem, solution, trainer, digits = task.problem, done.solution, done.trainer, done.digits
    is_whole = done.stopped != INTERRUPTED
    opinion = _opinion(task, solution, processes) if estimate_error and is_whole else None
    better = None if opinion is None else opinion.better
    bound = known_bound(problem, solution.trial, better) if is_whole else None
    offer = _offer(problem, solution.settings)
    verdict = judge(evidence_of(problem, solution.trial, trainer, offer))
    verdict = remarked(verdict, solution) if is_whole else verdict
    seam = seam_error(solution) if is_whole else 0.0
    verdict = with_seam(verdict, seam)
    state, estimate = trainer.progress, getattr(opinion or digits, "error_estimate", None)
    if opinion is None and verdict.residual > FAILED:
        estimate = None  # what is left is not small, so that linear terms say nothing of it
    solved = Solved(
        solution=solution,
        verdict=verdict if bound is None else verdict.adding(f"its {bound}"),
        errors=None if problem.reference is None else solution.errors(),
        attention=attention_use(solution),
        iterations=state.iteration,
        best_iteration=state.best_iteration,
        validation=digits.validation if digits and digits.steps else state.best_validation,
        error_estimate=None if estimate is None else estimate + seam,
        stopped=done.stopped,
        training={
            **built_in(solution),
            **trainer.report(),
            **_told(solution, digits),
            **({} if opinion is None else {"error_estimate": opinion.basis}),
            **({"refinements": done.refined} if done.refined else {}),
        },
        train_seconds=state.elapsed,
        wall_seconds=time.monotonic() - task.begun,
        history=tuple(done.history),
        choice=done.why,
        error_bound=bound,
    )
    if done.run is not None and is_whole:
        write(done.run, solved)
    return solved


@dataclass(frozen=True)
class _Trained:
    """A solution before anything is said of it, and how it was found.

    Attributes:
        solution: trained and refined.
        trainer: has finished.
        stopped: why it ended.
        digits: report of the wide layer, if there is one.
        refined: reports of further stages.
        run: where the result is written.
        history: iteration, loss and validation of every step.
        why: why this network.
    """

    solution: Solution
    trainer: Trainer
    stopped: str
    digits: Refined | None
    refined: list[dict[str, Any]]
    run: Run | None
    history: History
    why: str


def _train(
    task: Task,
    refinements: Sequence[Refinement],
    processes: Processes,
    trial: TrialSolution | None = None,
) -> _Trained:
    problem = task.problem
    choice = decide(problem, task.settings, task.limits.budget, processes)
    if choice.cut_short is not None:
        return _Trained(*choice.cut_short, INTERRUPTED, None, [], None, History(), choice.why)
    fresh = build_trial(problem, choice.settings) if trial is None else trial
    solution = Solution(problem, fresh, choice.settings)
    glance = None if problem.reference is None else ReferenceGrid(problem, PROGRESS_GRID)
    trainer = make_trainer(solution, training_limits(solution, task.limits), processes)
    trainer.progress.elapsed = choice.seconds
    error = None if glance is None else lambda: glance.errors(solution).relative_l2
    run, history, watching = task.start(choice.settings, error)
    stopped = trainer.run(watching, run)
    digits, refined = None, []
    if stopped != INTERRUPTED:
        try:
            limits, is_trained = task.limits, trial is not None
            digits = add_digits(solution, trainer, limits, processes, is_trained=is_trained)
            refined = [one.refine(solution, trainer) for one in refinements]
        except KeyboardInterrupt:  # A refinement is put in place whole or not at all.
            stopped = INTERRUPTED
    return _Trained(solution, trainer, stopped, digits, refined, run, history, choice.why)


def _opinion(task: Task, solution: Solution, processes: Processes) -> Opinion | None:
    """An estimate of the error, in half of the budget again or by a second solve."""
    other = dataclasses.replace(solution.settings, seed=solution.settings.seed + 1)
    budget = task.limits.budget
    return second_opinion(
        solution,
        lambda: _train(task.alone(other), (), processes).solution,
        None if budget is None else budget / 2,
        processes,
    )


def _told(solution: Solution, digits: Refined | None) -> dict[str, Any]:
    """Report of the wide layer, or why it is left out."""
    if digits is not None:
        return {"digits": digits.summary()}
    said = why_not(solution)
    return {"digits": said} if said else {}


def _offer(problem: Problem, settings: Settings) -> str:
    """What may help a training that has not converged, beside more of it.

    Known functions that are too steep for any network of this size; or causal weights, for an
    evolution that is trained at all times at once: a field that is wrong early can satisfy the
    equation later, and no training leaves it there.
    """
    for coordinate, length in Scales.of(problem).steep.items():
        return (
            f"What is given varies over {length:.2g} in {coordinate}, which a network of "
            f"this size does not resolve: smooth it, or solve that part on a domain of its own."
        )
    if problem.time is None or len(problem.coordinates) == 1 or settings.causal or problem.data:
        return ""
    return "Let later times wait for earlier ones (--set causal=1e3)."
