"""Burgers' equation compiled: one head, with a proven bound for every start of a class."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sciformer.errors import ConvergenceError, DomainError
from theory.flows.burgers_bounds import (
    Instant,
    aliasing,
    rise_of_class,
    rounding_bound,
    truncation_bound,
)
from theory.flows.cole_hopf import ColeHopfHead
from theory.flows.record import MOST_BURGERS_TOKENS, MOST_IMAGES
from theory.flows.starts import Starts

# To spare, so that other arithmetic and other strips can confirm the bound.
_SPARE = 1.002


@dataclass(frozen=True)
class CompiledBurgers:
    """One cross-attention head and the bound of its error.

    Args:
        module: maps readings, viscosity and points (x, t) to the solution.
        instant: viscosity and times.
        starts: the class.
        epsilon: what was asked for.
        bound: proven for every start, 0 <= x <= 1, and every t from `earliest` to `latest`.
    """

    module: ColeHopfHead
    instant: Instant
    starts: Starts
    epsilon: float
    bound: float


def compile_burgers(
    starts: Starts,
    epsilon: float,
    *,
    viscosity: float = 0.01,
    earliest: float = 0.1,
    latest: float = 1.0,
) -> CompiledBurgers:
    """One softmax head that solves u_t + u u_x = nu u_xx with period 1, with a proven error.

    Args:
        starts: a class with a bound on the waves.
        epsilon: > 0.
        viscosity: nu.
        earliest: the first time at which the solution is asked for.
        latest: the last.

    Raises:
        DomainError: a class without `waves`, or numbers out of range.
        ConvergenceError: more tokens would be needed than fit.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise DomainError(f"compile_burgers: epsilon must be finite and > 0; got {epsilon:g}.")
    rise = rise_of_class(starts)
    assert starts.waves is not None, "`rise_of_class` refuses other classes"
    size = max(abs(starts.lower), abs(starts.upper))
    instant = Instant(viscosity, earliest, latest, size, starts.slope)
    if instant.images() > MOST_IMAGES:
        raise DomainError(
            f"compile_burgers: starts travel over more than {MOST_IMAGES} periods; "
            "shorten the time."
        )
    tokens = 2 * starts.waves + 1
    while tokens <= MOST_BURGERS_TOKENS:
        missed = aliasing(instant, rise, tokens)
        if missed is not None and _SPARE * missed.bound <= epsilon / 2:
            head = ColeHopfHead(2 * starts.waves + 1, tokens, instant.images())
            cut, more = truncation_bound(instant, tokens, missed.spread)
            rounded = rounding_bound(instant, head, missed.spread + more)
            bound = _SPARE * (missed.bound + cut + rounded)
            if bound <= epsilon:
                return CompiledBurgers(head, instant, starts, epsilon, bound)
            break
        tokens = math.ceil(1.1 * tokens)
    raise ConvergenceError(
        f"compile_burgers: {epsilon:g} is out of reach of float64 or of {MOST_BURGERS_TOKENS} "
        "tokens; raise epsilon, the viscosity or the earliest time, or narrow the class."
    )
