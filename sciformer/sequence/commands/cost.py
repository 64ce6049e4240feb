"""Compare trained sequence models: accuracy, operations, energy, memory."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

EPILOG = """example:
  sciformer cost runs/lmu runs/attention runs/spiking

All numbers are for one whole sequence with a prediction after each frame. A multiply-accumulate
(MAC) takes 4.6 pJ, an accumulate (AC) 0.9 pJ in 45 nm: arithmetic alone, and ACs by measured spike
rates; reading weights costs more on most hardware.
Runs of any device are read on the CPU."""
COLUMNS = ("accuracy", "parameters", "macs", "acs", "energy_nj", "state_numbers")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    from sciformer.cli.arguments import add_json_argument

    parser.epilog = EPILOG
    parser.add_argument("runs", type=Path, nargs="+", help="run directories of `sciformer train`")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Prints one row per run."""
    from sciformer.cli.console import print_json, print_table

    rows = [_row(path) for path in arguments.runs]
    if arguments.json:
        print_json(rows)
    else:
        print_table([list(row.values()) for row in rows], list(rows[0]))


def _row(path: Path) -> dict[str, Any]:
    from sciformer.errors import DataError
    from sciformer.runs import Run
    from sciformer.sequence.choice import chosen

    run = Run.open(path)
    choice, summary = chosen(run), run.read_json("summary.json")
    if summary is None:
        raise DataError(
            f"cost: the training of {path} has not ended; "
            f"finish it with `sciformer train --resume {path}`."
        )
    counts: list[Any] = []
    if isinstance(summary, dict):
        counts = [summary.get(name) for name in ("macs", "acs")]
    if len(counts) != 2 or not all(type(n) in (int, float) and n >= 0 for n in counts):
        raise DataError(
            f"cost: {path / 'summary.json'} holds no counts of operations; it is damaged, train "
            "the model again."
        )
    named = {"run": str(path), "model": choice.model, "mixer": choice.mixer}
    metrics = {column: summary.get(column) for column in COLUMNS}
    accuracy, operations = summary.get("accuracy"), sum(counts)
    known = type(accuracy) in (int, float) and operations > 0
    per_operation = 1e8 * accuracy / operations if known else None
    return {**named, **metrics, "percent_per_million": per_operation}
