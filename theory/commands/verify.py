"""Re-check a certificate of a layer, a flow or a solution, with code of its own."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path

from sciformer.errors import UsageError

NO_PROOF = 3
"""Exit status when everything that was looked at holds, but not everything was looked at."""

EPILOG = """examples:
  sciformer verify runs/product
  sciformer verify runs/product --share 0.1
  sciformer verify runs/proven/certificate --json

It runs on the CPU only, whose rounding the bounds count."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the directory and how much of it to check."""
    parser.epilog = EPILOG
    parser.add_argument(
        "path", type=Path, help="a directory written by compile, or the certificate of a solution"
    )
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        metavar="S",
        help="share of the boxes of a formula's layer to check, drawn at random; below 1 is "
        "no proof (exit status 3)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Verifies and reports; a certificate that does not hold is an error."""
    start = time.perf_counter()
    if (arguments.path / "flow.json").is_file():
        return _flow(arguments)
    from sciformer.cli.registry import entries

    for name, entry in entries("verifiers").items():  # of other packages, by their file
        if (arguments.path / f"{name}.json").is_file():
            return int(entry.load().run(arguments))
    from sciformer.cli.console import Progress, note, print_json, print_table
    from theory.universal.verifier.verify import verify

    with Progress(total=1.0, label="verify") as progress:
        result = verify(arguments.path, share=arguments.share, report=progress.update)
    metrics = {**asdict(result), "seconds": time.perf_counter() - start}
    if arguments.json:
        print_json(metrics)
    else:
        verdict = "no proof" if result.bound is None else "holds"
        print_table([[name, value] for name, value in metrics.items()], ["verify", verdict])
    if result.bound is None:
        note(f"{result.share:.2g} of the leaves were checked; this is no proof")
        return NO_PROOF
    return 0


def _flow(arguments: argparse.Namespace) -> int:
    """Verifies a compiled differential equation."""
    start = time.perf_counter()
    if arguments.share != 1.0:
        raise UsageError(
            "sciformer verify: --share is for layers of formulas, whose boxes can be drawn; all "
            "layers of a flow are needed for its bound, so leave it out."
        )
    from sciformer.cli.console import Progress, print_json, print_table
    from theory.flows.verifier.verify import verify_flow

    with Progress(total=1.0, label="verify") as progress:
        result = verify_flow(arguments.path, report=progress.update)
    metrics = {**asdict(result), "seconds": time.perf_counter() - start}
    if arguments.json:
        print_json(metrics)
    else:
        print_table([[name, value] for name, value in metrics.items()], ["verify", "holds"])
    return 0
