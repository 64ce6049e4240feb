"""Show a run directory: configuration, summary, last metrics, files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from sciformer.cli.arguments import add_json_argument
from sciformer.cli.console import print_json, print_table
from sciformer.runs import Run


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Prints the summary of a run."""
    content = _describe(Run.open(arguments.run))
    if arguments.json:
        print_json(content)
        return
    print(f"{content['path']}: {content['kind']}, created {content['created']}")
    for part in ("config", "environment", "summary", "last_metrics", "files"):
        if content[part]:
            print()
            rows = [(key, str(value)) for key, value in content[part].items()]
            print_table(rows, (part.replace("_", " "), ""))


def _describe(run: Run) -> dict[str, Any]:
    lines = run.metrics()
    files = sorted(path for path in run.path.rglob("*") if path.is_file())
    return {
        "path": run.path,
        "kind": run.kind,
        "created": run.created,
        "config": run.config,
        "environment": run.environment,
        "summary": run.read_json("summary.json"),
        "metrics_count": len(lines),
        "last_metrics": lines[-1] if lines else None,
        "files": {str(path.relative_to(run.path)): path.stat().st_size for path in files},
    }
