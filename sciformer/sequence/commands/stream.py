"""Run a trained sequence model on a stream, frame by frame."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from sciformer.sequence.choice import Choice
    from sciformer.sequence.classifier import SequenceClassifier
    from sciformer.sequence.latency import Latencies
    from sciformer.sequence.stopping import Stopping
    from sciformer.sequence.streaming import Streamer

EPILOG = """examples:
  sciformer stream runs/words --input hello.wav
  arecord -f S16_LE -r 16000 -t wav | sciformer stream runs/words --input -
  producer | sciformer stream runs/signal --input - --json
  sciformer stream runs/signal --input first.csv --save-state state.safetensors
  sciformer stream runs/signal --input second.csv --load-state state.safetensors
  sciformer stream runs/signal --input first.csv --until 0.99

A csv line is a frame; a npy array holds frames (n, features); 16-bit wav at 16 kHz becomes log-mel
frames. The first bytes tell which it is; - is stdin, read as it arrives. The answer is one line per
frame: its number, the class, its probability; or the numbers that the model regresses or forecasts.

With --until P the stream stops once the class equals the final one for a share P of all streams;
the threshold is calibrated on the validation split, and its saving is measured on the test split.

One stream is fastest on the CPU, whose kernels read the weights once per frame; they are for the
CPU only. --device runs the model's own step there, and waits for the device once per frame."""


def choose(words: Sequence[str]) -> Any:
    """The command for the run among the words; None for runs of `sciformer train` and others."""
    from sciformer.cli import by_kind
    from sciformer.errors import DataError

    try:
        return by_kind.of_run("streams", words, "stream", "nothing to stream")
    except DataError:
        return None  # which says what is wrong with the run


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from sciformer.cli.arguments import add_json_argument, positive_integer, positive_number

    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, help="run directory of `sciformer train`")
    parser.add_argument(
        "--input", required=True, metavar="FILE", help="csv, npy or wav file, or - for stdin"
    )
    parser.add_argument(
        "--save-state", type=Path, metavar="FILE", help="write the state at the end"
    )
    parser.add_argument(
        "--load-state", type=Path, metavar="FILE", help="continue from a saved state"
    )
    parser.add_argument(
        "--until",
        type=positive_number,
        metavar="SHARE",
        help="stop when the class is final for this share of streams, for example 0.99",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="location of the data for --until, if they have moved",
    )
    parser.add_argument(
        "--threads", type=positive_integer, default=1, metavar="N", help="CPU threads (default 1)"
    )
    parser.add_argument(
        "--device", default="cpu", metavar="NAME", help="cpu (default), cuda or mps"
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Streams, prints one prediction per frame, and the latencies at the end."""
    from sciformer.cli.arguments import resolve_device, set_threads
    from sciformer.cli.console import note, print_json
    from sciformer.sequence.saved import load_model
    from sciformer.sequence.sources import frames
    from sciformer.sequence.streaming import Streamer

    set_threads(arguments.threads)
    model, choice = load_model(arguments.run)
    model.to(resolve_device(arguments.device))
    stopping, report = _stopping(arguments, model, choice)
    streamer = Streamer(model)
    if arguments.load_state:
        streamer.load(arguments.load_state)
    source = frames(arguments.input, choice.features)
    latencies, last = _predict(
        streamer, source, choice.classes, stopping=stopping, quiet=arguments.json
    )
    if arguments.save_state:
        streamer.save(arguments.save_state)
    percentiles = _percentiles(latencies)
    if arguments.json:
        print_json({"frames": streamer.frames, **last, **report, **percentiles})
    else:
        note("  ".join(f"{key} {value}" for key, value in {**report, **percentiles}.items()))


def _stopping(
    arguments: argparse.Namespace, model: SequenceClassifier, choice: Choice
) -> tuple[Stopping | None, dict[str, Any]]:
    """The rule of stopping, if any, and its savings."""
    from dataclasses import asdict

    from sciformer.errors import UsageError
    from sciformer.sequence.chosen_data import load_trained_on
    from sciformer.sequence.compressing import on
    from sciformer.sequence.stopping import calibrate, measure

    if arguments.until is None:
        return None, {}
    if choice.task != "classify":
        raise UsageError(f"sciformer stream: --until is for classes, not to {choice.task}.")
    data = on(load_trained_on(choice, arguments.data), model.head.weight)
    stopping = calibrate(model, data.validation, arguments.until)
    saving = asdict(measure(model, data.test, stopping))
    return stopping, {"threshold": stopping.threshold, **saving}


def _predict(
    streamer: Streamer,
    source: Iterator[Tensor],
    classes: tuple[str, ...],
    *,
    stopping: Stopping | None,
    quiet: bool,
) -> tuple[Latencies, dict[str, Any]]:
    """Latencies, and the last prediction."""
    import sys
    import time

    from sciformer.cli.console import printable
    from sciformer.sequence.latency import Latencies

    latencies = Latencies()
    regresses = streamer.model.task.metric != "accuracy"
    last: dict[str, Any] = {"values": None} if regresses else {"class": None, "probability": None}
    if stopping is not None:
        last["stopped"] = False
    for frame in source:
        start = time.perf_counter()
        answer = streamer.push(frame.unsqueeze(0))[0].cpu()
        latencies.add(time.perf_counter() - start)
        if regresses:
            last["values"] = dict(zip(classes, answer.tolist(), strict=True))
            words = [f"{value:.6g}" for value in answer.tolist()]
        else:
            best = int(answer.argmax())
            last |= {"class": classes[best], "probability": float(answer[best])}
            words = [printable(classes[best]), f"{last['probability']:.6f}"]
        if not quiet:
            sys.stdout.write("\t".join([str(streamer.frames), *words]) + "\n")
            sys.stdout.flush()
        if stopping is not None and stopping.is_sure(last["probability"]):
            last["stopped"] = True
            break
    return latencies, last


def _percentiles(latencies: Latencies) -> dict[str, float | None]:
    names = {"latency_us_median": 50, "latency_us_95": 95, "latency_us_99": 99}
    found = {name: latencies.percentile(percent) for name, percent in names.items()}
    return {name: value and round(value, 1) for name, value in found.items()}
