"""Surrogate gradients, which stand in for the derivative of the step function at the threshold."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.errors import DomainError


@dataclass(frozen=True)
class Surrogate(ABC):
    """A stand-in for the derivative of s = [v >= 0]; larger sharpness, narrower peak.

    Attributes:
        sharpness: > 0, dimensionless.
    """

    sharpness: float

    def __post_init__(self) -> None:
        if not self.sharpness > 0:
            raise DomainError(
                f"{type(self).__name__}: sharpness must be > 0; got {self.sharpness}."
            )

    @abstractmethod
    def derivative(self, v: Tensor) -> Tensor:
        """The stand-in for ds/dv at distances v from the threshold, same shape."""


@dataclass(frozen=True)
class Sigmoid(Surrogate):
    """a s(av) (1 - s(av)) with the logistic function s; SpikingJelly's default with a = 4."""

    sharpness: float = 4.0

    def derivative(self, v: Tensor) -> Tensor:
        s = torch.sigmoid(self.sharpness * v)
        return self.sharpness * s * (1 - s)


@dataclass(frozen=True)
class ArcTan(Surrogate):
    """a / 2 / (1 + (pi a v / 2)^2); SpikingJelly's ATan with a = 2."""

    sharpness: float = 2.0

    def derivative(self, v: Tensor) -> Tensor:
        return self.sharpness / 2 / (1 + (math.pi / 2 * self.sharpness * v).square())


@dataclass(frozen=True)
class Triangle(Surrogate):
    """a max(0, 1 - a |v|)."""

    sharpness: float = 1.0

    def derivative(self, v: Tensor) -> Tensor:
        return self.sharpness * torch.relu(1 - self.sharpness * v.abs())


@dataclass(frozen=True)
class FastSigmoid(Surrogate):
    """1 / (1 + a |v|)^2; snnTorch's fast_sigmoid with slope a = 25."""

    sharpness: float = 25.0

    def derivative(self, v: Tensor) -> Tensor:
        return (1 + self.sharpness * v.abs()).square().reciprocal()
