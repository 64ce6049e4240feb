"""Export a run for other programs: solutions, and models of sequences.

Each exporter is a command of its own, with `configure` and `run`, announced in the entry-point
group `sciformer.exports` by the kind of the runs that it takes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sciformer.cli import by_kind
from sciformer.errors import DataError
from sciformer.runs import Run


def choose(words: Sequence[str]) -> Any:
    """The exporter for the run among the words; None if no word is a run directory.

    Raises:
        DataError: a run that nobody exports, or a first word that is not a run directory.
    """
    return by_kind.of_run("exports", words, "export", "nothing to export")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of a call that names no run."""
    parser.epilog = by_kind.kinds("exports", "export")
    parser.add_argument("run", type=Path, help="a run directory")
    parser.add_argument(
        "--format", required=True, metavar="NAME", help="format; see sciformer export RUN --help"
    )


def run(arguments: argparse.Namespace) -> None:
    """Says why the run cannot be exported."""
    Run.open(arguments.run)
    raise DataError(f"export: {arguments.run} cannot be read as a run directory; check the path.")
