"""The exact effect of a Gaussian head on every wave: Poisson's sum, its bound, and aliasing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sciformer.errors import DomainError
from theory.flows.ends import Line

# Aliases beyond this many times n are damped by exp(-nu h (2 pi 12 n / L)^2) of the constant.
_ALIASES = 12


def head_factors(line: Line, variance: float) -> NDArray[np.float64]:
    """The factor by which a Gaussian head multiplies each wave e^{2 pi i k x / P}.

    lambda_k = sum_m g(k + m n) / sum_m g(m n),   g(k) = exp(-variance (2 pi k / P)^2 / 2)

    Args:
        line: n tokens on a ring of length P.
        variance: of the Gaussian, > 0: 2 nu h for heat.

    Returns:
        Shape (n // 2 + 1,), for k = 0 .. n/2; waves k and -k have equal factors.

    Accuracy: exact but for aliases below exp(-12^2 ...) of the first, for sigma >= spacing / 4.
    Source: Poisson's summation formula.
    """
    n = line.ring
    waves = np.arange(n // 2 + 1)[:, None] + n * np.arange(-_ALIASES, _ALIASES + 1)
    damped = np.exp(-variance * (2 * math.pi * waves / line.period) ** 2 / 2)
    return np.asarray(damped.sum(1) / damped[0].sum(), dtype=np.float64)


def head_error_bound(line: Line, variance: float, waves: int) -> float:
    """The error that one head adds to a resolved start: the largest |lambda_k - g(k)| over |k| <=
    waves.

    It is attained: a single wave has exactly this error. For the spectrum c_k of a start the error
    in the sup norm is at most the sum of |c_k| times that of its wave.

    Raises:
        DomainError: waves beyond n/2, which tokens cannot tell from slower ones.
    """
    if 2 * waves > line.ring:
        raise DomainError(
            f"head_error_bound: {line.ring} tokens resolve {line.ring // 2} waves; got {waves}."
        )
    k = np.arange(waves + 1)
    wanted = np.exp(-variance * (2 * math.pi * k / line.period) ** 2 / 2)
    return float(np.abs(head_factors(line, variance)[: waves + 1] - wanted).max())


def stuck_weight(line: Line, variance: float) -> float:
    """The weight a Gaussian head gives to its own token: near 1 it does not move anything.

    w_0 = 1 / (1 + 2 sum_m exp(-(m d)^2 / (2 variance))) on a long ring

    Below sigma = d/2 it exceeds .78 where a heat kernel would leave 2 d / (sqrt(2 pi) d) = .80 and
    falling: the head sticks to its token, and heat stops. Take more tokens or longer steps.
    """
    m = np.arange(1, line.ring // 2 + 1) * line.spacing
    return float(1 / (1 + 2 * np.exp(-(m**2) / (2 * variance)).sum()))


def diffusivity_seen(line: Line, variance: float) -> float:
    """The variance by which a head really spreads, over the one it was asked for.

    sum_m w_m (m d)^2 / variance: 1 - 4 pi^2 (sigma/d)^2 ... exponentially near 1 for sigma > d, and
    exponentially near 0 for sigma << d: the counterexample to "any head of this form diffuses".
    """
    m = np.arange(-(line.ring // 2), line.ring // 2 + 1) * line.spacing
    weights = np.exp(-(m**2) / (2 * variance))
    return float((weights * m**2).sum() / weights.sum() / variance)
