"""Jets beside nested automatic differentiation: time and peak memory of a residual and gradient.

    python -m benchmarks.jets [--threads 1] [--cases PINNsFormer MLP ...]

Cases are chosen by what their names begin with; all by default.

Burgers' residual u_t + u u_x - 0.003 u_xx and the parameter gradient of its mean square. Times are
medians of steps in turns; memory is the most that five steps take in a process of their own.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.timing import medians, peak_megabytes
from pinn.jets import Jet, Operators, residual_jacobian
from pinn.networks import Wavelet
from sciformer.attention import MultiheadAttention
from sciformer.hardware import PROCESSOR

HEAT = "t-0.003xx"  # u_t and u_xx occur together only, so one channel carries both
OPERATORS = Operators(("x", "t"), ("x", HEAT))


Activation = Callable[[], nn.Module]


def perceptron(*sizes: int, activation: Activation = nn.Tanh) -> nn.Sequential:
    """Linear layers with an activation between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


class Block(nn.Module):
    """Attention to a memory and a feed-forward network, both residual."""

    def __init__(self, width: int, hidden: int, activation: Activation) -> None:
        super().__init__()
        self.before_attention, self.before_channels = activation(), activation()
        self.attention = MultiheadAttention(width, 2)
        self.feed_forward = perceptron(width, hidden, hidden, width, activation=activation)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.before_attention(x), memory)
        return x + self.feed_forward(self.before_channels(x))


class Transformer(nn.Module):
    """PINNsFormer's architecture, five tokens of pseudo-time; only the queried one is decoded."""

    def __init__(self, width: int, hidden: int, head: int, activation: Activation) -> None:
        super().__init__()
        self.register_buffer("shift", torch.stack([torch.zeros(5), 0.1 * torch.arange(5)], 1))
        self.embedding = nn.Linear(2, width)
        self.encoder, self.decoder = (Block(width, hidden, activation) for _ in range(2))
        self.after_encoder, self.after_decoder = activation(), activation()
        self.head = perceptron(width, head, head, 1, activation=activation)

    def forward(self, points: Tensor) -> Tensor:
        x = self.embedding(points.unsqueeze(-2) + self.shift)
        memory = self.after_encoder(self.encoder(x))
        return self.head(self.after_decoder(self.decoder(x[..., :1, :], memory)))[..., 0, :]


@dataclass(frozen=True)
class Case:
    """One network at one size."""

    name: str
    network: Callable[[], nn.Module]
    points: int
    dtype: torch.dtype


def transformer(
    width: int, hidden: int, head: int, activation: Activation = nn.Tanh
) -> Callable[[], nn.Module]:
    """What makes a transformer of these sizes."""
    return lambda: Transformer(width, hidden, head, activation)


CASES = [
    Case(
        "PINNsFormer: 32/256/512 wavelet", transformer(32, 256, 512, Wavelet), 1000, torch.float32
    ),
    Case("32/256/512 tanh", transformer(32, 256, 512), 1000, torch.float32),
    Case("32/32/32 wavelet", transformer(32, 32, 32, Wavelet), 2000, torch.float64),
    Case("32/32/32 tanh", transformer(32, 32, 32), 2000, torch.float64),
    Case("8/10/10 tanh", transformer(8, 10, 10), 2000, torch.float64),
    Case("MLP 4x50 tanh", lambda: perceptron(2, 50, 50, 50, 50, 1), 2000, torch.float64),
    Case("MLP 4x20 tanh", lambda: perceptron(2, 20, 20, 20, 20, 1), 2000, torch.float64),
]


def on_jets(network: nn.Module, points: Tensor) -> Tensor:
    """The residual by one pass of jets."""
    u = network(Jet.coordinates(points, OPERATORS))[:, 0]
    return u.derivative(HEAT) + u.value * u.derivative("x")


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


def in_blocks(network: nn.Module, points: Tensor) -> None:
    """The same, a block of points at a time, as `LeastSquares` has it; nested could do it too."""
    network.zero_grad(set_to_none=True)
    for part in points.split(PROCESSOR.block_points or 1):
        (on_jets(network, part).square().sum() / len(points)).backward()


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
    "jets, in blocks": in_blocks,
    "jets, no grad": forward,
    "jets, rows": jacobian,
}


def steps(case: Case, threads: int) -> dict[str, Callable[[int], None]]:
    """By way, a step on the first so many points."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = case.network().to(case.dtype)
    points = torch.rand(case.points, 2, dtype=case.dtype)
    return {
        name: functools.partial(lambda way, count: way(network, points[:count].clone()), way)
        for name, way in WAYS.items()
    }


def milliseconds(case: Case, threads: int) -> list[float]:
    """Of a step each way."""
    ready = [functools.partial(step, case.points) for step in steps(case, threads).values()]
    return [1e3 * seconds for seconds in medians(*ready, runs=7)]


def megabytes(position: int, way: str, threads: int) -> float:
    """Of steps at full size."""
    case = CASES[position]
    step = steps(case, threads)[way]
    step(20)
    return peak_megabytes(lambda: step(case.points))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", nargs="*", default=[""])
    given = parser.parse_args()
    header = "network (d/FFN/head)"
    print(
        f"{header:32s}{'points':>7s}" + "".join(f"{way:>22s}" for way in WAYS) + "   nested / jets"
    )
    for position, case in enumerate(CASES):
        if not case.name.startswith(tuple(given.cases)):
            continue
        memory = []
        for way in WAYS:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                memory.append(pool.apply(megabytes, (position, way, given.threads)))
        found = list(zip(milliseconds(case, given.threads), memory, strict=True))
        cells = "".join(f"{ms:12.1f} ms {mb:4.0f} MB" for ms, mb in found)
        ratios = [
            f"{found[0][0] / ms:.2f}x, memory {found[0][1] / max(mb, 1):.1f}x"
            for ms, mb in found[1:3]
        ]
        print(f"{case.name:32s}{case.points:7d}{cells}   {'; in blocks '.join(ratios)}", flush=True)


if __name__ == "__main__":
    main()
