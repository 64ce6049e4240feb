"""Small networks for the tests of jets, and points for them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


class Wavelet(nn.Module):
    """w1 sin + w2 cos, one weight with an axis and one without."""

    def __init__(self) -> None:
        super().__init__()
        self.w1 = nn.Parameter(torch.tensor([1.1]))
        self.w2 = nn.Parameter(torch.tensor(0.7))

    def forward(self, x: Tensor) -> Tensor:
        return self.w1 * torch.sin(x) + torch.cos(x) * self.w2


class Attention(nn.Module):
    """Cross-attention written out, with a table of gains on the weights."""

    def __init__(self, width: int, heads: int, tokens: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in "qkvo")
        self.table = nn.Parameter(torch.linspace(0.5, 1.5, heads * (2 * tokens - 1)))

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        query, key, value = (
            layer(y).unflatten(-1, (self.heads, -1)).transpose(-2, -3)
            for layer, y in ((self.query, x), (self.key, memory), (self.value, memory))
        )
        logits = query @ key.mT / math.sqrt(query.shape[-1])
        n, m = x.shape[-2], memory.shape[-2]
        offsets = torch.arange(m) - torch.arange(n)[:, None] + m - 1
        gain = self.table.view(self.heads, -1)[:, offsets]
        weights = torch.softmax(logits, -1) * gain
        return self.output((weights @ value).transpose(-2, -3).flatten(-2))


class LayerNorm(nn.Module):
    """Layer normalisation from its formula."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.7, 1.3, width))
        self.bias = nn.Parameter(torch.linspace(-0.2, 0.3, width))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred * centred).mean(-1, keepdim=True) + 1e-5
        return centred * scale.rsqrt() * self.weight + self.bias


class Transformer(nn.Module):
    """Pseudo-sequence, encoder, decoder with one query token, head."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        activation: Callable[[], nn.Module] = nn.Tanh,
        norm: Callable[[int], nn.Module] = LayerNorm,
        steps: int = 3,
        width: int = 4,
    ) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(steps, inputs))
        self.shift[:, -1] = torch.arange(steps) * 0.1
        self.embedding = nn.Linear(inputs, width)
        self.encoder, self.decoder = (Attention(width, 2, steps) for _ in range(2))
        self.norm, self.activation = norm(width), activation()
        self.head = nn.Sequential(nn.Linear(width, 5), activation(), nn.Linear(5, outputs))

    def forward(self, points: Tensor) -> Tensor:
        x = self.embedding(points.unsqueeze(-2) + self.shift)
        memory = x + self.encoder(self.activation(x), self.activation(x))
        y = x[..., :1, :] + self.decoder(x[..., :1, :], self.norm(memory))
        return self.head(self.activation(y)).squeeze(-2)


def perceptron(inputs: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Module:
    """Two hidden layers of different widths."""
    return nn.Sequential(
        nn.Linear(inputs, 7),
        activation(),
        nn.Linear(7, 5),
        activation(),
        nn.Linear(5, outputs),
    )


def ready(network: nn.Module, seed: int) -> nn.Module:
    """Double precision, every parameter moved off its initial value."""
    network = network.double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.add_(0.3 * noise)
    return network


def draw(points: int, coordinates: int, seed: int) -> Tensor:
    """Points in the unit cube."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(points, coordinates, generator=generator, dtype=torch.float64)
