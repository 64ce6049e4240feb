"""Show a run directory: configuration, summary, last metrics, files."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

from sciformer.cli.arguments import add_json_argument
from sciformer.cli.console import print_json, print_table, printable
from sciformer.errors import DataError
from sciformer.runs import Run

# Far above what a run writes; more names nobody reads.
MOST_FILES = 10_000

EPILOG = """examples:
  sciformer show runs/fine
  sciformer show runs/fine --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Prints the summary of a run."""
    content = _describe(Run.open(arguments.run))
    if content["summary"] is not None and not isinstance(content["summary"], dict):
        raise DataError(
            f"show: {arguments.run / 'summary.json'} is not what a run writes; remove it."
        )
    if arguments.json:
        print_json(content)
        return
    print(printable(f"{content['path']}: {content['kind']}, created {content['created']}"))
    for part in ("config", "environment", "summary", "last_metrics", "files"):
        if content[part]:
            print()
            rows = [(key, str(value)) for key, value in content[part].items()]
            print_table(rows, (part.replace("_", " "), ""))


def _describe(run: Run) -> dict[str, Any]:
    lines = run.metrics()
    # A link is named and not followed; a directory of somebody else may hold any number of files.
    found = itertools.islice(run.path.rglob("*"), MOST_FILES)
    files = sorted(path for path in found if path.is_symlink() or path.is_file())
    return {
        "path": run.path,
        "kind": run.kind,
        "created": run.created,
        "config": run.config,
        "environment": run.environment,
        "summary": run.read_json("summary.json"),
        "metrics_count": len(lines),
        "last_metrics": lines[-1] if lines else None,
        "files": {str(path.relative_to(run.path)): path.lstat().st_size for path in files},
    }
