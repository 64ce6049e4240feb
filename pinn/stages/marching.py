"""Evolutions in one coordinate, solved window after window with the state carried over."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from pinn.assembly import MOST_WINDOWS, build_trial, rebuilt_windows
from pinn.loss.terms import EquationTerm
from pinn.problem.scales import Scales
from pinn.refinement.ripeness import Ripeness
from pinn.solution import Solution
from pinn.stages.digits import add_digits
from pinn.stages.marched import Marched, Totals
from pinn.stages.window_length import WindowLength
from pinn.trainers import make_trainer
from pinn.training.evidence import evidence_of
from pinn.training.trainer import Limits, Progress
from pinn.training.verdict import Evidence
from pinn.trial.parameters import Parameters
from pinn.trial.windows import Windows, state_of, window
from sciformer.errors import ConvergenceError
from sciformer.runs.clock import clock_of
from sciformer.runs.interrupts import INTERRUPTED
from sciformer.runs.state import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.problem.problem import Problem
    from pinn.settings import Settings
    from pinn.trial.trial_solution import TrialSolution
    from sciformer.runs import Run

# Steps after which a window that is no nearer to its goal is too long.
STEPS = 60
# What has decayed to less than this share of its former size, as fast reactions do, is resolved no
# finer than that: to follow it further would hold all windows as short as its life.
DECAYED = 1e-10
# Windows shorter than this share of the whole are below what float64 can tell of time.
SHORTEST = 1e-12


@dataclass
class March:
    """An evolution under way.

    Args:
        problem: see `windowing.why_not_marching`.
        settings: of each window, see `windowing.settings_of_windows`; `windows` of them of equal
            length, or as many as it takes if that is 0.
        limits: of the whole.
        observers: called with the progress of all windows together.
        run: keeps a checkpoint after each window, and holds the one to continue from, if any.
    """

    problem: Problem
    settings: Settings
    limits: Limits
    observers: Sequence[Callable[[Progress], None]] = ()
    run: Run | None = None
    trials: list[TrialSolution] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    states: list[list[float]] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)

    def __post_init__(self) -> None:
        [self._interval] = self.problem.domain.intervals.values()
        low, high = self._interval
        self._width = WindowLength((high - low) / max(1, self.settings.windows))
        self._is_stuck = False
        self._resume()

    def __call__(self) -> Marched:
        """Solves up to the end of time, or of the budget.

        Ctrl-C ends it after the step in which it came, with what was solved before.
        """
        clock = clock_of(torch.device(self.settings.device))
        begun = clock() - self.totals.elapsed
        low, high = self._interval
        stopped = ""
        while self._now < high and not (stopped := self._limit()):
            end = self._end()
            attempt = self._attempt(end)
            self.totals.elapsed = clock() - begun
            if attempt is None:
                stopped = INTERRUPTED
                break
            if self.settings.windows or self._width.accepts(attempt.worst):
                self._accept(attempt, end)
            else:
                self._divide(end, attempt.worst)
                if self._width.next < SHORTEST * (high - low):
                    stopped = f"windows of {self._width.next:.2g} do not converge either"
                    self._is_stuck = True
                    break
        self._tell(Progress(stopped=stopped or "the end of time is reached"))
        return self._marched(stopped)

    @property
    def _now(self) -> float:
        return self.ends[-1] if self.ends else self._interval[0]

    def _divide(self, end: float, worst: float) -> None:
        """Records that a window up to a time was too long."""
        self.totals.rejected += 1
        self._width.fails(end - self._now, worst)

    def _end(self) -> float:
        """The end of the next window; what is left is not cut into a sliver."""
        high, width = self._interval[1], self._width.next
        if len(self.ends) + 1 == self.settings.windows:
            return high
        end = self._now + width
        return high if end + 0.1 * width >= high else end

    def _limit(self) -> str:
        budget, iterations = self.limits.budget, self.limits.iterations
        if len(self.ends) >= MOST_WINDOWS:
            return f"{MOST_WINDOWS} windows are solved"
        if not self.ends and not self.totals.rejected:
            return ""  # at least one window is tried
        if budget is not None and self.totals.elapsed >= budget:
            return f"budget of {budget:g} s spent"
        if iterations is not None and self.totals.iterations >= iterations:
            return f"{iterations} iterations done"
        return ""

    def _attempt(self, end: float) -> _Attempt | None:
        """A window up to a time, trained and refined; None after Ctrl-C."""
        problem = window(self.problem, self._now, end, self._state)
        sizes = Scales.of(problem).equations
        least = self.totals.sizes or [0.0] * len(sizes)
        floors = tuple(max(size, DECAYED * once) for size, once in zip(sizes, least, strict=True))
        problem = dataclasses.replace(problem, residual_sizes=floors)
        solution = Solution(problem, build_trial(problem, self.settings), self.settings)
        steps = STEPS
        if self.limits.iterations is not None:
            steps = max(1, min(steps, self.limits.iterations - self.totals.iterations))
        seconds = None
        if self.limits.budget is not None:
            seconds = max(0.0, self.limits.budget - self.totals.elapsed)
        trainer = make_trainer(solution, Limits(seconds, steps, Ripeness()))
        try:
            if trainer.run([self._tell_of(end)]) == INTERRUPTED:
                return None
            report = add_digits(solution, trainer, Limits())
            evidence = evidence_of(problem, solution.trial, trainer)
        except KeyboardInterrupt:  # Between the steps of the wide layer, which leave no checkpoint.
            return None
        except ConvergenceError:
            return _Attempt(solution, dict.fromkeys(("the equation",), float("inf")))
        finally:
            self.totals.iterations += trainer.progress.iteration
        is_refined = report is not None and report.steps > 0
        return _Attempt(
            solution,
            dict(evidence.residuals),
            report.validation if report and is_refined else trainer.progress.best_validation,
            report.neurons if report else 0,
        )

    def _accept(self, attempt: _Attempt, end: float) -> None:
        if not self.settings.windows:
            self._width.succeeds(attempt.worst)
        self.states.append(self._state or [0.0] * len(state_of(self.problem)))
        self.trials.append(attempt.solution.trial)
        self.ends.append(end)
        sizes = attempt.solution.problem.residual_sizes
        self.totals.add(attempt.residuals, sizes, attempt.validation, attempt.neurons)
        if self.run is not None:
            width, totals = dataclasses.asdict(self._width), dataclasses.asdict(self.totals)
            state = {"fields": self._windows().state_dict(), "totals": totals, "width": width}
            self.run.save_checkpoint(*pack(state))

    @property
    def _state(self) -> list[float] | None:
        """The state at the end of the last window; None before the first."""
        if not self.trials:
            return None
        problem = self.problem
        term = EquationTerm(
            "state",
            self.trials[-1],
            problem.compile(state_of(problem)),
            problem.domain.coordinates,
            problem.parameter_values,
        )
        like = next(self.trials[-1].parameters())
        with torch.no_grad():
            [row] = term.residual(like.new_tensor([[self.ends[-1]]]))
        values: list[float] = row.tolist()
        return values

    def _windows(self) -> Windows:
        like = next(self.trials[0].parameters())
        ends, states = (torch.tensor(x, dtype=torch.float64) for x in (self.ends, self.states))
        whole = self.settings.conditions(self.problem, self.settings.fade)
        values = Parameters(self.problem.parameter_values)
        return Windows(self.trials, ends, states, whole, values).to(like.device)

    def _marched(self, stopped: str) -> Marched:
        """All windows; what was not reached is a last one that nothing is known of."""
        totals, high, unsettled, remedy = self.totals, self._interval[1], "", ""
        name = self.problem.domain.coordinates[0]
        ends = list(self.ends)
        if self._now < high:
            unsettled = f"the solution ends at {name} = {self._now:.6g} and not at {high:g}, "
            unsettled += f"because {stopped}" if stopped != INTERRUPTED else "by an interrupt"
            if self._is_stuck:
                remedy = (
                    f"No budget helps: something has a kink, a jump or no finite value at or just "
                    f"behind {name} = {self._now:.6g}, such as a solution that blows up. Solve up "
                    f"to there, and go on from there as a problem of its own; or smooth it."
                )
            problem = window(self.problem, self._now, high, self._state)
            self.states.append(self._state or [0.0] * len(state_of(self.problem)))
            self.trials.append(build_trial(problem, self.settings))
            self.ends.append(high)
        residuals = totals.residuals or {"the equation": float("inf")}
        return Marched(
            trial=self._windows(),
            settings=self.settings,
            iterations=totals.iterations,
            validation=totals.validation if ends else float("inf"),
            ends=[end - self._interval[0] for end in ends or self.ends],
            rejected=totals.rejected,
            neurons=totals.neurons,
            stopped=stopped or f"{name} = {high:g} is reached",
            elapsed=totals.elapsed,
            evidence=Evidence(residuals=residuals, unsettled=unsettled, remedy=remedy),
        )

    def _resume(self) -> None:
        checkpoint = None if self.run is None else self.run.load_checkpoint()
        if checkpoint is None:
            return
        state = unpack(*checkpoint)
        rebuilt = rebuilt_windows(self.problem, self.settings, state["fields"])
        rebuilt.load_state_dict(state["fields"])
        self.trials = rebuilt.trials
        self.ends, self.states = rebuilt.ends.tolist(), rebuilt.states.tolist()
        self.totals = Totals(**state["totals"])
        self._width = WindowLength(**state["width"])

    def _tell_of(self, end: float) -> Callable[[Progress], None]:
        """An observer of one window's training that reports on all windows."""
        totals = self.totals
        done, elapsed = totals.iterations, totals.elapsed
        low, high = self._interval

        def tell(progress: Progress) -> None:
            whole = dataclasses.replace(
                progress,
                iteration=done + progress.iteration,
                elapsed=elapsed + progress.elapsed,
                values={"solved": (self._now - low) / (high - low)},
                stopped=None,
            )
            self._tell(whole)

        return tell

    def _tell(self, progress: Progress) -> None:
        if progress.stopped is not None:
            progress.iteration = self.totals.iterations
            progress.elapsed = self.totals.elapsed
        for observer in self.observers:
            observer(progress)


@dataclass(frozen=True)
class _Attempt:
    """A window, and how far it came."""

    solution: Solution
    residuals: dict[str, float]
    validation: float = float("inf")
    neurons: int = 0

    @property
    def worst(self) -> float:
        """The largest relative residual; infinite for one that is NaN."""
        sizes = self.residuals.values()
        return max((size if size == size else float("inf") for size in sizes), default=0.0)
