"""Random changes of training sequences that leave their class as it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


class Augmentation(ABC):
    """A random map (b, n, c) -> (b, n, c)."""

    @abstractmethod
    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A changed copy of sequences x."""


@dataclass(frozen=True)
class Roll(Augmentation):
    """Rolls each sequence by 0 .. steps places; its end enters at the start."""

    steps: int

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        b, n, _ = x.shape
        shift = torch.randint(0, self.steps + 1, (b, 1), generator=generator)
        index = (torch.arange(n) - shift) % n
        return torch.gather(x, 1, index.to(x.device).unsqueeze(-1).expand_as(x))


@dataclass(frozen=True)
class Rescale(Augmentation):
    """Multiplies each sequence by exp(spread * normal)."""

    spread: float

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x * torch.exp(self.spread * _normal(x, (len(x), 1, 1), generator))


@dataclass(frozen=True)
class Tilt(Augmentation):
    """Adds to each sequence a line from -a to a with a = spread * normal."""

    spread: float

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        line = torch.linspace(-1, 1, x.shape[1], dtype=x.dtype, device=x.device)
        slope = self.spread * _normal(x, (len(x), 1, x.shape[2]), generator)
        return x + slope * line[:, None]


@dataclass(frozen=True)
class Noise(Augmentation):
    """Adds spread * normal to each value."""

    spread: float

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x + self.spread * _normal(x, tuple(x.shape), generator)


def _normal(like: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator).to(like)
