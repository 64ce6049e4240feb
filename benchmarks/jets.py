"""Jets beside nested automatic differentiation: time and peak memory of a residual and gradient.

    python benchmarks/jets.py [--threads 1]

Burgers' residual u_t + u u_x - 0.003 u_xx and the parameter gradient of its mean square. Every
line is measured in a process of its own; memory is the peak resident size less that before it.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pinn.jets import Jet, Operators, residual_jacobian
from sciformer.attention import MultiheadAttention

OPERATORS = Operators(("x", "t"), ("1", "t", "x", "xx"))


def perceptron(*sizes: int) -> nn.Sequential:
    """Linear layers with tanh between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Block(nn.Module):
    """Attention to a memory and a feed-forward network, both residual."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.attention = MultiheadAttention(width, 2)
        self.feed_forward = perceptron(width, hidden, hidden, width)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = x + self.attention(torch.tanh(x), memory)
        return x + self.feed_forward(torch.tanh(x))


class Transformer(nn.Module):
    """PINNsFormer's architecture with one decoded token, five tokens of pseudo-time."""

    def __init__(self, width: int, hidden: int, head: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.stack([torch.zeros(5), 0.1 * torch.arange(5)], 1))
        self.embedding = nn.Linear(2, width)
        self.encoder, self.decoder = Block(width, hidden), Block(width, hidden)
        self.head = perceptron(width, head, head, 1)

    def forward(self, points: Tensor) -> Tensor:
        x = self.embedding(points.unsqueeze(-2) + self.shift)
        memory = torch.tanh(self.encoder(x, torch.tanh(x)))
        return self.head(torch.tanh(self.decoder(x[..., :1, :], memory)))[..., 0, :]


@dataclass(frozen=True)
class Case:
    """One network at one size."""

    name: str
    network: Callable[[], nn.Module]
    points: int
    dtype: torch.dtype


CASES = [
    Case("d32, FFN 256, head 512", lambda: Transformer(32, 256, 512), 1000, torch.float32),
    Case("d32, FFN 32", lambda: Transformer(32, 32, 32), 2000, torch.float64),
    Case("d8, FFN 10", lambda: Transformer(8, 10, 10), 2000, torch.float64),
    Case("MLP 4x50", lambda: perceptron(2, 50, 50, 50, 50, 1), 2000, torch.float64),
    Case("MLP 4x20", lambda: perceptron(2, 20, 20, 20, 20, 1), 2000, torch.float64),
]


def on_jets(network: nn.Module, points: Tensor) -> Tensor:
    """The residual by one pass of jets."""
    u = network(Jet.coordinates(points, OPERATORS))[:, 0]
    return u.derivative("t") + u.value * u.derivative("x") - 0.003 * u.derivative("xx")


def nested(network: nn.Module, points: Tensor) -> Tensor:
    """The residual by reverse mode of reverse mode."""
    points = points.requires_grad_()
    u = network(points)[:, 0]
    (slopes,) = torch.autograd.grad(u.sum(), points, create_graph=True)
    (second,) = torch.autograd.grad(slopes[:, 0].sum(), points, create_graph=True)
    return slopes[:, 1] + u * slopes[:, 0] - 0.003 * second[:, 0]


def gradient(residual: Callable[[nn.Module, Tensor], Tensor]) -> Callable[..., None]:
    """A step of a first-order method."""

    def step(network: nn.Module, points: Tensor) -> None:
        network.zero_grad(set_to_none=True)
        residual(network, points).square().mean().backward()

    return step


def forward(network: nn.Module, points: Tensor) -> None:
    """The residual alone."""
    with torch.no_grad():
        on_jets(network, points)


def jacobian(network: nn.Module, points: Tensor) -> None:
    """The residual and a row of the Jacobian for each point."""
    residual_jacobian(lambda x: on_jets(network, x), points, list(network.parameters()))


WAYS = {
    "nested": gradient(nested),
    "jets": gradient(on_jets),
    "jets, no grad": forward,
    "jets, rows": jacobian,
}


def measure(case: int, way: str, threads: int) -> tuple[float, float]:
    """Median milliseconds and extra peak megabytes."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    chosen = CASES[case]
    network = chosen.network().to(chosen.dtype)
    points = torch.rand(chosen.points, 2, dtype=chosen.dtype)
    step = WAYS[way]
    step(network, points[:50].clone())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(9):
        start = time.perf_counter()
        step(network, points)
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return statistics.median(times[2:]) * 1e3, peak / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    print(f"{'network':24s}{'points':>7s}" + "".join(f"{way:>22s}" for way in WAYS) + "   ratio")
    for position, case in enumerate(CASES):
        found = []
        for way in WAYS:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found.append(pool.apply(measure, (position, way, threads)))
        cells = "".join(f"{ms:12.1f} ms {mb:4.0f} MB" for ms, mb in found)
        ratio = f"{found[0][0] / found[1][0]:.2f}x, memory {found[0][1] / max(found[1][1], 1):.1f}x"
        print(f"{case.name:24s}{case.points:7d}{cells}   {ratio}", flush=True)


if __name__ == "__main__":
    main()
