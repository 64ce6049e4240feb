"""Re-check the certificate of a compiled layer with independent arithmetic."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the directory and how much of it to check."""
    parser.add_argument("path", type=Path, help="a directory written by compile")
    parser.add_argument(
        "--leaves", type=int, default=3000, metavar="N", help="most boxes to check, default 3000"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="chooses the share")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Verifies and reports; a certificate that does not hold is an error."""
    start = time.perf_counter()
    import numpy as np

    from sciformer.cli.console import Progress, print_json, print_table
    from theory.universal.verifier.verify import verify

    with Progress(total=1.0, label="verify") as progress:
        result = verify(
            arguments.path,
            most_leaves=arguments.leaves,
            generator=np.random.default_rng(arguments.seed),
            report=progress.update,
        )
    figures = {**asdict(result), "seconds": time.perf_counter() - start}
    if arguments.json:
        print_json(figures)
    else:
        print_table([[name, value] for name, value in figures.items()], ["verify", "holds"])
    return 0
