"""The baseline every physics-informed network is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable


class MLP(nn.Module):
    """A fully connected network with smooth activations.

    Args:
        coordinates: number of coordinates c >= 1.
        fields: number of fields f >= 1.
        width: neurons in each hidden layer.
        layers: number of hidden layers >= 1.
        activation: makes the activation of each layer.

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
    ) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        entering = coordinates
        for _ in range(layers):
            modules += [nn.Linear(entering, width), activation()]
            entering = width
        self.layers = nn.Sequential(*modules, nn.Linear(entering, fields))
        initialise(self)

    def forward(self, points: Any) -> Any:
        """Fields (p, f) at points (p, c); a jet of points gives a jet of fields."""
        return self.layers(points)


def initialise(network: nn.Module) -> None:
    """Xavier normal weights and zero biases in every linear layer (Glorot, Bengio 2010)."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
