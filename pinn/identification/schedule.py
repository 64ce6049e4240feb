"""How many rows of which weight a fit has at each step."""

from __future__ import annotations

from dataclasses import dataclass, replace

ALL = 10**9


@dataclass(frozen=True)
class Stage:
    """What the rows are from some iteration on.

    Attributes:
        start: that iteration.
        points: for the equations.
        observations: how many of the samples, the first ones.
        tolerance: that equations are held to, as a share of the standard deviation of what is
            observed; never tighter than half the noise.
        is_last: whether equations count less where the network cannot satisfy them.
    """

    start: int
    points: int
    observations: int
    tolerance: float
    is_last: bool = False


@dataclass(frozen=True)
class Schedule:
    """Stages in the order of their starts, the first at 0; new points every `every` iterations.

    First the samples are fitted and the equations hold loosely, then both as tightly as they can.
    Points that change at every iteration would make the objective bounce. Steps on some of the rows
    are cheap; when the share `late` of time or iterations is over, all samples are used, and
    `final_points` points, because what the network cannot represent makes coefficients depend on
    the points.
    """

    stages: tuple[Stage, ...]
    final_points: int
    every: int = 15
    late: float = 0.67

    def at(self, iteration: int, spent: float) -> Stage:
        """The stage of an iteration, when a share `spent` of time or iterations is over."""
        stage = [stage for stage in self.stages if stage.start <= iteration][-1]
        if spent < self.late or stage is not self.stages[-1]:
            return stage
        return replace(stage, points=self.final_points, observations=ALL, is_last=True)


FLOW = Schedule(
    (
        Stage(0, 200, 1500, 0.1),
        Stage(15, 1000, 2000, 0.03),
        Stage(30, 2500, 2500, 0.01),
        Stage(42, 2500, 2500, 0.003),
    ),
    final_points=5000,
    late=0.35,
)
