"""Schedules of a training: how many points of which sampler, when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pinn.sampling.samplers import ResidualImportance, UniformSobol, WarpedSobol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinn.sampling.samplers import Sampler

    SamplerMaker = Callable[[UniformSobol, int], Sampler]

ALL = 10**9  # more samples than any cloud of data has


def uniform(sequence: UniformSobol, seed: int) -> Sampler:
    """The uniform sequence itself as a sampler."""
    return sequence


@dataclass(frozen=True)
class Stage:
    """The points of a training from one iteration on.

    Args:
        start: that iteration.
        points: number of collocation points.
        every: steps after which they are drawn anew.
        sampler: makes the sampler that draws them, from a uniform sequence and a seed.
        samples: how many samples of noisy data are used, the first ones.
        tolerance: where noisy data are fitted, the residual that counts as much as one standard
            deviation of noise, as a share of the standard deviation of the data.
        is_trusting: whether equations count less where the network cannot satisfy them.

    Examples:
        >>> import pinn
        >>> pinn.Stage(start=40, points=2000, every=10).every
        10
    """

    start: int
    points: int
    every: int = 15
    sampler: SamplerMaker = uniform
    samples: int = ALL
    tolerance: float = 1.0
    is_trusting: bool = False


@dataclass(frozen=True)
class Schedule:
    """Stages in the order of their starts, the first at 0, and one for the end.

    A coarse problem is solved first: steps on few points are cheap and find the shape of the
    solution; the later stages add digits.

    Args:
        stages: at least one.
        final: a last stage, whose start does not count; None for none.
        late: the share of the time or of the iterations after which it begins.

    Examples:
        >>> import pinn
        >>> few, many = pinn.Stage(start=0, points=300), pinn.Stage(start=40, points=2000)
        >>> pinn.Schedule((few, many)).stages[1].points
        2000
    """

    stages: tuple[Stage, ...]
    final: Stage | None = None
    late: float = 0.67

    def number(self, iteration: int, spent: float) -> int:
        """The stage of an iteration when a share `spent` of the limits is spent, from 0."""
        number = [n for n, stage in enumerate(self.stages) if stage.start <= iteration][-1]
        if self.final is None or spent < self.late or number < len(self.stages) - 1:
            return number
        return len(self.stages)

    @property
    def last(self) -> int:
        """The number of the last stage."""
        return len(self.stages) - (self.final is None)

    def __getitem__(self, number: int) -> Stage:
        stages = self.stages if self.final is None else (*self.stages, self.final)
        return stages[number]

    def scaled(self, factor: float) -> Schedule:
        """The schedule with `factor` times the points."""
        return self._each(lambda stage: replace(stage, points=max(1, round(stage.points * factor))))

    def drawn_by(self, sampler: SamplerMaker) -> Schedule:
        """The schedule with one sampler throughout."""
        return self._each(lambda stage: replace(stage, sampler=sampler))

    def _each(self, change: Callable[[Stage], Stage]) -> Schedule:
        final = None if self.final is None else change(self.final)
        return replace(self, stages=tuple(map(change, self.stages)), final=final)


class Renewal:
    """Decides when new points are due: in a new stage, with age, and after a step that failed.

    Args:
        schedule: the stages.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule, self._number, self._age = schedule, -1, 0
        self._least = 0  # the stage that has begun at least, however early it is

    @property
    def stage(self) -> Stage:
        """The stage of the present points."""
        return self._schedule[self._number]

    def is_due(self, iteration: int, spent: float, accepted: bool) -> bool:
        """Whether the next step needs new points; called once before each step.

        Args:
            iteration: steps taken.
            spent: share of the limits that is spent.
            accepted: whether the last step moved the parameters; if not, others are tried.
        """
        self._age = self._age + 1 if accepted else self._schedule[self._number].every
        number = max(self._schedule.number(iteration, spent), self._least)
        if number == self._number and self._age < self.stage.every:
            return False
        self._number, self._age = number, 0
        return True

    @property
    def is_in_last_stage(self) -> bool:
        """Whether no other stage comes after the present one."""
        return self._number == self._schedule.last

    def move_on(self) -> None:
        """Ends the present points now: the next ones are of the next stage, if there is one."""
        self._least = min(self._number + 1, self._schedule.last)
        self._age = self.stage.every

    def state(self) -> dict[str, Any]:
        """Number of the stage, which one has begun at least, and age of the points."""
        return {"number": self._number, "least": self._least, "age": self._age}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        self._number, self._age = state["number"], state["age"]
        self._least = state.get("least", 0)  # not in older runs


# Found by measurement on Burgers' equation with Levenberg-Marquardt; see the benchmarks.
LEAST_SQUARES = Schedule(
    (
        Stage(0, 300, 3),
        Stage(3, 300, 3, ResidualImportance),
        Stage(20, 700, 4, ResidualImportance),
        Stage(36, 2000, 5, WarpedSobol),
    )
)

# One step of these methods costs one gradient: they take many more steps on steady points.
GRADIENT = Schedule((Stage(0, 2000, 100), Stage(1000, 2000, 100, WarpedSobol)))

# For noisy data, chosen on the wake of a cylinder. First the samples are fitted and the equations
# hold loosely, then both as tightly as they can. Points that change at every iteration would make
# the objective bounce; all samples and many points come last, because what the network cannot
# represent makes unknown parameters depend on the points.
NOISY_DATA = Schedule(
    (
        Stage(0, 200, samples=1500, tolerance=0.1),
        Stage(15, 1000, samples=2000, tolerance=0.03),
        Stage(30, 2500, samples=2500, tolerance=0.01),
        Stage(42, 2500, samples=2500, tolerance=0.003),
    ),
    final=Stage(0, 5000, tolerance=0.003, is_trusting=True),
    late=0.35,
)
