"""The question of an identification: which parameters are unknown, and how noisy samples are."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pinn.data.noise import noise_of_samples
from pinn.problem.parts import Unknown
from sciformer.errors import DataError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.data.cloud import Cloud
    from pinn.problem.problem import Problem

# Clean samples are weighted by this share of their standard deviation: no network of a thousand
# numbers represents a field better, and tighter samples would pull the unknowns.
LEAST_NOISE = 1e-3


def with_unknown(problem: Problem, starts: Mapping[str, float | None]) -> Problem:
    """The problem with some of its parameters to be found.

    Args:
        problem: whose equations hold the parameters.
        starts: where each unknown starts; None for its value in the problem, which is then a guess
            and no truth.

    Raises:
        UsageError: an unknown without any start, or whose typical size may be 0.
    """
    symbols = {str(s): s for s in problem.symbols}
    values = problem.parameter_values
    unknown = dict(problem.unknown)
    for name, start in starts.items():
        if name not in symbols:
            raise unknown_name(problem.name, "parameter", name, symbols)
        guess = values[name] if start is None else start
        known = problem.unknown.get(symbols[name])
        size = abs(guess) or (known.size if known else abs(values[name]))
        if not 0 < size < math.inf:
            raise UsageError(
                f"{problem.name}: {name} starts at {guess:g}, which says nothing about its size; "
                f"give a guess, as in --unknown {name}=0.5."
            )
        unknown[symbols[name]] = Unknown(size, guess)
    return replace(problem, unknown=unknown)


def with_noise(cloud: Cloud, level: float | None = None) -> Cloud:
    """The samples with a noise level.

    Args:
        cloud: whose noise is not known.
        level: standard deviation of the noise of every quantity; 0 for clean samples, None for an
            estimate from the samples themselves.
    """
    if level is not None and not 0 <= level < math.inf:
        raise DataError(f"{cloud.name}: a noise level must be >= 0; got {level:g}.")
    levels = {}
    for name, values in cloud.values.items():
        least = LEAST_NOISE * (float(values.std()) or float(abs(values).max()) or 1.0)
        found = noise_of_samples(cloud.points, values) if level is None else level
        levels[name] = max(found, least)
    return replace(cloud, noise=levels)
