"""A solve of an evolution, window of time after window of time."""

from __future__ import annotations

import time

from pinn.networks import Race
from pinn.solution import Solution
from pinn.solved import Solved
from pinn.stages.marching import March
from pinn.stages.other_solutions import remarked
from pinn.stages.task import Task, built_in, write
from pinn.stages.windowing import settings_of_windows
from pinn.training.verdict import judge
from sciformer.runs.interrupts import INTERRUPTED


def solve_in_windows(task: Task) -> Solved:
    """The solution of an evolution on one window of time after the other."""
    why = "small networks, because windows in time are short"
    choice = why if isinstance(task.settings.network, Race) else ""
    settings = settings_of_windows(task.problem, task.settings)
    run, history, watching = task.start(settings)
    marched = March(task.problem, settings, task.limits, watching, run)()
    solution = Solution(task.problem, marched.trial, settings)
    is_whole = marched.stopped != INTERRUPTED
    verdict = judge(marched.evidence)
    solved = Solved(
        solution=solution,
        verdict=remarked(verdict, solution) if is_whole else verdict,
        errors=None if task.problem.reference is None else solution.errors(),
        attention=None,
        iterations=marched.iterations,
        best_iteration=marched.iterations,
        validation=marched.validation,
        error_estimate=None,
        stopped=marched.stopped,
        training={**built_in(solution), **marched.report()},
        train_seconds=marched.elapsed,
        wall_seconds=time.monotonic() - task.begun,
        history=tuple(history),
        choice=choice,
    )
    if run is not None and is_whole:
        write(run, solved)
    return solved
