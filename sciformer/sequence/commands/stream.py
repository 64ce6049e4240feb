"""Run a trained sequence model on a stream, frame by frame."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from sciformer.sequence.latency import Latencies
    from sciformer.sequence.streaming import Streamer

EPILOG = """examples:
  sciformer stream runs/words --input hello.wav
  arecord -f S16_LE -r 16000 -t wav | sciformer stream runs/words --input -
  producer | sciformer stream runs/signal --input - --json
  sciformer stream runs/signal --input first.csv --save-state state.safetensors
  sciformer stream runs/signal --input second.csv --load-state state.safetensors

A csv line is a frame; a npy array holds frames (n, features); 16-bit wav at 16 kHz becomes log-mel
frames. The first bytes say which it is; - is stdin, read as it comes. The answer is one line a
frame: its number, the class, its probability."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from sciformer.cli.arguments import add_json_argument, positive_integer

    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, help="run directory of `sciformer train`")
    parser.add_argument(
        "--input", required=True, metavar="FILE", help="csv, npy or wav; - is stdin"
    )
    parser.add_argument(
        "--save-state", type=Path, metavar="FILE", help="write the state at the end"
    )
    parser.add_argument("--load-state", type=Path, metavar="FILE", help="go on from a saved state")
    parser.add_argument("--threads", type=positive_integer, default=1, metavar="N", help="1")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Streams, prints a prediction a frame and the latencies at the end."""
    from sciformer.cli.arguments import set_threads
    from sciformer.cli.console import note, print_json
    from sciformer.sequence.saved import load_model
    from sciformer.sequence.sources import frames
    from sciformer.sequence.streaming import Streamer

    set_threads(arguments.threads)
    model, choice = load_model(arguments.run)
    streamer = Streamer(model)
    if arguments.load_state:
        streamer.load(arguments.load_state)
    source = frames(arguments.input, choice.features)
    latencies, last = _predict(streamer, source, choice.classes, quiet=arguments.json)
    if arguments.save_state:
        streamer.save(arguments.save_state)
    percentiles = _percentiles(latencies)
    if arguments.json:
        print_json({"frames": streamer.frames, **last, **percentiles})
    else:
        note("  ".join(f"{key} {value}" for key, value in percentiles.items()))


def _predict(
    streamer: Streamer, source: Iterator[Tensor], classes: tuple[str, ...], *, quiet: bool
) -> tuple[Latencies, dict[str, Any]]:
    """Latencies, and the last prediction."""
    import sys
    import time

    from sciformer.cli.console import printable
    from sciformer.sequence.latency import Latencies

    dtype = streamer.model.head.weight.dtype
    latencies = Latencies()
    last: dict[str, Any] = {"class": None, "probability": None}
    for frame in source:
        start = time.perf_counter()
        probabilities = streamer.push(frame.to(dtype).unsqueeze(0))[0]
        latencies.add(time.perf_counter() - start)
        best = int(probabilities.argmax())
        last = {"class": classes[best], "probability": float(probabilities[best])}
        if not quiet:
            name = printable(classes[best])
            sys.stdout.write(f"{streamer.frames}\t{name}\t{last['probability']:.6f}\n")
            sys.stdout.flush()
    return latencies, last


def _percentiles(latencies: Latencies) -> dict[str, float | None]:
    names = {"latency_us_median": 50, "latency_us_95": 95, "latency_us_99": 99}
    found = {name: latencies.percentile(percent) for name, percent in names.items()}
    return {name: value and round(value, 1) for name, value in found.items()}
