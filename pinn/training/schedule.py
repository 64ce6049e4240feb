"""When a training uses how many points, drawn by which sampler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinn.training.curriculum import Curriculum


@dataclass(frozen=True)
class Stage:
    """From iteration `start` on: `points` collocation points, drawn anew every `every` steps.

    `sampler` names one of the solver's samplers: "uniform", "importance", "warped", "rad", "r3".
    """

    start: int
    points: int
    every: int
    sampler: str


@dataclass(frozen=True)
class Plan:
    """Stages in the order of their starts, the first at 0.

    A coarse problem is solved first: steps on few points are cheap and find the shape of the
    solution; the later stages add digits. A curriculum changes a parameter on the way.
    """

    stages: tuple[Stage, ...]
    curriculum: Curriculum | None = None

    def at(self, iteration: int) -> Stage:
        """The stage that an iteration belongs to."""
        return [stage for stage in self.stages if stage.start <= iteration][-1]

    def scaled(self, factor: float) -> Plan:
        """The same plan with `factor` times the points."""
        stages = (replace(s, points=max(1, round(s.points * factor))) for s in self.stages)
        return replace(self, stages=tuple(stages))

    def drawn_by(self, sampler: str) -> Plan:
        """The same plan with one sampler throughout."""
        return replace(self, stages=tuple(replace(s, sampler=sampler) for s in self.stages))


# Found by measurement on Burgers' equation with Levenberg-Marquardt; see the benchmarks.
LEAST_SQUARES = Plan(
    (
        Stage(0, 300, 3, "uniform"),
        Stage(3, 300, 3, "importance"),
        Stage(50, 700, 4, "importance"),
        Stage(72, 2000, 5, "warped"),
    )
)

# One step of these costs one gradient, so they take many more steps on steady points.
GRADIENT = Plan((Stage(0, 2000, 100, "uniform"), Stage(1000, 2000, 100, "warped")))
