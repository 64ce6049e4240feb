"""Write what a run has made for other programs: solutions, and models of sequences.

Each exporter is a command of its own, with `configure` and `run`, announced in the entry-point
group `sciformer.exports` by the kind of the runs that it takes.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sciformer.cli.registry import entries
from sciformer.errors import DataError
from sciformer.runs import Run
from sciformer.runs.run import CONFIG

SOLVE = "solve"


def choose(words: Sequence[str]) -> Any:
    """The exporter for the run among the words; None if no word is a run directory.

    Raises:
        DataError: a run that nobody exports.
    """
    named = (word for word in words if not word.startswith("-"))
    path = next((word for word in named if os.path.isfile(os.path.join(word, CONFIG))), None)
    if path is None:
        return None
    run, exporters = Run.open(path), entries("exports")
    # The kind of a solve is its problem, of which there is no end.
    kind = SOLVE if run.kind not in exporters and "problem" in run.config else run.kind
    if kind not in exporters:
        raise DataError(
            f"export: {path} is a run of {run.kind!r}, which has nothing to export; name a run of "
            f"{' or '.join(exporters)}."
        )
    return exporters[kind].load()


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of a call that names no run."""
    lines = [f"  {kind:<8}{entry.summary()}" for kind, entry in entries("exports").items()]
    parser.epilog = "\n".join(
        ["by the kind of the run:", *lines, "`sciformer export RUN --help` shows its options."]
    )
    parser.add_argument("run", type=Path, help="a run directory")
    parser.add_argument("--format", required=True, metavar="NAME", help="see sciformer export RUN")


def run(arguments: argparse.Namespace) -> None:
    """Says why the run cannot be exported."""
    Run.open(arguments.run)
    raise DataError(f"export: {arguments.run} cannot be read as a run directory; check the path.")
