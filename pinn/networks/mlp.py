"""The multilayer perceptron, the baseline with which every physics-informed network is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import nn

from sciformer.errors import DomainError

if TYPE_CHECKING:
    from pinn.networks.protocol import NetworkInputs


MOST_LAYERS = 1000  # the deepest networks that have been trained have about so many


class MLP(nn.Module):
    """A fully connected network with smooth activations.

    Args:
        coordinates: number of coordinates c >= 1.
        fields: number of fields f >= 1.
        sizes: of its layers.
        inputs: layers between the coordinates and the first hidden layer, such as
            `pinn.trial.inputs.Inputs`; None gives it the coordinates themselves.

    Weights are Xavier normal, biases zero.

    Examples:
        >>> import pinn
        >>> pinn.Settings(network=pinn.MLP.Sizes(width=8, layers=2)).network.width
        8
    """

    @dataclass(frozen=True)
    class Sizes:
        """Sizes of an MLP.

        Args:
            width: neurons in each hidden layer.
            layers: number of hidden layers, 1 to `MOST_LAYERS`.
            activation: makes the activation of each layer.

        Raises:
            DomainError: width or layers out of range.
        """

        width: int = 20
        layers: int = 4
        activation: Callable[[], nn.Module] = field(
            default=nn.Tanh, metadata={"kind": "activation"}
        )

        def __post_init__(self) -> None:
            for name in ("width", "layers"):
                if getattr(self, name) < 1:
                    raise DomainError(f"MLP: {name} must be >= 1; got {getattr(self, name)}.")
            refuse_too_deep("MLP", self.layers)

        def build(self, inputs: NetworkInputs, fields: int) -> nn.Module:
            """The network, freshly initialised from torch's random state."""
            return MLP(inputs.coordinates, fields, self, inputs=inputs)

    def __init__(
        self,
        coordinates: int,
        fields: int,
        sizes: Sizes | None = None,
        *,
        inputs: NetworkInputs | None = None,
    ) -> None:
        super().__init__()
        sizes = sizes or MLP.Sizes()
        self.inputs = inputs
        modules: list[nn.Module] = []
        entering = coordinates if inputs is None else inputs.width
        for _ in range(sizes.layers):
            modules += [nn.Linear(entering, sizes.width), sizes.activation()]
            entering = sizes.width
        self.layers = nn.Sequential(*modules, nn.Linear(entering, fields))
        initialise(self)

    def forward(self, points: Any) -> Any:
        """Fields (p, f) at points (p, c); a jet of points gives a jet of fields."""
        return self.layers(points if self.inputs is None else self.inputs(points))

    @property
    def first(self) -> nn.Linear:
        """The layer that receives the inputs."""
        [first, *_] = self.layers
        assert isinstance(first, nn.Linear), "made so by the constructor"
        return first


def refuse_too_deep(who: str, layers: int) -> None:
    """Refuses a number of layers whose modules alone would fill the memory.

    Raises:
        DomainError: more than `MOST_LAYERS`.
    """
    if layers > MOST_LAYERS:
        raise DomainError(f"{who}: at most {MOST_LAYERS} layers can be made; got {layers}.")


def initialise(network: nn.Module) -> None:
    """Sets Xavier normal weights and zero biases in every linear layer (Glorot, Bengio 2010)."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
