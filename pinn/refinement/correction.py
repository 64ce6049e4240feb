"""Layers of a refinement: what is added to the fields of a network, linear in its own numbers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from torch import Tensor, nn


class Correction(nn.Module):
    """fields = network(x) + output features(x).

    Args:
        network: points or jets (p, c) to fields (p, f); it is not changed, and may itself be one.
        output: (f, q), the only numbers that a refinement determines.
    """

    def __init__(self, network: nn.Module, output: Tensor) -> None:
        super().__init__()
        self.network = network
        self.output = nn.Parameter(output, requires_grad=False)

    def forward(self, points: Any) -> Any:
        """Fields (p, f) at points (p, c); jets go through as well."""
        fields, features = self.parts(points)
        return fields + nn.functional.linear(features, self.output)

    @abstractmethod
    def parts(self, points: Any) -> tuple[Any, Any]:
        """Fields (p, f) of the network below, and the features (p, q)."""

    @property
    def features(self) -> int:
        """Number of features q."""
        return self.output.shape[1]
