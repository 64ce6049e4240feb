"""`pinn.solve`: from a problem to its solution, all that the command line does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pinn.problem.reference_check import check_reference
from pinn.problem.registry import find_problem
from pinn.problem.wellposed import check_conditions
from pinn.settings import Settings
from pinn.stages.at_once import Refinement, solve_at_once
from pinn.stages.in_windows import solve_in_windows
from pinn.stages.task import Task
from pinn.stages.windowing import is_marched
from pinn.training.trainer import DEFAULT_BUDGET_SECONDS, Limits, Progress
from sciformer.errors import UsageError
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.problem.problem import Problem
    from pinn.solved import Solved
    from pinn.trial.trial_solution import TrialSolution
    from sciformer.runs import Run
    from sciformer.runs.processes import Processes


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
            the settings is called once all checks have passed.
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
    task = Task(problem, settings, limits, observers, progress, run, begun)
    if trial is not None or refinements or not is_marched(problem, settings, processes):
        return solve_at_once(task, refinements, processes, trial, estimate_error)
    if estimate_error:
        raise UsageError(
            f"{problem.name}: errors of solutions in windows of time are not estimated; "
            "compare with another seed, or solve in one window (--set windows=1)."
        )
    return solve_in_windows(task)


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
