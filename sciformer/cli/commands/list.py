"""List what is installed: commands, problems, claims."""

from __future__ import annotations

import argparse

from sciformer.cli.arguments import add_json_argument
from sciformer.cli.console import print_json, print_table
from sciformer.cli.registry import KINDS, entries


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("kind", nargs="?", choices=KINDS, help="what to list (default: everything)")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    """Prints what entry points offer."""
    kinds = [arguments.kind] if arguments.kind else KINDS
    found = {kind: entries(kind) for kind in kinds}
    if arguments.json:
        described = {
            kind: {
                name: {"summary": entry.summary(), "distribution": entry.distribution}
                for name, entry in group.items()
            }
            for kind, group in found.items()
        }
        print_json(described)
        return
    rows = [
        (kind, name, entry.summary())
        for kind, group in found.items()
        for name, entry in group.items()
    ]
    print_table(rows, ("kind", "name", "what it is"))
