"""Where a training stands, and when it ends."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pinn.training.schedule import Stage


@dataclass(frozen=True)
class Report:
    """Where a training stands.

    Attributes:
        iteration: steps taken.
        elapsed: seconds of training.
        points: collocation points at present.
        loss: the objective on them.
        validation: mean squared residual on points that are never trained on.
        error: relative L2 against the reference on a coarse grid, which steers nothing; None
            without one.
        figures: the optimiser's own numbers.
    """

    iteration: int
    elapsed: float
    points: int
    loss: float
    validation: float
    error: float | None
    figures: dict[str, float]


@dataclass(frozen=True)
class Limits:
    """When a training ends: after `iterations` steps or `budget` seconds, whichever is first.

    Seconds count over all parts of a resumed training; None is no limit.
    """

    budget: float | None = None
    iterations: int | None = None

    def reached(self, progress: Progress) -> str | None:
        """Why the training ends now, or None."""
        if self.iterations is not None and progress.iteration >= self.iterations:
            return f"{self.iterations} iterations done"
        if self.budget is not None and progress.elapsed >= self.budget:
            return f"budget of {self.budget:g} s spent"
        return None


@dataclass
class Progress:
    """What changes during a training, apart from network, optimiser and points."""

    iteration: int = 0
    elapsed: float = 0.0
    age: int = 0
    stage: Stage | None = None
    loss: float = float("inf")
    validation: float = float("inf")
    best_validation: float = float("inf")
    best_iteration: int = 0
    evaluations: int = 0
    failures: int = 0
    note: str = ""
    figures: dict[str, float] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, state: dict[str, Any]) -> Progress:
        """From plain values."""
        stage = state["stage"]
        return cls(**{**state, "stage": None if stage is None else Stage(**stage)})
