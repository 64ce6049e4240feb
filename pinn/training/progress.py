"""Progress of a training, and the limits that end it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinn.refinement.ripeness import Ripeness
    from pinn.training.history import History
    from pinn.training.plateau import Plateau

REPORT_SECONDS = 1.0  # a reader's eye follows a line that changes about once a second


@dataclass
class Progress:
    """State of a training, apart from parameters, optimiser and points.

    Attributes:
        iteration: steps taken.
        elapsed: seconds of training, over all parts of a resumed one; see `sciformer.runs.clock`.
        spent: share of the limits that is spent, 0 .. 1; 0 without limits.
        points: points of the present objective, of all its terms.
        accepted: whether the last step moved the parameters.
        loss: the objective after the last step.
        validation: the objective on points that are never trained on; infinite without such points.
        best_validation: the least so far of the present kind of points.
        best_iteration: the step whose parameters are kept.
        evaluations: number of times that residuals were computed.
        failures: number of steps that moved nothing.
        note: why the last of them failed.
        metrics: the optimiser's own metrics.
        values: unknown parameters of the problem.
        error: relative L2 against a reference on a coarse grid, only displayed; None without.
        stopped: why the training ended; None while it goes on.
    """

    iteration: int = 0
    elapsed: float = 0.0
    spent: float = 0.0
    points: int = 0
    accepted: bool = True
    loss: float = float("inf")
    validation: float = float("inf")
    best_validation: float = float("inf")
    best_iteration: int = 0
    evaluations: int = 0
    failures: int = 0
    note: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    error: float | None = None
    stopped: str | None = None

    def state(self) -> dict[str, Any]:
        """The values that a resumed training begins with."""
        return {**asdict(self), "stopped": None, "error": None}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Progress:
        """Progress from a state."""
        return cls(**state)


@dataclass(frozen=True)
class Limits:
    """End of a training: after `iterations` steps or `budget` seconds, whichever comes first.

    Time is cumulative across resumes; None means no limit. Seconds are those of
    `sciformer.runs.clock`: of computing, not of waiting for other programs.

    Attributes:
        budget: seconds.
        iterations: steps.
        ripeness: ends a training earlier, where a refinement does the rest better.
        share: of the budget that the training may take; the rest is left for what comes after.
        plateau: ends a training earlier, where it has come to rest.

    Examples:
        >>> import pinn
        >>> pinn.solve("heat", limits=pinn.Limits(iterations=2)).stopped
        '2 iterations done'
    """

    budget: float | None = None
    iterations: int | None = None
    ripeness: Ripeness | None = None
    share: float = 1.0
    plateau: Plateau | None = None

    def reached(self, progress: Progress, history: History) -> str | None:
        """Why the training ends now, or None."""
        if self.iterations is not None and progress.iteration >= self.iterations:
            return f"{self.iterations} iterations done"
        if self.budget is not None and progress.elapsed >= self.share * self.budget:
            part = "" if self.share == 1 else f"{100 * self.share:g} % of the "
            return f"{part}budget of {self.budget:g} s spent"
        ripe = None if self.ripeness is None else self.ripeness.reason(history.pairs)
        return ripe or (None if self.plateau is None else self.plateau.reason(history))

    def spent(self, progress: Progress) -> float:
        """The share of the limits that is spent; 0 without any."""
        shares = [0.0]
        if self.budget is not None:
            shares.append(progress.elapsed / (self.share * self.budget))
        if self.iterations is not None:
            shares.append(progress.iteration / self.iterations)
        return max(shares)


class EverySecond:
    """Calls observers about once a second and at the end, with the error against a reference.

    Args:
        observers: called with a copy of the progress.
        error: gives the relative L2 error, or None.
    """

    def __init__(
        self,
        observers: tuple[Callable[[Progress], None], ...],
        error: Callable[[], float] | None = None,
    ) -> None:
        self._observers, self._error = observers, error
        self._last: float | None = None

    def __call__(self, progress: Progress) -> None:
        """Passes the progress on, if it is time."""
        last = progress.elapsed if self._last is None else self._last
        self._last = last
        if progress.stopped is None and progress.elapsed - last < REPORT_SECONDS:
            return
        self._last = progress.elapsed
        if self._observers:
            error = None if self._error is None else self._error()
            for observer in self._observers:
                observer(replace(progress, error=error))
