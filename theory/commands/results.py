"""What every compilation ends with: a run directory, and its summary as a table or as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sciformer.runs import Run


def publish(
    arguments: argparse.Namespace,
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    write: Callable[[Run], object] = lambda run: None,
) -> Path:
    """Writes the files of a compilation into a run, and prints its summary.

    Args:
        arguments: of the command, of which `out` and `json` are read.
        config: of the run.
        summary: results; those that are objects are printed as tables of their own.
        write: writes everything but configuration and summary.

    Returns:
        The directory of the run, empty or absent if anything failed.
    """
    from sciformer.cli.console import print_json, print_table
    from sciformer.runs import Run

    with Run.whole(arguments.out, "compile", config) as run:
        write(run)
        metrics = {**summary, "path": str(run.path)}
        run.write_json("summary.json", metrics)
    if arguments.json:
        print_json(metrics)
        return run.path
    parts = {name: value for name, value in metrics.items() if isinstance(value, Mapping)}
    plain = [[name, value] for name, value in metrics.items() if name not in parts]
    print_table(plain, ["compile", ""])
    for name, part in parts.items():
        print_table([[key, value] for key, value in part.items()], [name, ""])
    return run.path
