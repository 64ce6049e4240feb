"""A solve as its stages see it: what is solved, who watches, and where the result is written."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pinn.training.bar import bars
from pinn.training.progress import EverySecond

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.problem.problem import Problem
    from pinn.settings import Settings
    from pinn.solution import Solution
    from pinn.solved import Solved
    from pinn.training.progress import Limits, Progress
    from sciformer.runs import Run


@dataclass(frozen=True)
class Task:
    """What is solved, and who watches.

    Attributes:
        problem: what is solved.
        settings: all choices.
        limits: when to end.
        observers: called about once a second.
        progress: whether a bar is shown where somebody can see it.
        run: where the result is written, or what makes it from the final settings.
        begun: start on the clock on the wall.
    """

    problem: Problem
    settings: Settings
    limits: Limits
    observers: Sequence[Callable[[Progress], None]] = ()
    progress: bool = False
    run: Run | Callable[[Settings], Run] | None = None
    begun: float = field(default_factory=time.monotonic)

    def alone(self, settings: Settings) -> Task:
        """The same problem by other settings, with nobody who watches and nothing written."""
        begun = time.monotonic()
        return replace(self, settings=settings, observers=(), progress=False, run=None, begun=begun)

    def start(
        self, settings: Settings, error: Callable[[], float] | None = None
    ) -> tuple[Run | None, History, list[Callable[[Progress], None]]]:
        """Begins: the run, a history to be filled, and all observers of the progress.

        Args:
            settings: those that are used in the end.
            error: the error to show, asked once a second; None where there is no reference.
        """
        run = self.run(settings) if callable(self.run) else self.run
        shown = bars(self.problem.name, self.limits) if self.progress else ()
        logged = () if run is None else (_logger(run),)
        history = History()
        return run, history, [EverySecond((*self.observers, *shown, *logged), error), history]


class History(list[tuple[int, float, float]]):
    """Iteration, loss and validation of every step; an observer of a training."""

    def __call__(self, progress: Progress) -> None:
        """Takes down a step."""
        if progress.stopped is None:
            self.append((progress.iteration, progress.loss, progress.validation))


def _logger(run: Run) -> Callable[[Progress], None]:
    def log(progress: Progress) -> None:
        run.log(**asdict(progress))

    return log


def built_in(solution: Solution) -> dict[str, Any]:
    """Report of how the conditions are met."""
    problem, constraint = solution.problem, solution.trial.constraint
    hard = [] if constraint is None else [c.on for c in constraint.conditions]
    soft = [c.on for c in problem.conditions if constraint is None or c in constraint.soft]
    exact = {"exact": [*problem.periodic, *hard], "in_the_loss": soft}
    return {"conditions": {key: sorted(set(parts)) for key, parts in exact.items() if parts}}


def write(run: Run, solved: Solved) -> None:
    """Writes solution, figure and summary; the summary comes last and marks a finished run."""
    solved.solution.save(run)
    figure = solved.solution.plot(solved.verdict, solved.history)
    with run.file("figure.png") as path:
        figure.savefig(path, dpi=130, format="png")
    run.write_json("summary.json", {**solved.summary(), "run": str(run.path)})
