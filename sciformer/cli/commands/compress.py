"""Make a trained model smaller, and report the loss of accuracy.

Each compressor is a command of its own, with `configure` and `run`, announced in the entry-point
group `sciformer.compressions` by the kind of the runs that it takes.
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
    """The compressor for the run among the words; None if no word is a run directory.

    Raises:
        DataError: a run that nobody compresses, or a first word that is not a run directory.
    """
    return by_kind.of_run("compressions", words, "compress", "nothing to make smaller")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of a call that names no run."""
    parser.epilog = by_kind.kinds("compressions", "compress")
    parser.add_argument("run", type=Path, help="a run directory")
    parser.add_argument(
        "--how", metavar="NAME", help="way to make it smaller; see sciformer compress RUN --help"
    )


def run(arguments: argparse.Namespace) -> None:
    """Says why the run cannot be made smaller."""
    Run.open(arguments.run)
    raise DataError(f"compress: {arguments.run} cannot be read as a run directory; check the path.")
