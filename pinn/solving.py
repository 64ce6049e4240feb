"""`pinn.solve`: from a problem to its solution, all that the command line does."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from pinn.assembly import build_trial
from pinn.bounds.bounding import known_bound
from pinn.networks import Race
from pinn.problem.reference_check import check_reference
from pinn.problem.registry import find_problem
from pinn.problem.scales import Scales
from pinn.problem.wellposed import check_conditions
from pinn.settings import Settings
from pinn.solution import ReferenceGrid, Solution
from pinn.solved import Solved, attention_use
from pinn.stages.digits import add_digits, training_limits, why_not
from pinn.stages.marching import March
from pinn.stages.race import decide
from pinn.stages.second_opinion import second_opinion
from pinn.stages.windowing import is_marched, settings_of_windows
from pinn.trainers import make_trainer
from pinn.training.bar import bars
from pinn.training.evidence import evidence_of
from pinn.training.progress import EverySecond
from pinn.training.trainer import DEFAULT_BUDGET_SECONDS, INTERRUPTED, Limits, Progress, Trainer
from pinn.training.verdict import judge
from sciformer.errors import UsageError
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.problem.problem import Problem
    from pinn.refinement.report import Report as Refined
    from pinn.trial.hard_constraint import TrialSolution
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


def solve(
    problem: Problem | str,
    settings: Settings | None = None,
    limits: Limits | None = None,
    *,
    observers: Sequence[Callable[[Progress], None]] = (),
    refinements: Sequence[Refinement] = (),
    run: Run | Callable[[Settings], Run] | None = None,
    progress: bool = True,
    processes: Processes = ALONE,
    trial: TrialSolution | None = None,
    estimate_error: bool = False,
    **choices: Any,
) -> Solved:
    """Solves a problem.

        pinn.solve("burgers", budget=30, network=pinn.MLP.Sizes(width=24), optimiser=pinn.Adam())

    Args:
        problem: a `Problem`, a registered name, or a Python file.
        settings: all choices; by default what the problem advises.
        limits: when to end; by default what the problem advises, or `DEFAULT_BUDGET_SECONDS`.
        observers: called about once a second with a `Progress`.
        refinements: further stages, one after the other, when the network is trained.
        run: where checkpoints, solution, figure and summary are written, and whose checkpoint is
            continued if there is one; nothing is written without it. A function that makes it from
            the settings is called when nothing speaks against the start any more.
        progress: whether a bar is shown in a terminal or notebook.
        processes: who trains together, see `sciformer.runs.processes.joined`; each calls this
            function, and only the first has a run and observers.
        trial: a trained trial solution of the problem to go on from, in place; None for a fresh one
            of the settings.
        estimate_error: whether a second look estimates the error, see
            `pinn.stages.second_opinion`; up to half of the budget again, or a second solve.
        choices: single fields of `Settings` in place of those advised, such as `network=`,
            `optimiser=`, `sampler=`, `weighting=`, `schedule=` or `seed=`, and `budget=` or
            `iterations=` in place of limits.

    Returns:
        The solution with its errors, verdict and metrics.

    Raises:
        UsageError: settings that do not fit the problem, or a condition is missing.
        DataError: the reference does not satisfy the equations.
        ConvergenceError: a residual stopped being finite; the sentence names step and term.

    Ctrl-C ends the training early: the best network so far is returned, `stopped` is "interrupted",
    and a run holds a checkpoint to resume from in place of the solution.

    Examples:
        >>> import pinn
        >>> solved = pinn.solve("heat", iterations=2)
        >>> solved.iterations, solved.errors.relative_l2 < 1
        (2, True)
    """
    begun = time.monotonic()
    problem = find_problem(problem) if isinstance(problem, str) else problem
    if problem.given:
        raise UsageError(
            f"{problem.name}: {', '.join(map(str, problem.given))} is open for a family; solve one "
            "member, pinn.Family(problem, draws).instance(seed=0), or learn all by pinn.learn."
        )
    settings, limits = chosen(problem, settings, limits, choices)
    check_conditions(problem)
    check_reference(problem)
    if trial is None and not refinements and is_marched(problem, settings, processes):
        if estimate_error:
            raise UsageError(
                f"{problem.name}: errors of solutions in windows of time are not estimated; "
                "compare with another seed, or solve in one window (--set windows=1)."
            )
        seen = (*observers, *(bars(problem.name, limits) if progress else ()))
        return _in_windows(problem, settings, limits, seen, run, begun)
    choice = decide(problem, settings, limits.budget, processes)
    settings = choice.settings
    fresh = build_trial(problem, settings) if trial is None else trial
    solution = Solution(problem, fresh, settings)
    has_reference = problem.reference is not None
    glance = ReferenceGrid(problem, PROGRESS_GRID) if has_reference else None
    trainer = make_trainer(solution, training_limits(solution, limits), processes)
    trainer.progress.elapsed = choice.seconds
    run = run(settings) if callable(run) else run
    told = EverySecond(
        (
            *observers,
            *(bars(problem.name, limits) if progress else ()),
            *(() if run is None else (_logger(run),)),
        ),
        None if glance is None else lambda: glance.errors(solution).relative_l2,
    )
    history: list[tuple[int, float, float]] = []
    stopped = trainer.run([told, _recorder(history)], run)
    digits, refined = None, []
    if stopped != INTERRUPTED:
        try:
            digits = add_digits(solution, trainer, limits, processes, is_trained=trial is not None)
            refined = [one.refine(solution, trainer) for one in refinements]
        except KeyboardInterrupt:  # A refinement is put in place whole or not at all.
            stopped = INTERRUPTED
    is_whole = stopped != INTERRUPTED
    opinion = None
    if estimate_error and is_whole:
        opinion = second_opinion(
            solution,
            lambda: _again(solution, limits, processes),
            None if limits.budget is None else limits.budget / 2,
            processes,
        )
    state = trainer.progress
    bound = known_bound(problem, solution.trial) if is_whole else None
    verdict = judge(
        evidence_of(problem, solution.trial, trainer, _offer(problem, solution.settings))
    )
    solved = Solved(
        solution=solution,
        verdict=verdict if bound is None else verdict.adding(f"its {bound}"),
        errors=solution.errors() if has_reference else None,
        attention=attention_use(solution),
        iterations=state.iteration,
        best_iteration=state.best_iteration,
        validation=digits.validation if digits and digits.steps else state.best_validation,
        error_estimate=getattr(opinion or digits, "error_estimate", None),
        stopped=stopped,
        training={
            **_built_in(solution),
            **trainer.report(),
            **_told(solution, digits),
            **({} if opinion is None else {"error_estimate": opinion.basis}),
            **({"refinements": refined} if refined else {}),
        },
        train_seconds=state.elapsed,
        wall_seconds=time.monotonic() - begun,
        history=tuple(history),
        choice=choice.why,
        error_bound=bound,
    )
    if run is not None and is_whole:
        _write(run, solved)
    return solved


def _in_windows(
    problem: Problem,
    settings: Settings,
    limits: Limits,
    observers: Sequence[Callable[[Progress], None]],
    run: Run | Callable[[Settings], Run] | None,
    begun: float,
) -> Solved:
    """The solution of an evolution, window after window; see `solve`."""
    why = "small networks, because windows in time are short"
    choice = why if isinstance(settings.network, Race) else ""
    settings = settings_of_windows(problem, settings)
    run = run(settings) if callable(run) else run
    history: list[tuple[int, float, float]] = []
    told = EverySecond((*observers, *(() if run is None else (_logger(run),))))
    marched = March(problem, settings, limits, (told, _recorder(history)), run)()
    solution = Solution(problem, marched.trial, settings)
    solved = Solved(
        solution=solution,
        verdict=judge(marched.evidence),
        errors=None if problem.reference is None else solution.errors(),
        attention=None,
        iterations=marched.iterations,
        best_iteration=marched.iterations,
        validation=marched.validation,
        error_estimate=None,
        stopped=marched.stopped,
        training={**_built_in(solution), **marched.report()},
        train_seconds=marched.elapsed,
        wall_seconds=time.monotonic() - begun,
        history=tuple(history),
        choice=choice,
    )
    if run is not None and marched.stopped != INTERRUPTED:
        _write(run, solved)
    return solved


def _again(solution: Solution, limits: Limits, processes: Processes) -> Solution:
    """A second solution of the same problem, from another seed."""
    settings = dataclasses.replace(solution.settings, seed=solution.settings.seed + 1)
    return solve(solution.problem, settings, limits, progress=False, processes=processes).solution


def chosen(
    problem: Problem, settings: Settings | None, limits: Limits | None, choices: dict[str, Any]
) -> tuple[Settings, Limits]:
    """Settings and limits from what was given, the problem's advice where nothing was.

    Raises:
        UsageError: the same thing was given twice.
        UnknownNameError: a choice that does not exist.
    """
    limiting = {k: choices.pop(k) for k in ("budget", "iterations") if k in choices}
    for given, single in ((settings, choices), (limits, limiting)):
        if given is not None and single:
            raise UsageError(
                f"{problem.name}: {next(iter(single))} is given beside {type(given).__name__}; "
                "give one of them."
            )
    if settings is None:
        settings = Settings.advised(problem, **choices)
    if limits is None:
        budget = problem.advice.get("budget", DEFAULT_BUDGET_SECONDS)
        limits = Limits(**(limiting or {"budget": budget}))
    return settings, limits


def _built_in(solution: Solution) -> dict[str, Any]:
    """Report of how the conditions are met."""
    problem, constraint = solution.problem, solution.trial.constraint
    hard = [] if constraint is None else [c.on for c in constraint.conditions]
    soft = [c.on for c in problem.conditions if constraint is None or c in constraint.soft]
    exact = {"exact": [*problem.periodic, *hard], "in_the_loss": soft}
    return {"conditions": {key: sorted(set(parts)) for key, parts in exact.items() if parts}}


def _told(solution: Solution, digits: Refined | None) -> dict[str, Any]:
    """Report of the wide layer, or why it is left out."""
    if digits is not None:
        return {"digits": digits.summary()}
    said = why_not(solution)
    return {"digits": said} if said else {}


def _recorder(history: list[tuple[int, float, float]]) -> Callable[[Progress], None]:
    def record(progress: Progress) -> None:
        if progress.stopped is None:
            history.append((progress.iteration, progress.loss, progress.validation))

    return record


def _logger(run: Run) -> Callable[[Progress], None]:
    def log(progress: Progress) -> None:
        run.log(**asdict(progress))

    return log


def _write(run: Run, solved: Solved) -> None:
    """Writes solution, figure and summary; the summary comes last and marks a finished run."""
    solved.solution.save(run)
    figure = solved.solution.plot(solved.verdict, solved.history)
    with run.file("figure.png") as path:
        figure.savefig(path, dpi=130, format="png")
    run.write_json("summary.json", {**solved.summary(), "run": str(run.path)})


def _offer(problem: Problem, settings: Settings) -> str:
    """What may help a training that has not converged, beside more of it.

    Known functions that are too steep for any network of this size; or causal weights, for an
    evolution that is trained at all times at once: a field that is wrong early can satisfy the
    equation later, and no training leaves it there.
    """
    for coordinate, length in Scales(problem).steep.items():
        return (
            f"What is given varies over {length:.2g} in {coordinate}, which a network of "
            f"this size does not resolve: smooth it, or solve that part on a domain of its own."
        )
    if problem.time is None or len(problem.coordinates) == 1 or settings.causal or problem.data:
        return ""
    return "Let later times wait for earlier ones (--set causal=1e3)."
