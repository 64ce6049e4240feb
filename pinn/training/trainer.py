"""The training of a physics-informed network: points, objective, step, selection, checkpoint."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from pinn.jets.memory import kept_memory
from pinn.loss.least_squares import LeastSquares, Workspace
from pinn.optimisers import FlatParameters
from pinn.training.collocation import Collocation
from pinn.training.progress import Limits as Limits
from pinn.training.progress import Progress
from pinn.training.progress import Report as Report
from sciformer.errors import ConvergenceError
from sciformer.runs.processes import ALONE
from sciformer.runs.state import pack, unpack
from sciformer.runs.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from pinn.loss.least_squares import Weighted
    from pinn.loss.weighting import DynamicsWeightedLoss
    from pinn.optimisers import Optimiser
    from pinn.problem.problem import Problem
    from pinn.training.schedule import Plan
    from pinn.trial.hard_constraint import TrialSolution
    from sciformer.runs import Run
    from sciformer.runs.processes import Processes

VALIDATE_EVERY = 5
REPORT_SECONDS = 1.0
CHECKPOINT_SECONDS = 10.0
# With imports, figure and files the command then takes about 35 seconds.
DEFAULT_BUDGET_SECONDS = 27.0


class Solver:
    """Trains a trial solution; the iterate with the least held-out residual is kept.

    Args:
        problem: what is solved.
        trial: the network, with hard conditions around it or without.
        optimiser: takes the steps.
        plan: how many points, when.
        loss: weights of the terms.
        seed: of all random points.
        threads: threads of BLAS; tensor operations use one.
        processes: who trains together; each has a solver like this one, and the first decides.
    """

    def __init__(
        self,
        problem: Problem,
        trial: TrialSolution,
        optimiser: Optimiser,
        plan: Plan,
        loss: DynamicsWeightedLoss,
        seed: int = 0,
        threads: int = 1,
        processes: Processes = ALONE,
    ) -> None:
        self._processes = processes
        self._problem, self._trial = problem, trial
        self._optimiser, self._plan, self._threads = optimiser, plan, threads
        self._parameters = FlatParameters(list(trial.parameters()))
        self._workspace = Workspace()
        self._collocation = Collocation(problem, trial, loss, seed, plan.curriculum)
        self.progress = Progress()
        self._best = self._parameters.read()
        self._weighted: list[Weighted] = []
        self._held_out: list[Weighted] = []

    def train(
        self,
        limits: Limits,
        *,
        error: Callable[[], float] | None = None,
        observers: Sequence[Callable[[Report], None]] = (),
        run: Run | None = None,
    ) -> str:
        """Trains, and leaves the network at the best iterate.

        Args:
            limits: when to end.
            error: relative L2 against a reference, for the reports only.
            observers: are told about once a second.
            run: keeps checkpoints, and holds the one to continue from, if any.

        Returns:
            Why the training ended.

        Raises:
            ConvergenceError: a term stopped being finite; the last checkpoint is kept.
            KeyboardInterrupt: after the step in which it came, with a checkpoint written.
        """
        self._continue_from(run)
        started = time.monotonic() - self.progress.elapsed
        reported = saved = self.progress.elapsed
        with kept_memory(), limit_threads(self._threads), deferred_interrupt() as interrupted:
            while (reason := limits.reached(self.progress)) is None:
                self._step()
                elapsed, halt = self._processes.agree((time.monotonic() - started, interrupted()))
                self.progress.elapsed = elapsed
                if elapsed - reported >= REPORT_SECONDS:
                    self._report(error, observers)
                    reported = elapsed
                if run is not None and elapsed - saved >= CHECKPOINT_SECONDS:
                    self._save(run)
                    saved = elapsed
                if halt:
                    break
            if run is not None:
                self._save(run)
            if reason is None:
                raise KeyboardInterrupt
            self._validate()
        self._parameters.write(self._best)
        self._report(error, observers)
        return reason

    def report(self) -> dict[str, Any]:
        """What was on in the training and what it did, as JSON values."""
        progress = self.progress
        steps = {"steps": progress.iteration, "residual_evaluations": progress.evaluations}
        if progress.failures:
            steps |= {"failed_steps": progress.failures}
        optimiser = {"optimiser": type(self._optimiser).__name__, **steps}
        if progress.note:
            optimiser["last_failure"] = progress.note
        return {**optimiser, **self._collocation.report()}

    def _step(self) -> None:
        """New points if they are due, one step, and now and then a look at the held-out points."""
        progress = self.progress
        stage = self._plan.at(progress.iteration)
        if stage != progress.stage or progress.age >= stage.every:
            self._weighted = self._collocation.weigh(
                self._collocation.draw(stage, progress.iteration), self._parameters.tensors
            )
            if progress.stage is None or stage.sampler != progress.stage.sampler:
                self._held_out = self._collocation.held_out(stage)
                progress.best_validation = float("inf")
            self._optimiser.points_changed()
            progress.stage, progress.age = stage, 0
        try:
            done = self._optimiser.step(self._objective(self._weighted))
        except ConvergenceError as failure:
            raise ConvergenceError(
                f"{self._problem.name}: {failure} at step {progress.iteration + 1} (last loss "
                f"{progress.loss:.3g}); resume from the last checkpoint with another seed, "
                f"optimiser or float64."
            ) from failure
        progress.loss, progress.figures = done.after, dict(done.figures)
        progress.iteration += 1
        progress.evaluations += done.evaluations
        if not done.accepted:
            progress.failures, progress.note = progress.failures + 1, done.note
        # A step that failed on these points is tried again on others.
        progress.age = progress.age + 1 if done.accepted else stage.every
        if progress.iteration % VALIDATE_EVERY == 0:
            self._validate()

    def _objective(self, terms: Sequence[Weighted]) -> LeastSquares:
        return LeastSquares(self._parameters, terms, self._processes, self._workspace)

    def _validate(self) -> None:
        """Keeps the present network if its held-out residual is the least so far."""
        progress = self.progress
        progress.validation = self._objective(self._held_out).value()
        if progress.validation < progress.best_validation or not self._collocation.is_settled:
            is_settled = self._collocation.is_settled
            progress.best_validation = progress.validation if is_settled else float("inf")
            progress.best_iteration = progress.iteration
            self._best = self._parameters.read()

    def _report(
        self, error: Callable[[], float] | None, observers: Sequence[Callable[[Report], None]]
    ) -> None:
        if not observers:
            return
        progress = self.progress
        report = Report(
            iteration=progress.iteration,
            elapsed=progress.elapsed,
            points=sum(len(w.sample) for w in self._weighted),
            loss=progress.loss,
            validation=progress.validation,
            error=None if error is None else error(),
            figures=progress.figures,
        )
        for observer in observers:
            observer(report)

    def _save(self, run: Run) -> None:
        tensors, state = pack(
            {
                "parameters": self._parameters.read(),
                "best": self._best,
                "optimiser": self._optimiser.state(),
                "collocation": self._collocation.state(),
                "weighted": [w.state() for w in self._weighted],
                "held_out": [w.state() for w in self._held_out],
                "progress": self.progress.state(),
            }
        )
        run.save_checkpoint(tensors, state)

    def _continue_from(self, run: Run | None) -> None:
        checkpoint = self._processes.agree(None if run is None else run.load_checkpoint())
        if checkpoint is None:
            return
        state = unpack(*checkpoint)
        self._parameters.write(state["parameters"])
        self._best = state["best"]
        self._optimiser.restore(state["optimiser"])
        self._collocation.restore(state["collocation"])
        self._weighted = self._collocation.weighted(state["weighted"])
        self._held_out = self._collocation.weighted(state["held_out"])
        self.progress = Progress.of(state["progress"])


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Lets the step in which Ctrl-C comes end first; a second Ctrl-C interrupts at once.

    Yields:
        Whether an interrupt has come.
    """
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        came.set()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, note)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, previous)
