"""Re-check the certificate of a solution, with code that shares nothing with its prover."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict


def run(arguments: argparse.Namespace) -> int:
    """Verifies and reports; a certificate that does not hold is an error."""
    from pinn.certificates.verifier.verify import verify_solution
    from sciformer.cli.console import Progress, print_json, print_table
    from sciformer.errors import UsageError

    if arguments.share != 1.0:
        raise UsageError(
            "sciformer verify: --share is for layers of formulas; the bound of a solution is a sum "
            "over all boxes, so leave it out."
        )
    begun = time.perf_counter()
    with Progress(total=1.0, label="verify") as progress:
        result = verify_solution(arguments.path, report=progress.update)
    metrics = {**asdict(result), "seconds": time.perf_counter() - begun}
    if arguments.json:
        print_json(metrics)
    else:
        print_table([[name, value] for name, value in metrics.items()], ["verify", "holds"])
    return 0
