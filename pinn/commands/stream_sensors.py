"""Reconstruct a flow frame by frame from the readings of its sensors."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinn.sensing.sensed import FlowStream

EPILOG = """examples:
  sciformer stream runs/wake --input readings.csv --points points.csv
  producer | sciformer stream runs/wake --input - --points points.csv --json
  sciformer stream runs/wake --input first.csv --points points.csv --save-state state.safetensors
  sciformer stream runs/wake --input next.csv --points points.csv --load-state state.safetensors

A line of the input is a frame: u,v of each sensor in the order of the run's sensors, empty or nan
where one is silent. The answer is one line per frame: its number, then u, v and p at each point.
With --json one object comes at the end, with the fields after the last frame. It runs on the CPU
only, whatever the network was trained on: a frame takes milliseconds."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from sciformer.cli.arguments import add_json_argument, positive_integer

    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, help="run directory of `sciformer learn wake-sensors`")
    parser.add_argument(
        "--input", required=True, metavar="FILE", help="csv file of frames, or - for stdin"
    )
    parser.add_argument(
        "--points",
        type=Path,
        metavar="FILE",
        help="csv file of places, one x,y per line (default: those of the sensors)",
    )
    parser.add_argument(
        "--save-state", type=Path, metavar="FILE", help="write the state at the end"
    )
    parser.add_argument(
        "--load-state", type=Path, metavar="FILE", help="continue from a saved state"
    )
    parser.add_argument(
        "--threads", type=positive_integer, default=1, metavar="N", help="CPU threads (default 1)"
    )
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Streams, prints the fields of each frame and the CPU time of a frame at the end."""
    from pinn.sensing.saved import load
    from pinn.sensing.tables import frames, read_places
    from sciformer.cli.arguments import set_threads
    from sciformer.cli.console import note, print_json

    set_threads(arguments.threads)
    sensed = load(arguments.run)
    points = sensed.places if arguments.points is None else read_places(arguments.points)
    stream = sensed.stream(points)
    if arguments.load_state:
        stream.load(arguments.load_state)
    said: tuple[str, ...] = ()
    spent, fields = 0.0, {}
    first = stream.frames
    with _opened(arguments.input) as (name, file):
        for frame in frames(name, file, len(sensed.places)):
            begun = time.process_time()
            fields = stream.push(frame)
            spent += time.process_time() - begun
            if stream.doubts and stream.doubts != said:
                note(f"frame {stream.frames}: DOUBTFUL: {'; '.join(stream.doubts)}.")
            said = stream.doubts
            if not arguments.json:
                _write(stream, fields)
    if arguments.save_state:
        stream.save(arguments.save_state)
    summary = {
        "frames": stream.frames,
        "noise": stream.noise,
        "doubts": list(stream.doubts),
        "milliseconds": 1e3 * spent / (stream.frames - first),
    }
    if arguments.json:
        print_json({**summary, "fields": {k: v.tolist() for k, v in fields.items()}})
    else:
        note(f"noise {stream.noise:.2%}  {summary['milliseconds']:.2f} CPU ms per frame")


@contextlib.contextmanager
def _opened(source: str) -> Iterator[tuple[str, IO[bytes]]]:
    from sciformer.errors import DataError

    if source == "-":
        yield "stdin", sys.stdin.buffer
        return
    try:
        file = open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(
            f"stream: {source} cannot be read ({error.strerror}); name a csv file of readings."
        ) from error
    with file:
        yield source, file


def _write(stream: FlowStream, fields: dict[str, Any]) -> None:
    numbers = zip(*(column.tolist() for column in fields.values()), strict=True)
    words = [f"{value:.9g}" for point in numbers for value in point]
    sys.stdout.write("\t".join([str(stream.frames), *words]) + "\n")
    sys.stdout.flush()
