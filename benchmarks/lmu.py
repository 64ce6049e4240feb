"""Legendre memories, spiking neurons and streaming, timed beside what they replace.

    OMP_NUM_THREADS=1 python -m benchmarks.lmu            all of it
    OMP_NUM_THREADS=1 python -m benchmarks.lmu cells      one part: cells, neurons, stream

Medians of interleaved runs, so that a slow moment of the machine meets both sides. SpikingJelly
takes part if it is installed.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import medians
from sciformer.cli.console import table
from sciformer.mixers import LMU, Window
from sciformer.mixers.legendre.evaluation import Size, fastest
from sciformer.mixers.legendre.legendre import fixed_memory
from sciformer.sequence.folding import fold
from sciformer.sequence.presets import make_model
from sciformer.sequence.streaming import Streamer
from sciformer.spiking import LIF
from tests.oracles.lif import lif_loop
from tests.oracles.lmu import PublicFFTCell

# batch, length, order, theta, width of the input, outputs: the shapes of the public models
SHAPES = [
    (32, 128, 256, 128.0, 256, 256),
    (32, 128, 512, 128.0, 256, 256),
    (4, 784, 468, 784.0, 3, 346),
    (4, 1024, 256, 1024.0, 256, 256),
]


def cells() -> None:
    """Forward and backward of the memory with its read-out, and of the whole cell."""
    rows = []
    for b, n, q, theta, d, e in SHAPES:
        public = PublicFFTCell(q, theta, n)
        x = torch.randn(b, n, d, requires_grad=True)
        signal = torch.randn(b, n, 1, requires_grad=True)
        w_u, w_h = (torch.randn(s, requires_grad=True) for s in ((1, d), (e, q + d)))
        readout = torch.randn(e, q, requires_grad=True)
        memory = fixed_memory(q, theta, torch.float32, torch.device("cpu"))
        way, own = fastest(Size(b, n, 1, q, e)), LMU(d, Window(q, theta), hidden=e)
        found = medians(
            lambda public=public, s=signal, w=readout: (public.memory(s) @ w.T).sum().backward(),
            lambda way=way, s=signal, w=readout, m=memory: way(s, m, w).sum().backward(),
            lambda public=public, x=x, u=w_u, h=w_h: public(x, u, h).sum().backward(),
            lambda own=own, x=x: own(x)[0].sum().backward(),
        )
        rows.append(
            (f"B{b} L{n} q{q} {d}->{e}", type(way).__name__, *_pair(found[:2]), *_pair(found[2:]))
        )
    headers = ("shape", "way", "memory: FFT, ms", "ours, ms", "ratio", "cell: FFT", "ours", "ratio")
    print(table(rows, headers))


def neurons() -> None:
    """Forward and backward of LIF over 1024 steps."""
    x = 2 * torch.randn(8, 1024, 64)

    def own() -> None:
        leaf = x.clone().requires_grad_()
        LIF(64)(leaf)[0].sum().backward()

    sides: dict[str, Callable[[], object]] = {
        "naive loop": lambda: lif_loop(x, 2.0, 1.0, LIF(64).surrogate.derivative),
        "ours": own,
    }
    try:
        library = importlib.import_module("spikingjelly.activation_based")
        neuron = importlib.import_module("spikingjelly.activation_based.neuron").LIFNode(
            tau=2.0, detach_reset=True, step_mode="m"
        )

        def jelly() -> None:
            library.functional.reset_net(neuron)
            leaf = x.transpose(0, 1).contiguous().requires_grad_()
            neuron(leaf).sum().backward()

        sides["SpikingJelly"] = jelly
    except ImportError as error:
        print(f"without SpikingJelly ({error})")
    found = dict(zip(sides, medians(*sides.values()), strict=True))
    rows = [(name, 1e3 * value, value / found["ours"]) for name, value in found.items()]
    print(table(rows, ("LIF, B8 T1024 d64", "ms", "over ours")))


@torch.inference_mode()
def stream() -> None:
    """The causal speech-commands preset frame by frame, against recomputing each beginning.

    A frame reads 6 MB of weights, so that its time is at the mercy of what else uses the memory:
    the medians of the quietest and of the slowest of seven passes are shown.
    """
    rows = []
    for family in ("lmuformer", "spiking-lmuformer"):
        model = make_model(family, "causal").eval()
        folded, x = fold(model), torch.randn(1, 2048, 128)
        passes, wholes = [], []
        for _ in range(7):
            frame_us = _frames(Streamer(model), x)
            passes.append([float(np.median(part)) for part in (frame_us[:512], frame_us[-512:])])
            wholes.append(medians(lambda m=folded, x=x[:, :128]: m(x), runs=3)[0])
        (quiet, _), (slow, _) = min(passes), max(passes)
        late, whole = min(late for _, late in passes), min(wholes)
        rows.append((family, quiet, slow, late, 1e3 * whole, 1e6 * whole / quiet))
    headers = (
        "causal preset",
        "frame, us: quietest",
        "slowest",
        "after 1500",
        "128 frames, ms",
        "recomputing over step",
    )
    print(table(rows, headers))


def _frames(streamer: Streamer, x: Tensor) -> list[float]:
    """Microseconds of each frame."""
    times = []
    for frame in x.unbind(1):
        start = time.perf_counter()
        streamer.push(frame)
        times.append(1e6 * (time.perf_counter() - start))
    return times


def _pair(seconds: list[float]) -> tuple[float, float, float]:
    return 1e3 * seconds[0], 1e3 * seconds[1], seconds[0] / seconds[1]


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    parts = {"cells": cells, "neurons": neurons, "stream": stream}
    for name in sys.argv[1:] or parts:
        parts[name]()
        print()
