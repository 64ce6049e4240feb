"""The baseline every physics-informed network is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinn.networks.protocol import NetworkInputs


class MLP(nn.Module):
    """A fully connected network with smooth activations.

    Args:
        coordinates: number of coordinates c >= 1.
        fields: number of fields f >= 1.
        width: neurons in each hidden layer.
        layers: number of hidden layers >= 1.
        activation: makes the activation of each layer.
        inputs: layers between the coordinates and the first hidden layer, such as
            `pinn.trial.inputs.Inputs`; None gives it the coordinates themselves.

    Weights are Xavier normal, biases zero.
    """

    def __init__(
        self,
        coordinates: int,
        fields: int,
        *,
        width: int = 20,
        layers: int = 4,
        activation: Callable[[], nn.Module] = nn.Tanh,
        inputs: NetworkInputs | None = None,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        modules: list[nn.Module] = []
        entering = coordinates if inputs is None else inputs.width
        for _ in range(layers):
            modules += [nn.Linear(entering, width), activation()]
            entering = width
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


def initialise(network: nn.Module) -> None:
    """Xavier normal weights and zero biases in every linear layer (Glorot, Bengio 2010)."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
