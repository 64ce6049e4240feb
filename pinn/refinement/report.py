"""Report of a refinement, and the error estimated from its steps."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Iterate:
    """A solution on the way: the trained network first, then one for each step.

    Attributes:
        validation: weighted mean square of the residual on points that nothing was fitted to.
        change: relative L2 distance to the iterate before, on these points; 0 for the first.
        seconds: since the refinement began.
    """

    validation: float
    change: float
    seconds: float


@dataclass(frozen=True)
class Report:
    """Report of a refinement.

    Attributes:
        neurons: number of them, 0 if there was no refinement.
        polynomials: number of them for each field, 0 if they were no improvement.
        points: collocation points.
        scale: of the random weights that were kept.
        scales: the validation residual of the linearised problem for each scale that was tried.
        iterates: the trained network and what each step made of it; the last is what is kept.
        stopped: why there was no further step.
        error_estimate: relative L2 error of the last iterate, see `estimate`; None without a step.
        seconds: of the whole refinement.
    """

    neurons: int
    polynomials: int
    points: int
    scale: float
    scales: dict[str, float]
    iterates: tuple[Iterate, ...]
    stopped: str
    error_estimate: float | None
    seconds: float

    @property
    def steps(self) -> int:
        """Number of steps that were kept."""
        return max(0, len(self.iterates) - 1)

    @property
    def validation(self) -> float:
        """The validation residual of what is kept; infinite if nothing was done."""
        return self.iterates[-1].validation if self.iterates else float("inf")

    def summary(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)


def estimate(
    iterates: tuple[Iterate, ...], amplification: float = 0.0, least: float = 0.0
) -> float | None:
    """The estimated error of the last iterate.

        error_last = max(least, amplification sqrt(validation_last))

    The amplification says how strongly this problem turns residuals into errors. It is what two
    layers disagree on over what they leave. Where there were no two, a step takes an iterate k to a
    much better one, so that its change is nearly the error of k, and its residual is known as well:

        amplification = max_k change_{k+1} / sqrt(validation_k)

    which is three to ten times as much, because a trained network is wrong in what the equation
    hardly feels. It is an estimate, and no bound: residuals of equal size and another shape may
    weigh more.

    Args:
        iterates: of a refinement.
        amplification: from layers that disagree; 0 where there are no two.
        least: what no residual shows: the smooth part of the error as far as it is open, see
            `SmoothError`, and rounding.
    """
    factors = [
        after.change / math.sqrt(before.validation)
        for before, after in itertools.pairwise(iterates)
        if before.validation > 0
    ]
    if not factors:
        return None
    return max(least, (amplification or max(factors)) * math.sqrt(iterates[-1].validation))
