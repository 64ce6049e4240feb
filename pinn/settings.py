"""Every choice of a solve in one value that is written beside its result."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from sciformer.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from pinn.loss.weighting import DynamicsWeightedLoss
    from pinn.optimisers import Optimiser
    from pinn.problem.problem import Problem
    from pinn.training.schedule import Plan
    from pinn.trial.inputs import Inputs


@dataclass(frozen=True)
class PhysicsFormerOptions:
    """Sizes of a PhysicsFormer; `step` is in units of the whole time span."""

    steps: int = 5
    step: float = 0.1
    width: int = 8
    heads: int = 2
    encoder_layers: int = 1
    decoder_layers: int = 1
    feed_forward: int = 10
    activation: str = "tanh"
    sharpness: float = 4.0
    mixer: str = "attention"

    def build(self, inputs: Inputs, fields: int) -> nn.Module:
        """The network, freshly initialised from torch's random state."""
        from pinn.networks import PhysicsFormer
        from pinn.networks.mixers import named

        mixer = named("solve", self.mixer)
        chosen = {"activation": _activation(self.activation), "mixer": mixer}
        options = {**asdict(self), **chosen}
        return PhysicsFormer(inputs.coordinates, fields, inputs=inputs, **options)


@dataclass(frozen=True)
class MLPOptions:
    """Sizes of a fully connected network."""

    width: int = 20
    layers: int = 4
    activation: str = "tanh"

    def build(self, inputs: Inputs, fields: int) -> nn.Module:
        """The network, freshly initialised from torch's random state."""
        from pinn.networks import MLP

        options = {**asdict(self), "activation": _activation(self.activation)}
        return MLP(inputs.coordinates, fields, inputs=inputs, **options)


MODELS: dict[str, type[PhysicsFormerOptions] | type[MLPOptions]] = {
    "physicsformer": PhysicsFormerOptions,
    "mlp": MLPOptions,
}
OPTIMISERS = ("levenberg-marquardt", "self-scaled-broyden", "lbfgs", "adam")
BALANCES = ("ntk-trace", "gradient-norm", "fixed")
SAMPLERS = ("planned", "uniform", "importance", "warped", "rad", "r3")
CONDITIONS = ("hard", "soft", "auto")


@dataclass(frozen=True)
class Settings:
    """All choices of a solve.

    Attributes:
        model: a key of `MODELS`.
        network: options of the model that differ from its defaults.
        optimiser: one of `OPTIMISERS`, or a name of the package pytorch_optimizer, such as "soap".
        balance: how soft terms are weighted, one of `BALANCES`.
        causal: strength of causal weights in time, 0 for none.
        sampler: one of `SAMPLERS`; "planned" starts uniform and follows the solution later.
        curriculum: "beta:1:200" lets the parameter beta go from 1 to its value in 200 iterations.
        conditions: "hard" builds initial and boundary conditions into the solution, "soft" adds
            them to the loss, "auto" takes hard ones where they exist.
        fade: rate, per time span, at which initial values fade out of the hard form; 0 keeps them.
        harmonics: waves that each periodic coordinate is embedded by.
        waves: learned frequencies in time, where the problem names a highest one.
        points: factor on the number of collocation points.
        seed: of the initial weights and of all points.
        threads: threads of BLAS; tensor operations use one.
        dtype: "float64" or "float32".
        device: a torch device.
    """

    model: str = "physicsformer"
    network: Mapping[str, Any] = field(default_factory=dict)
    optimiser: str = "levenberg-marquardt"
    balance: str = "ntk-trace"
    causal: float = 0.0
    sampler: str = "planned"
    curriculum: str = ""
    conditions: str = "auto"
    fade: float = 0.0
    harmonics: int = 1
    waves: int = 6
    points: float = 1.0
    seed: int = 0
    threads: int = 1
    dtype: str = "float64"
    device: str = "cpu"

    def __post_init__(self) -> None:
        choices = {
            "model": MODELS,
            "balance": BALANCES,
            "sampler": SAMPLERS,
            "conditions": CONDITIONS,
            "dtype": ("float64", "float32"),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise unknown_name("solve", name, str(getattr(self, name)), known)
        if self.optimiser not in OPTIMISERS:
            from pinn.optimisers.first_order import find_in_library

            find_in_library(self.optimiser, OPTIMISERS)
        options = [option.name for option in fields(MODELS[self.model])]
        for name in self.network:
            if name not in options:
                raise unknown_name(f"solve: {self.model}", "option", name, options)
        if not self.points > 0:
            raise UsageError(f"solve: points must be a factor > 0; got {self.points:g}.")
        if self.harmonics < 1 or self.waves < 0:
            raise UsageError(
                f"solve: harmonics must be >= 1 and waves >= 0; got {self.harmonics} and "
                f"{self.waves}."
            )
        for name in ("causal", "fade"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"solve: {name} must be >= 0; got {getattr(self, name):g}.")
        if self.threads < 1:
            raise UsageError(f"solve: threads must be >= 1; got {self.threads}.")

    def options(self) -> PhysicsFormerOptions | MLPOptions:
        """The model's options, defaults included."""
        return MODELS[self.model](**self.network)

    def make_optimiser(self) -> Optimiser:
        """A fresh optimiser."""
        from pinn import optimisers

        makers: dict[str, type[Any]] = {
            "levenberg-marquardt": optimisers.LevenbergMarquardt,
            "self-scaled-broyden": optimisers.SelfScaledBroyden,
            "lbfgs": optimisers.LBFGS,
            "adam": optimisers.Adam,
        }
        if self.optimiser not in makers:
            return optimisers.FromLibrary(self.optimiser)
        made: Optimiser = makers[self.optimiser]()
        return made

    def make_plan(self, problem: Problem) -> Plan:
        """How many points, when, drawn how, and the curriculum."""
        from pinn.training.curriculum import Curriculum
        from pinn.training.schedule import GRADIENT, LEAST_SQUARES

        plan = LEAST_SQUARES if self.optimiser == "levenberg-marquardt" else GRADIENT
        plan = plan.scaled(self.points)
        if self.sampler != "planned":
            plan = plan.drawn_by(self.sampler)
        if self.curriculum:
            given = Curriculum.parse(self.curriculum, problem.parameter_values)
            plan = replace(plan, curriculum=given)
        return plan

    def make_loss(self, problem: Problem) -> DynamicsWeightedLoss:
        """The weights of the terms."""
        from pinn.loss import weighting

        balances: dict[str, weighting.Balance] = {
            "ntk-trace": weighting.NTKTrace(),
            "gradient-norm": weighting.GradientNorm(),
            "fixed": weighting.FixedWeights({}),
        }
        causal = None
        if self.causal:
            if problem.time is None:
                raise UsageError(f"solve: causal weights need a time t; {problem.name} has none.")
            axis = problem.domain.coordinates.index(problem.time)
            causal = weighting.CausalInTime(axis, self.causal)
        return weighting.DynamicsWeightedLoss(balances[self.balance], causal)


def _activation(name: str) -> type[nn.Module]:
    from torch import nn

    from pinn.networks import Wavelet

    known: dict[str, type[nn.Module]] = {
        "tanh": nn.Tanh,
        "wavelet": Wavelet,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
    }
    if name not in known:
        raise unknown_name("solve", "activation", name, known)
    return known[name]
