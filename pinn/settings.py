"""All choices of a solve in one value, whose description is written beside its result."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from torch import nn

from pinn import names
from pinn.loss.weighting import Balance, CausalInTime, DynamicsWeightedLoss, NTKTrace
from pinn.networks import PhysicsFormer, Race
from pinn.optimisers import LevenbergMarquardt, Optimiser
from pinn.refinement.refine import Refiner
from pinn.trial.conditions import auto
from sciformer.errors import DataError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pinn.networks.protocol import NetworkInputs
    from pinn.problem.problem import Problem
    from pinn.sampling.schedule import SamplerMaker, Schedule
    from pinn.training.curriculum import Curriculum
    from pinn.trial.hard_constraint import HardConstraint
    from pinn.trial.inputs import TravellingWave

    Conditions = Callable[[Problem, float], HardConstraint]


# Factor on some thousand points: beyond, no memory holds their coordinates.
MOST_POINTS = 1e9


class NetworkSizes(Protocol):
    """A value that makes networks, such as `PhysicsFormer.Sizes(width=16)`."""

    def build(self, inputs: NetworkInputs, fields: int) -> nn.Module:
        """The network, freshly initialised from torch's random state."""
        ...


@dataclass(frozen=True)
class Settings:
    """All choices of a solve.

    Attributes:
        network: sizes from which a network is made, or a module from scaled coordinates (p, c) to
            fields (p, f), which is trained in place. A `Race` leaves the choice to a short training
            of several.
        optimiser: a copy of it takes the steps.
        sampler: makes the sampler of all points, such as `ResidualDensity` or
            `partial(ResidualDensity, power=2.0)`; None for those of the schedule.
        weighting: how soft terms are balanced.
        causal: strength of causal weights in time, 0 for none.
        schedule: how many points, when; None for the one that the optimiser likes, or that noisy
            data need.
        curriculum: a parameter that starts where the problem is easy.
        conditions: `pinn.trial.conditions.hard` builds initial and boundary conditions into the
            solution, `soft` adds them to the loss, `auto` takes hard ones where they exist,
            condition by condition.
        fade: rate, per time span, at which initial values fade out of the hard form; 0 keeps them.
        harmonics: waves that each periodic coordinate is embedded by.
        waves: learned frequencies in time, where the problem names a highest one.
        wave: input that follows a travelling wave found in the data; None for none.
        spread: whether units of the first layer start with their zeros spread over the domain.
        digits: refines the trained network by a wide layer; None leaves it as it is trained.
        points: factor on the number of collocation points.
        seed: of the initial weights and of all points.
        threads: threads of BLAS; tensor operations use one.
        windows: number of windows of equal length in time that are solved one after the other; 0
            for as many as it takes where the problem is made for it, and 1 for none.
        dtype: "float64" or "float32".
        device: a torch device.

    Examples:
        >>> import pinn
        >>> pinn.Settings(network=pinn.MLP.Sizes(width=24), seed=3).seed
        3
    """

    network: NetworkSizes | nn.Module = field(
        default=PhysicsFormer.Sizes(), metadata={"kind": "network"}
    )
    optimiser: Optimiser = field(default_factory=LevenbergMarquardt, metadata={"kind": "optimiser"})
    sampler: SamplerMaker | None = field(default=None, metadata={"kind": "sampler"})
    weighting: Balance = field(default=NTKTrace(), metadata={"kind": "weighting"})
    causal: float = 0.0
    schedule: Schedule | None = None
    curriculum: Curriculum | None = None
    conditions: Conditions = field(default=auto, metadata={"kind": "conditions"})
    fade: float = 0.0
    harmonics: int = 1
    waves: int = 6
    wave: type[TravellingWave] | None = field(default=None, metadata={"kind": "wave"})
    spread: bool = False
    digits: Refiner | None = field(default=Refiner(), metadata={"kind": "digits"})
    points: float = 1.0
    seed: int = 0
    threads: int = 1
    windows: int = 1
    dtype: str = "float64"
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not isinstance(self.network, nn.Module) and not hasattr(self.network, "build"):
            raise UsageError(
                "solve: network must be a torch module, or sizes such as PhysicsFormer.Sizes(); "
                f"got {self.network!r}."
            )
        if not hasattr(self.optimiser, "step"):
            raise UsageError(
                "solve: optimiser must be an object such as LevenbergMarquardt(); "
                f"got {self.optimiser!r}."
            )
        for f in dataclasses.fields(self):
            if "kind" not in f.metadata:
                names.check_type("solve", f.name, getattr(self, f.name), f.default)
        if self.dtype not in ("float64", "float32"):
            raise unknown_name("solve", "dtype", str(self.dtype), ("float64", "float32"))
        if not 0 < self.points <= MOST_POINTS:
            raise UsageError(
                f"solve: points must be a factor > 0 and <= {MOST_POINTS:g}; got {self.points:g}."
            )
        if not callable(self.conditions):
            raise UsageError(
                "solve: conditions must be auto, hard or soft of pinn.trial.conditions; got "
                f"{self.conditions!r}."
            )
        if self.harmonics < 1 or self.waves < 0:
            raise UsageError(
                f"solve: harmonics must be >= 1 and waves >= 0; got {self.harmonics} and "
                f"{self.waves}."
            )
        for name in ("causal", "fade"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"solve: {name} must be >= 0; got {getattr(self, name):g}.")
        if self.windows < 0:
            raise UsageError(f"solve: windows must be >= 0, 0 for auto; got {self.windows}.")
        if self.threads < 1:
            raise UsageError(f"solve: threads must be >= 1; got {self.threads}.")

    @classmethod
    def advised(cls, problem: Problem, **choices: Any) -> Settings:
        """The settings that a problem advises, changed by some choices.

        Where neither says which network, a race of several does, and evolutions in one coordinate
        go window after window.

        Raises:
            UnknownNameError: a choice that settings do not have.
        """
        fields = [f.name for f in dataclasses.fields(cls)]
        for name in choices:
            if name not in fields:
                raise unknown_name("solve", "setting", name, fields)
        advice = {k: v for k, v in problem.advice.items() if k in fields}
        return cls(**{"network": Race(), "windows": 0, **advice, **choices})

    def to_json(self) -> dict[str, Any]:
        """A description as JSON values; objects with a registered name are rebuilt by `from_json`.

        A network given as a module is named by its class only: its weights are saved, and
        `Solution.load(directory, network=module)` puts them into a module of the same form.
        """
        values: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            value, kind = getattr(self, f.name), f.metadata.get("kind")
            values[f.name] = value if kind is None or value is None else names.describe(kind, value)
        if self.curriculum is not None:
            values["curriculum"] = dataclasses.asdict(self.curriculum)
        if self.schedule is not None:
            values["schedule"] = _schedule_to_json(self.schedule)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any], **given: Any) -> Settings:
        """The settings of a description.

        Args:
            values: from `to_json`.
            given: settings that take the place of those described, such as a network that has no
                registered name.

        Raises:
            DataError: a setting is unknown or ill-formed, or describes an object that no file can
                rebuild.
            UsageError: a setting of another type or out of its range.
        """
        try:
            return cls(**cls._made(values, given))
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"solve: the settings in a configuration are not what this version writes "
                f"({type(error).__name__}: {error}); solve again."
            ) from error

    @classmethod
    def _made(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """Descriptions replaced by the objects that they describe."""
        fields = {f.name: f for f in dataclasses.fields(cls)}
        for name in values:
            if name not in fields:
                raise DataError(
                    f"solve: unknown setting {name!r} in a configuration; it was written by "
                    "another version of the package, solve again."
                )
        made: dict[str, Any] = {}
        for name, value in values.items():
            kind = fields[name].metadata.get("kind")
            if name in given:
                made[name] = given[name]
            else:
                made[name] = value if kind is None or value is None else names.make(kind, value)
        if made.get("curriculum") is not None:
            made["curriculum"] = _curriculum_from_json(made["curriculum"])
        if made.get("schedule") is not None:
            made["schedule"] = _schedule_from_json(made["schedule"])
        return made

    def loss(self, problem: Problem) -> DynamicsWeightedLoss:
        """The weights of the terms.

        Raises:
            UsageError: causal weights for a problem without a time.
        """
        causal = None
        if self.causal:
            if problem.time is None:
                raise UsageError(f"solve: causal weights need a time t; {problem.name} has none.")
            axis = problem.domain.coordinates.index(problem.time)
            causal = CausalInTime(axis, self.causal)
        return DynamicsWeightedLoss(self.weighting, causal)

    def planned(self, default: Schedule) -> Schedule:
        """The schedule with the chosen sampler and the factor on points."""
        schedule = (self.schedule or default).scaled(self.points)
        return schedule if self.sampler is None else schedule.drawn_by(self.sampler)


def _schedule_to_json(schedule: Schedule) -> dict[str, Any]:
    def stage(one: Any) -> dict[str, Any]:
        return {**vars(one), "sampler": names.describe("sampler", one.sampler)}

    return {
        "stages": [stage(one) for one in schedule.stages],
        "final": None if schedule.final is None else stage(schedule.final),
        "late": schedule.late,
    }


def _schedule_from_json(values: Mapping[str, Any]) -> Schedule:
    from pinn.sampling.schedule import Schedule, Stage

    def stage(one: Mapping[str, Any]) -> Stage:
        return Stage(**{**one, "sampler": names.make("sampler", one["sampler"])})

    final = None if values["final"] is None else stage(values["final"])
    return Schedule(tuple(map(stage, values["stages"])), final, values["late"])


def _curriculum_from_json(values: Mapping[str, Any]) -> Curriculum:
    from pinn.training.curriculum import Curriculum, Ramp

    return Curriculum(values["parameter"], Ramp(**values["ramp"]))
