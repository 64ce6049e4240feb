"""How many rows of which weight a fit has at each step."""

from __future__ import annotations

from dataclasses import dataclass, replace

FINAL = 0.67  # share of time or iterations after which all samples are used
ALL = 10**9


@dataclass(frozen=True)
class Stage:
    """From iteration `start` on: `points` for the equations, the first `observations` samples, and
    equations held to `slack` times the noise."""

    start: int
    points: int
    observations: int
    slack: float


@dataclass(frozen=True)
class Schedule:
    """Stages in the order of their starts, the first at 0; new points every `every` iterations.

    First the samples are fitted and the equations hold loosely, then both to the noise. Points
    that change at every iteration would make the objective bounce. Steps on some of the rows are
    cheap; in the last third of the time all samples are used, and `final_points` points, because
    what the network cannot represent makes coefficients depend on the points.
    """

    stages: tuple[Stage, ...]
    final_points: int
    every: int = 15

    def at(self, iteration: int, spent: float) -> Stage:
        """The stage of an iteration, when a share `spent` of time or iterations is over."""
        stage = [stage for stage in self.stages if stage.start <= iteration][-1]
        is_late = spent >= FINAL and stage is self.stages[-1]
        return replace(stage, points=self.final_points, observations=ALL) if is_late else stage


FLOW = Schedule(
    (
        Stage(0, 200, 1500, 30.0),
        Stage(15, 1000, 2000, 10.0),
        Stage(30, 1500, 2500, 3.0),
        Stage(42, 1500, 2500, 1.0),
    ),
    final_points=5000,
)
