"""Proofs of the error of a solution, and their certificates."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pinn.bounds.error_bound import ErrorBound, Kind, Norm, Theorem
from pinn.certificates.certify import certify
from pinn.certificates.claim import write
from pinn.certificates.claiming import claim_of
from pinn.certificates.verifier.rounding import evaluation_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from pinn.problem.problem import Problem
    from pinn.trial.trial_solution import TrialSolution

CONTRACTION = Theorem("L1 contraction, enclosed", "||e(t)||_1 <= int_0^t ||r(s)||_1 ds")
# Points at which the size of the solution is looked at, which no proof rests on.
LOOK = 4096


def prove_error(
    problem: Problem,
    trial: TrialSolution,
    tolerance: float,
    directory: Path | str | None = None,
    report: Callable[[float, int], None] | None = None,
) -> ErrorBound:
    """A proven bound of the L1 error at every time, for the solution as float64 computes it.

    Args:
        problem: u_t + f(u)_x = a u_xx + source on an interval of x with values at both ends.
        trial: an MLP of tanh units with hard conditions, in float64.
        tolerance: what is wanted; quadrature costs a tenth of it. The bound may come out larger.
        directory: where the certificate is written; None for nowhere.
        report: called with the share of the domain that is done and the number of boxes.

    Raises:
        UsageError: an equation, condition or network that no proof is known for.
        CertificateError: too many boxes.
    """
    claim = certify(claim_of(problem, trial), tolerance, report)
    claim = dataclasses.replace(claim, rounding=evaluation_error(claim))
    if directory is not None:
        write(claim, Path(directory))
    width = float(claim.high[0] - claim.low[0])
    total = (claim.bound + width * claim.rounding) * (1 + 2.0**-40)
    points = problem.domain.sample(LOOK)
    size = float(trial.at(points).abs().mean()) * width
    return ErrorBound(
        bound=total,
        norm=Norm.L1,
        kind=Kind.PROVEN,
        theorem=CONTRACTION,
        constants={
            "int |r|": claim.bound,
            "rounding": claim.rounding,
            "boxes": float(len(claim.orders)),
            "residuals": float(np.square(claim.orders).sum()),
        },
        assumptions=(
            "float64 of IEEE 754, and sin, cos, exp and tanh right to four units in the last place",
            "the exact solution is classical",
        ),
        size=size,
    )
