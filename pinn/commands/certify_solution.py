"""The part of `sciformer solve` that estimates and proves errors."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from pinn.problem.problem import Problem
    from pinn.settings import Settings
    from pinn.solution import Solution
    from sciformer.runs import Run

# A network whose enclosures stay narrow, and a wide layer on it that costs some seconds to enclose.
WIDTH, LAYERS, NEURONS = 16, 2, 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments on errors without a reference."""
    from sciformer.cli.arguments import positive_number

    parser.add_argument(
        "--estimate-error",
        action="store_true",
        help="then estimate the relative L2 error by a correction or a second solve, for problems "
        "without a reference (up to half of the time again, or twice the time)",
    )
    parser.add_argument(
        "--certify",
        type=positive_number,
        metavar="BOUND",
        help="then prove that the L1 error is at most BOUND at every time, and write a "
        "certificate that `sciformer verify` checks; for u_t + f(u)_x = a u_xx + source between "
        "two walls (exit status 3 if the proof does not get there)",
    )


def provable(advised: Settings) -> Settings:
    """The settings with a network for which a proof is quick."""
    from pinn.networks import MLP
    from pinn.refinement.refine import Refiner

    network = MLP.Sizes(width=WIDTH, layers=LAYERS)
    digits = Refiner(neurons=NEURONS, polynomials=0)
    return dataclasses.replace(advised, network=network, digits=digits)


def refuse_unprovable(problem: Problem, settings: Settings) -> None:
    """Refuses, before any training, problems for which no proof is known.

    Raises:
        UsageError: the equation, a condition or the network.
    """
    from pinn.assembly import build_trial
    from pinn.certificates.claiming import claim_of

    claim_of(problem, build_trial(problem, settings))


def certify(solution: Solution, tolerance: float, run: Run) -> dict[str, Any]:
    """Proves a bound, writes its certificate into the run, and completes the summary.

    Returns:
        `proven`, a bound or None, and `not_proven`, why; whether it is within the tolerance.
    """
    from pinn.certificates.proving import prove_error
    from sciformer.cli.console import Progress
    from sciformer.errors import CertificateError

    path = run.path / "certificate"
    found: dict[str, Any] = {"tolerance": tolerance, "proven": None, "not_proven": ""}
    try:
        with Progress(total=1.0, label="certify") as progress:
            bound = prove_error(
                solution.problem,
                solution.trial,
                tolerance,
                path,
                report=lambda share, boxes: progress.update(share, boxes=boxes),
            )
    except CertificateError as error:
        found["not_proven"] = str(error)
    else:
        found |= {"proven": bound.summary(), "certificate": str(path)}
        if bound.bound > tolerance:
            found["not_proven"] = (
                f"what is proven, {bound.bound:.2e}, is more than the {tolerance:g} "
                "requested; train longer, or with a larger network"
            )
    summary = run.read_json("summary.json") or {}
    run.write_json("summary.json", {**summary, **found})
    return found
