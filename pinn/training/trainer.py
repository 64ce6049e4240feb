"""The training loop: objective, step, selection of the best iterate, checkpoint, end."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from pinn.jets.memory import kept_memory
from pinn.training.history import History
from pinn.training.progress import Limits as Limits
from pinn.training.progress import Progress as Progress
from sciformer.errors import ConvergenceError, DataError
from sciformer.runs.clock import clock_of
from sciformer.runs.interrupts import INTERRUPTED, deferred_interrupt
from sciformer.runs.processes import ALONE
from sciformer.runs.state import pack, unpack
from sciformer.runs.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor

    from pinn.loss.least_squares import LeastSquares
    from pinn.optimisers import FlatParameters, Optimiser
    from sciformer.runs import Run
    from sciformer.runs.processes import Processes

    Observer = Callable[[Progress], None]
    Ending = Callable[[Progress], str | None] | None

# A validation costs about a fifth of a Levenberg-Marquardt step on the same points.
VALIDATE_EVERY = 5
CHECKPOINT_SECONDS = 10.0  # what a kill may cost; writing takes a hundredth of a second
# With imports, figure and files the command then takes about 40 seconds at most.
DEFAULT_BUDGET_SECONDS = 32.0

# What foreign tensors and values raise where they are first used.
FOREIGN = (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError)


class Objectives(Protocol):
    """Supplies the least-squares problem of each moment of a training.

    Attributes:
        name: of the problem, for messages.
        remedy: what a user may try when residuals stop being finite.
        present: the objective of the last step; None before the first.
    """

    name: str
    remedy: str
    present: LeastSquares | None

    def at(self, progress: Progress) -> LeastSquares:
        """The objective of the next step, on new points when they are due."""
        ...

    def held_out(self) -> LeastSquares | None:
        """The objective that selects the best iterate; None keeps the last one.

        Iterates are compared as long as the same object is returned.
        """
        ...

    def unsettled(self) -> str:
        """Parts that have not come to their end, in words; empty where the equations are the
        problem's.
        """
        ...

    def values(self) -> dict[str, float]:
        """Present values of unknown parameters; empty where nothing is unknown."""
        ...

    def report(self) -> dict[str, Any]:
        """Choices and their effects, as JSON values for people."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything that the next objective depends on, as tensors and plain values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        ...


class Trainer:
    """Minimises the objectives of a problem, one step at a time, and keeps the best iterate.

    Args:
        parameters: what is trained, in place.
        optimiser: takes the steps.
        objectives: supplies the objective of each step.
        limits: when to end.
        threads: threads of BLAS; tensor operations use one.
        processes: who trains together; each has a trainer like this one, and the first decides.
        clock: seconds that count against the budget; by default those of `clock_of` the device.
    """

    def __init__(
        self,
        parameters: FlatParameters,
        optimiser: Optimiser,
        objectives: Objectives,
        limits: Limits,
        *,
        threads: int = 1,
        processes: Processes = ALONE,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.parameters, self.optimiser = parameters, optimiser
        self.objectives, self.limits = objectives, limits
        self._threads, self._processes = threads, processes
        self.progress, self.history = Progress(), History()
        self._best = parameters.read()
        self._clock = clock or clock_of(self._best.device)
        self._held_out: LeastSquares | None = None
        self._is_continued = False

    def run(
        self, observers: Sequence[Observer] = (), run: Run | None = None, until: Ending = None
    ) -> str:
        """Trains, and leaves the parameters at the best iterate.

        Args:
            observers: called after every step and at the end.
            run: keeps checkpoints, and holds the one to continue from, if any.
            until: says after each step why the training may end before its limits.

        Returns:
            Why the training ended.

        Raises:
            DataError: the checkpoint of the run is of another network, optimiser or problem.
            ConvergenceError: a term stopped being finite; the last checkpoint is kept.

        Ctrl-C ends the training after the step in which it came, with a checkpoint written; the
        reason is then `INTERRUPTED`.
        """
        self._continue_from(run)
        progress = self.progress
        progress.stopped = None
        started, saved = self._clock() - progress.elapsed, progress.elapsed
        with kept_memory(), limit_threads(self._threads), deferred_interrupt() as interrupted:
            while (reason := self._is_over(until)) is None:
                self._step()
                progress.elapsed, halt = self._processes.agree(
                    (self._clock() - started, interrupted())
                )
                self._tell(observers)
                if run is not None and progress.elapsed - saved >= CHECKPOINT_SECONDS:
                    self._save(run)
                    saved = progress.elapsed
                if halt:
                    break
            if run is not None:
                self._save(run)
            self._finish()
        progress.stopped = reason = reason or INTERRUPTED
        self._tell(observers)
        return reason

    def report(self) -> dict[str, Any]:
        """Choices of the training and their effects, as JSON values."""
        progress = self.progress
        steps = {"steps": progress.iteration, "residual_evaluations": progress.evaluations}
        if progress.failures:
            steps |= {"failed_steps": progress.failures}
        optimiser = {"optimiser": type(self.optimiser).__name__, **steps}
        if progress.note:
            optimiser["last_failure"] = progress.note
        return {**optimiser, **self.objectives.report()}

    def _is_over(self, until: Ending) -> str | None:
        """Why the training ends now, or None; it takes a step at least."""
        if self.progress.iteration == 0:
            return None
        reached = self.limits.reached(self.progress, self.history)
        return reached if reached or until is None else until(self.progress)

    def _step(self) -> None:
        """One step, on new points if they are due, and now and then a validation."""
        progress = self.progress
        progress.spent = self.limits.spent(progress)
        before = self.objectives.present
        objective = self.objectives.at(progress)
        if objective is not before:
            self.optimiser.points_changed()
        self._take_held_out()
        try:
            if self._is_continued:
                # What an optimiser keeps has shapes of its own, which its first step meets.
                with self._checkpoint_fits():
                    done = self.optimiser.step(objective)
                self._is_continued = False
            else:
                done = self.optimiser.step(objective)
        except ConvergenceError as failure:
            raise ConvergenceError(
                f"{self.objectives.name}: {failure} at step {progress.iteration + 1} (last loss "
                f"{progress.loss:.3g}); {self.objectives.remedy}."
            ) from failure
        progress.loss, progress.metrics = done.after, dict(done.metrics)
        progress.points, progress.accepted = objective.points, done.accepted
        progress.iteration += 1
        progress.evaluations += done.evaluations
        if not done.accepted:
            progress.failures, progress.note = progress.failures + 1, done.note
        if progress.iteration % VALIDATE_EVERY == 0:
            self._validate()

    def _take_held_out(self) -> None:
        """Takes new validation points; the best starts anew, as values on other points cannot be
        compared.
        """
        held_out = self.objectives.held_out()
        if held_out is not self._held_out:
            self._held_out = held_out
            self.progress.best_validation = float("inf")
            self.history.points_changed(self.progress.iteration)

    def _validate(self) -> None:
        """Keeps the present iterate if its validation is the smallest so far."""
        progress = self.progress
        if self._held_out is None:
            return
        progress.validation = self._held_out.value()
        self.history.add(progress.iteration, progress.validation)
        if progress.validation < progress.best_validation:
            progress.best_validation = progress.validation
            progress.best_iteration = progress.iteration
            self._best = self.parameters.read()

    def _finish(self) -> None:
        """Puts the best iterate in place; without a validation it is the last one."""
        self._validate()
        if self._held_out is None:
            self.progress.best_iteration = self.progress.iteration
            self._best = self.parameters.read()
        self.parameters.write(self._best)

    def _tell(self, observers: Sequence[Observer]) -> None:
        if observers:
            told = replace(self.progress, values=self.objectives.values())
            for observer in observers:
                observer(told)

    def _save(self, run: Run) -> None:
        state = {
            "parameters": self.parameters.read(),
            "best": self._best,
            "optimiser": self.optimiser.state(),
            "objectives": self.objectives.state(),
            "progress": self.progress.state(),
            "history": self.history.state(),
        }
        run.save_checkpoint(*pack(state))

    def _continue_from(self, run: Run | None) -> None:
        checkpoint = self._processes.agree(None if run is None else run.load_checkpoint())
        if checkpoint is None:
            return
        with self._checkpoint_fits():
            state = unpack(*checkpoint)
            self._best = state["best"]
            for vector in (state["parameters"], self._best):
                _refuse_foreign(vector, self.parameters.read())
            self.parameters.write(state["parameters"])
            self.optimiser.restore(state["optimiser"])
            self.objectives.restore(state["objectives"])
            self.progress = Progress.of(state["progress"])
            self.history = History.of(state["history"])
            self._held_out = self.objectives.held_out()
        self._is_continued = True

    @contextlib.contextmanager
    def _checkpoint_fits(self) -> Iterator[None]:
        """Reports failures inside as a checkpoint of something else.

        A digest that fits is not a signature, and another version may have written other things.
        """
        try:
            yield
        except ConvergenceError:
            raise
        except FOREIGN as error:
            raise DataError(
                f"{self.objectives.name}: the checkpoint of the run does not belong to "
                f"this network, optimiser and problem ({type(error).__name__}: {error}); start a "
                "new run."
            ) from error


def _refuse_foreign(vector: Tensor, like: Tensor) -> None:
    if vector.shape != like.shape or vector.dtype != like.dtype:
        raise ValueError(
            f"{tuple(vector.shape)} {vector.dtype} in place of {tuple(like.shape)} {like.dtype}"
        )
    if not vector.isfinite().all():
        raise ValueError("parameters that are not finite")
