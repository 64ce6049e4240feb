"""Attention cores beside what they replace: CPU time of one thread, ratios within one run.

    OMP_NUM_THREADS=1 python -m benchmarks.attention_cores            all of it
    OMP_NUM_THREADS=1 python -m benchmarks.attention_cores reach      one part

Parts: reach (causal attention and windows against every pair), ragged (unequal lengths against
padding), regions (cells and regions on trained heads of a wake network, with error and bound), wake
(which layers learn a flow from 32 sensors, three seeds), stream (memory over 10^5 frames), cores
(times, pairs and errors by length). Medians of interleaved runs; a target stands beside each ratio.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from sciformer.attention import (
    Causal,
    Core,
    Mask,
    MultiheadAttention,
    NoPosition,
    Padding,
    Patch,
    Ragged,
    Scoring,
    Window,
    attend,
    attend_ragged,
    certified_attend,
    kd_order,
)
from sciformer.attention.cores import (
    Cells,
    ExactMass,
    LearnedMass,
    Materialised,
    Regions,
    RowBlocks,
    SplitKeys,
    ToeplitzRows,
)
from sciformer.attention.masks import EVERYWHERE, Reach
from sciformer.cli.console import print_table
from sciformer.mixers import Latents, LinearAttention, MixerSizes, Parallel, find_mixer
from sciformer.mixers.protocol import State

HEADS, WIDTH = 4, 16


class Unreaching(Causal):
    """A causal mask that does not tell how far it reaches: every pair is visited."""

    def reach(self) -> Reach:
        return EVERYWHERE


def cpu(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def medians(ways: Sequence[Callable[[], object]], repeats: int = 5) -> list[float]:
    """Median CPU seconds of each way; they take turns."""
    for way in ways:
        way()
    rounds = [[cpu(way) for way in ways] for _ in range(repeats)]
    return [sorted(times)[repeats // 2] for times in zip(*rounds, strict=True)]


def heads(n: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(n)
    return [torch.randn(1, HEADS, n, WIDTH, generator=generator) for _ in range(3)]


def reach() -> None:
    """Causal attention in half the time, a window in its share."""
    rows, n = [], 4096
    masks: list[tuple[str, Mask, str]] = [
        ("causal", Causal(), "0.6"),
        ("window 64", Window(64), "0.1"),
    ]
    for backward in (False, True):
        parts = [part.requires_grad_(backward) for part in heads(n)]

        def run(mask: Mask, parts: list[Tensor] = parts, backward: bool = backward) -> None:
            with torch.set_grad_enabled(backward):
                output = attend(*parts, mask=mask, core=RowBlocks())
            if backward:
                output.sum().backward()

        every, *some = medians(
            [lambda: run(Unreaching()), *(lambda m=mask: run(m) for _, mask, _ in masks)]
        )
        for (name, _, target), found in zip(masks, some, strict=True):
            what = "forward and backward" if backward else "forward"
            rows.append((name, n, what, f"{1e3 * every:.0f}", f"{found / every:.2f}", target))
    print_table(rows, ("mask", "n", "what", "all pairs, CPU ms", "ratio", "target at most"))


def ragged() -> None:
    """A batch of one sequence of 2,048 and 31 of 64 tokens, and two others."""
    rows = []
    layer = MultiheadAttention(64, HEADS)
    batches = {
        "16 of 256": [256] * 16,
        "32 of 16 to 512": [16 * (i + 1) for i in range(32)],
        "one of 2,048, 31 of 64": [2048, *[64] * 31],
    }
    for name, lengths in batches.items():
        sequences = Ragged(torch.randn(sum(lengths), 64), tuple(lengths))
        padded, exists = sequences.padded()

        def packed(sequences: Ragged = sequences) -> object:
            return attend_ragged(layer, sequences)

        def with_padding(padded: Tensor = padded, exists: Tensor = exists) -> object:
            return layer(padded, mask=Padding(exists))

        with torch.no_grad():
            one, other = medians([packed, with_padding], 5)
        target = "30" if "2,048" in name else ""
        pairs = len(lengths) * max(lengths) ** 2 / sum(n * n for n in lengths)
        rows.append((name, f"{1e3 * one:.0f}", f"{other / one:.1f}", f"{pairs:.1f}", target))
    print_table(rows, ("lengths", "packed, CPU ms", "padded / packed", "pairs", "target at least"))


class Flow:
    """A street of vortices on mesh points in k-d order; 32 of them carry sensors.

    u = U + sum_k of Gaussian vortices of alternating sign that drift and grow: a manufactured
    flow, so that no file of data is needed.
    """

    def __init__(self, points: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        cloud = torch.rand(points, 2, generator=generator) * torch.tensor([8.0, 4.0])
        cloud[:, 1] -= 2
        self.points = kd_order(cloud, 16).sort(cloud)
        self.seen = torch.zeros(points)
        self.seen[torch.randperm(points, generator=generator)[:32]] = 1

    def fields(self, time: float) -> Tensor:
        """(points, 2): velocities less their mean flow."""
        velocity = torch.zeros_like(self.points)
        for k in range(-2, 12):
            age = k + time % 1
            centre = torch.tensor([0.8 * age, 0.35 * (-1) ** (k + int(time))])
            apart, radius = self.points - centre, 0.35 + 0.03 * max(age, 0.0)
            strength = (-1) ** (k + int(time)) * torch.exp(-apart.square().sum(-1) / radius**2)
            velocity += strength[:, None] * torch.stack([-apart[:, 1], apart[:, 0]], -1) / radius
        return velocity

    def snapshots(self, times: Sequence[float]) -> tuple[Tensor, Tensor]:
        """Tokens (b, points, 13) and fields (b, points, 2)."""
        wanted = torch.stack([self.fields(time) for time in times])
        x = self.points / torch.tensor([8.0, 2.0])
        waves = torch.cat(
            [x, *(f(torch.pi * s * x) for s in (2, 4) for f in (torch.sin, torch.cos))], -1
        )
        fixed = torch.cat([waves, self.seen[:, None]], -1).expand(len(times), -1, -1)
        return torch.cat([fixed, self.seen[:, None] * wanted], -1), wanted


class Network(nn.Module):
    """Two residual blocks of a token mixer and a perceptron."""

    def __init__(self, *mixers: nn.Module, inputs: int = 13, width: int = 32) -> None:
        super().__init__()
        self.start, self.end = nn.Linear(inputs, width), nn.Linear(width, 2)
        self.mixers = nn.ModuleList(mixers)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * len(mixers)))
        self.perceptrons = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width)) for _ in mixers
        )

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.start(tokens)
        pairs = zip(self.mixers, self.perceptrons, strict=True)
        for i, (mixer, perceptron) in enumerate(pairs):
            x = x + mixer(self.norms[2 * i](x))
            x = x + perceptron(self.norms[2 * i + 1](x))
        result: Tensor = self.end(x)
        return result


class Local(nn.Module):
    """Full attention inside blocks of consecutive points."""

    def __init__(self, width: int, heads: int, block: int) -> None:
        super().__init__()
        self.block, self.attention = block, MultiheadAttention(width, heads)

    def forward(self, x: Tensor) -> Tensor:
        cells = torch.unflatten(x, 1, (-1, self.block))
        found: Tensor = self.attention(cells).flatten(1, 2)
        return found


class Training:
    """Steps of Adam on the points without sensors; settings fixed before any run."""

    def __init__(self, network: nn.Module, flow: Flow, seed: int) -> None:
        self.network, self.hidden = network, (1 - flow.seen)[:, None]
        self.generator = torch.Generator().manual_seed(seed)
        self.tokens, self.wanted = flow.snapshots([0.1 * i for i in range(80)])
        self.unseen = flow.snapshots([8 + 0.1 * i for i in range(20)])
        # In one call for all parameters: else its many small ones cost more than a cheap mixer.
        self.optimiser = torch.optim.Adam(network.parameters(), 3e-3, fused=True)

    def step(self) -> None:
        some = torch.randint(len(self.tokens), (2,), generator=self.generator)
        apart = self.network(self.tokens[some]) - self.wanted[some]
        loss = (apart * self.hidden).square().mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def error(self, steps: int) -> float:
        """Relative error on unseen snapshots after some steps."""
        for _ in range(steps):
            self.step()
        tokens, wanted = self.unseen
        with torch.no_grad():
            apart = (self.network(tokens) - wanted) * self.hidden
        return float(apart.norm() / (wanted * self.hidden).norm())


def kinds(width: int = 32, heads: int = 4) -> dict[str, Callable[[], list[nn.Module]]]:
    def full() -> nn.Module:
        return MultiheadAttention(width, heads, core=Materialised())

    def local() -> nn.Module:
        return Local(width, heads, 16)

    return {
        "full, full": lambda: [full(), full()],
        "local, full": lambda: [local(), full()],
        "local, latents": lambda: [local(), Parallel(Latents(width, heads, 32))],
        "regions of learned mass": lambda: [
            MultiheadAttention(width, heads, core=Regions(16, LearnedMass(heads))) for _ in range(2)
        ],
        "regions of exact mass": lambda: [
            MultiheadAttention(width, heads, core=Regions(16, ExactMass())) for _ in range(2)
        ],
        "linear": lambda: [Parallel(LinearAttention(width, heads, causal=False)) for _ in range(2)],
    }


def wake(steps: int = 600) -> None:
    """Which layers learn 512 points of a vortex street from 32 sensors, three seeds."""
    made, rows = kinds(), []
    first = [Training(Network(*make()), Flow(512, 0), 0) for make in made.values()]
    took = medians([training.step for training in first], 15)
    for (name, make), seconds in zip(made.items(), took, strict=True):
        errors = []
        for seed in range(3):
            torch.manual_seed(seed)
            errors.append(Training(Network(*make()), Flow(512, seed), seed).error(steps))
        shown = f"{1e3 * seconds:.0f}", f"{seconds / took[0]:.2f}"
        rows.append((name, *(f"{error:.3f}" for error in errors), *shown))
    head = "layers", "seed 0", "seed 1", "seed 2", "CPU ms a step", "of full, full"
    print_table(rows, head)
    print("target: local, latents within 10 % of the best error at a quarter of full, full's time")


def regions(steps: int = 600) -> None:
    """Trained full heads evaluated by cells and regions at 4,096 points: time, error, bound."""
    torch.manual_seed(0)
    network = Network(*(MultiheadAttention(32, HEADS) for _ in range(2)))
    Training(network, Flow(512, 0), 0).error(steps)
    flow, rows = Flow(4096, 0), []
    tokens, _ = flow.snapshots([8.0])
    with torch.no_grad():
        x = network.start(tokens)
        for layer, mixer in enumerate(network.mixers):
            assert isinstance(mixer, MultiheadAttention)
            parts = mixer.project(network.norms[2 * layer](x))
            exact = attend(*parts)
            ways: dict[str, Cells | Regions] = {
                "cells": Cells(),
                "regions of 16": Regions(16),
                "regions of 64": Regions(64),
            }

            def run(core: Core | None, parts: Sequence[Tensor] = parts) -> Tensor:
                return attend(*parts, core=core)

            (smooth,) = medians([lambda r=run: r(RowBlocks())], 3)  # type: ignore[misc]
            for name, core in ways.items():
                pair = [lambda r=run, c=one: r(c) for one in (None, core)]
                full, took = medians(pair, 7)
                found = certified_attend(*parts, core=core)
                error = (found.output - exact).norm() / exact.norm()
                bound = found.bound.mean() / exact.norm(dim=-1).mean()
                ratios = f"{full / took:.1f}", f"{smooth / took:.1f}"
                rows.append((layer, name, *ratios, f"{error:.1e}", f"{bound:.1e}"))
            x = x + mixer(network.norms[2 * layer](x))
            x = x + network.perceptrons[layer](network.norms[2 * layer + 1](x))
    print_table(
        rows,
        ("layer", "core", "attend / core", "row blocks / core", "relative error", "relative bound"),
    )
    print("target: at least 4 times as fast as attend with an error of at most 1 %")


def stream(frames: int = 100_000) -> None:
    """Numbers kept by a stream after 10^3 and after 10^5 frames."""
    rows = []
    for name in ("linear", "window", "lmu"):
        mixer = find_mixer("benchmark", name)(MixerSizes(16, 2, 64, before=64)).eval()
        state, kept = mixer.init_state(1), {}
        token = torch.randn(1, 16)
        with torch.no_grad():
            start = time.process_time()
            for t in range(1, frames + 1):
                _, state = mixer.step(token, state)
                if t in (1000, frames):
                    kept[t] = _numbers(state)
        took = (time.process_time() - start) / frames
        rows.append((name, *kept.values(), f"{1e6 * took:.0f}"))
    print_table(rows, ("mixer", "after 1,000", f"after {frames:,}", "CPU us a frame"))


def _numbers(state: State) -> int:
    return sum(part.numel() if isinstance(part, Tensor) else _numbers(part) for part in state)


def cores() -> None:
    """CPU milliseconds, pairs and error against the matrix, by length."""
    rows = []
    for n in (256, 1024, 4096):
        parts = heads(n)
        ways = {
            "row blocks": RowBlocks(),
            "split keys": SplitKeys(1024),
            "Toeplitz rows": ToeplitzRows(),
            "regions": Regions(int(n**0.5)),
            "cells": Cells(),
            "automatic": None,
        }
        scoring = Scoring(Patch(n, n), n, NoPosition())
        with torch.no_grad():
            exact = attend(*parts, core=RowBlocks())
            for name, core in ways.items():

                def run(core: object = core, parts: list[Tensor] = parts) -> Tensor:
                    return attend(*parts, core=core)  # type: ignore[arg-type]

                (took,) = medians([run], 3)
                error = float((run() - exact).norm() / exact.norm())
                pairs = "" if core is None else core.pairs(scoring)
                rows.append((n, name, f"{1e3 * took:.1f}", pairs, f"{error:.0e}"))
    print_table(rows, ("n", "core", "forward, CPU ms", "pairs", "error"))


PARTS = {part.__name__: part for part in (reach, ragged, regions, wake, stream, cores)}


def main() -> None:
    torch.set_num_threads(1)
    for name in sys.argv[1:] or PARTS:
        print(f"\n{name}: {PARTS[name].__doc__}")
        PARTS[name]()


if __name__ == "__main__":
    main()
