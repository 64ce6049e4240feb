"""`pinn.solve`: from a problem to its solution, all that the command line does."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pinn.networks.physicsformer import PhysicsFormer, attention_entropy
from pinn.problem.reference_check import check_reference
from pinn.problem.registry import find_problem
from pinn.problem.wellposed import check_conditions
from pinn.sampling.samplers import UniformSobol
from pinn.settings import Settings
from pinn.solution import Errors, Reference, Solution, build_trial
from pinn.training.trainer import DEFAULT_BUDGET_SECONDS, Limits, Report, Solver
from pinn.trial.hard_constraint import TrialSolution
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.problem.problem import Problem
    from sciformer.runs import Run
    from sciformer.runs.processes import Processes


# The error shown during training is that on a grid of about so many points: the whole grid would
# take a third of the time.
PROGRESS_GRID = 2500


@dataclass(frozen=True)
class AttentionUse:
    """How much a trained PhysicsFormer uses its attention.

    Attributes:
        entropy: entropy of the weights over log k for each attention layer; 1 is uniform.
        cut_to_one: relative L2 change of the solution when the pseudo-sequence of the trained
            network is cut to its first token, without retraining.
    """

    entropy: dict[str, float]
    cut_to_one: float


@dataclass(frozen=True)
class Solved:
    """A solution and how it came about.

    Attributes:
        solution: callable at points.
        errors: against the reference on a grid; None without a reference.
        attention: None for networks without attention over several tokens.
        iterations: steps taken.
        best_iteration: the step whose network is kept, by held-out residual.
        validation: mean squared residual there, on points never trained on.
        stopped: why the training ended.
        training: what was on and what it did: optimiser, samplers, weights, curriculum.
        train_seconds: seconds of training.
        wall_seconds: seconds from call to return.
    """

    solution: Solution
    errors: Errors | None
    attention: AttentionUse | None
    iterations: int
    best_iteration: int
    validation: float
    stopped: str
    training: dict[str, Any]
    train_seconds: float
    wall_seconds: float

    def summary(self) -> dict[str, Any]:
        """All figures as JSON values."""
        settings = self.solution.settings
        return {
            "problem": self.solution.problem.name,
            "model": settings.model,
            "seed": settings.seed,
            "parameters": self.solution.parameter_count,
            "dtype": settings.dtype,
            "threads": settings.threads,
            "optimiser": settings.optimiser,
            "iterations": self.iterations,
            "best_iteration": self.best_iteration,
            "validation": self.validation,
            "stopped": self.stopped,
            "training": self.training,
            "train_seconds": self.train_seconds,
            "wall_seconds": self.wall_seconds,
            **({} if self.errors is None else asdict(self.errors)),
            **({} if self.attention is None else {"attention": asdict(self.attention)}),
        }


def solve(
    problem: Problem | str,
    settings: Settings | None = None,
    limits: Limits | None = None,
    *,
    observers: Sequence[Callable[[Report], None]] = (),
    run: Run | None = None,
    processes: Processes = ALONE,
) -> Solved:
    """Solves a problem.

    Args:
        problem: a `Problem`, a registered name, or a Python file.
        settings: all choices; by default what the problem advises.
        limits: when to end; `DEFAULT_BUDGET_SECONDS` by default.
        observers: called about once a second with a `Report`.
        run: where checkpoints, solution, figure and summary are written, and whose checkpoint is
            continued if there is one; nothing is written without it.
        processes: who trains together, see `sciformer.runs.processes.joined`; each calls this
            function, and only the first has a run and observers.

    Returns:
        The solution with its figures.

    Raises:
        UsageError: settings that do not fit the problem, or a condition is missing.
        DataError: the reference does not satisfy the equations.
        ConvergenceError: a residual stopped being finite; the sentence names step and term.
        KeyboardInterrupt: Ctrl-C; with a run, a checkpoint has been written.
    """
    begun = time.monotonic()
    problem = find_problem(problem) if isinstance(problem, str) else problem
    settings = Settings(**problem.advice) if settings is None else settings
    check_conditions(problem)
    check_reference(problem)
    solution = Solution(problem, build_trial(problem, settings), settings)
    has_reference = problem.reference is not None
    glance = Reference(problem, PROGRESS_GRID) if has_reference else None
    solver = make_solver(solution, processes)
    stopped = solver.train(
        Limits(budget=DEFAULT_BUDGET_SECONDS) if limits is None else limits,
        error=None if glance is None else lambda: glance.errors(solution).relative_l2,
        observers=[*observers, *([] if run is None else [_logger(run)])],
        run=run,
    )
    progress = solver.progress
    solved = Solved(
        solution=solution,
        errors=solution.errors() if has_reference else None,
        attention=attention_use(solution),
        iterations=progress.iteration,
        best_iteration=progress.best_iteration,
        validation=progress.best_validation,
        stopped=stopped,
        training={**_built_in(solution), **solver.report()},
        train_seconds=progress.elapsed,
        wall_seconds=time.monotonic() - begun,
    )
    if run is not None:
        _write(run, solved)
    return solved


def make_solver(solution: Solution, processes: Processes = ALONE) -> Solver:
    """What trains a solution's network in place, by the solution's settings."""
    settings = solution.settings
    return Solver(
        solution.problem,
        solution.trial,
        settings.make_optimiser(),
        settings.make_plan(solution.problem),
        settings.make_loss(solution.problem),
        settings.seed,
        settings.threads,
        processes,
    )


def attention_use(solution: Solution, points: int = 2000) -> AttentionUse | None:
    """How much attention a solution uses; None if it has no sequence to attend to."""
    former = solution.trial.network
    if not isinstance(former, PhysicsFormer) or former.steps == 1:
        return None
    like = next(former.parameters())
    sample = UniformSobol(solution.problem.domain, seed=0, dtype=like.dtype).draw(points)
    where = sample.points.to(like.device)
    entropy = attention_entropy(solution.trial, where)
    cut = TrialSolution(former.with_steps(1), solution.trial.constraint).at(where)
    whole = solution.trial.at(where)
    return AttentionUse(entropy, float((cut - whole).norm() / whole.norm()))


def _built_in(solution: Solution) -> dict[str, Any]:
    """How the conditions are met."""
    problem, constraint = solution.problem, solution.trial.constraint
    hard = [] if constraint is None else [c.on for c in constraint.conditions]
    soft = [c.on for c in problem.conditions if constraint is None or c in constraint.soft]
    exact = {"exact": [*problem.periodic, *hard], "in_the_loss": soft}
    return {"conditions": {key: sorted(set(parts)) for key, parts in exact.items() if parts}}


def _logger(run: Run) -> Callable[[Report], None]:
    def log(report: Report) -> None:
        run.log(**asdict(report))

    return log


def _write(run: Run, solved: Solved) -> None:
    """Solution, figure and summary; the summary comes last and marks the run as finished."""
    solved.solution.save(run)
    figure = solved.solution.plot()
    with run.file("figure.png") as path:
        figure.savefig(path, dpi=130, format="png")
    run.write_json("summary.json", {**solved.summary(), "run": str(run.path)})
