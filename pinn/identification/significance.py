"""Whether an unknown was found: its interval against what it does in its equation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pinn.identification.estimate import rounded
from pinn.problem.effects import balanced_at
from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.problem.problem import Problem

# A term of at most this share of the others of its equation is as good as none, where the sizes of
# terms are known by their order of magnitude.
NEGLIGIBLE = 0.1
# Sizes are orders of magnitude: one of them more is none.
FAR_SMALLER = 0.1


def significance(problem: Problem, values: Mapping[str, float], name: str, half: float) -> str:
    """Remark on an unknown whose interval holds 0; empty where it does not.

    An unknown may well be 0, so that its value is no measure of its interval. That is the value at
    which its term is as large as the others of its equation.

    Args:
        problem: with the samples.
        values: of all unknowns.
        name: of one of them.
        half: half-width of its interval.
    """
    if half <= abs(values[name]):
        return ""
    balanced = balanced_at(problem, values)[name]
    share = (abs(values[name]) + half) / balanced if balanced else math.inf
    if share <= NEGLIGIBLE:
        return (
            f"{name} cannot be distinguished from 0: within its interval its term is at most "
            f"{share:.2g} of the others of its equation."
        )
    return (
        f"{name} is undetermined: within its interval, {rounded(values[name], half)}, its term may "
        f"be {share:.2g} times as large as the others of its equation; give more samples, less "
        "noise, or conditions that the fields meet."
    )


def far_below_size(name: str, value: float, half: float, size: float) -> str:
    """Remark on an unknown that is far smaller than it was said to be; empty where it is not.

    Equations are held to a share of the sizes of their terms, which the sizes of the unknowns set.
    """
    if not half < abs(value) < FAR_SMALLER * size:
        return ""
    return (
        f"{name} was found as {value:.3g}, and its size was given as {size:.3g}, so the equations "
        f"were held loosely; start from {name} = {value:.2g} for a narrower interval."
    )


def refuse_untold(
    problem: Problem, values: Mapping[str, float], deviations: Mapping[str, float]
) -> None:
    """Refuses samples that leave an unknown as uncertain as it is large.

    Raises:
        DataError: the sentence names it.
    """
    sizes = {str(s): given.size for s, given in problem.unknown.items()}
    for name, value in values.items():
        deviation = deviations[name]
        if deviation <= max(abs(value), sizes[name]):
            continue
        # The size is a guess of the user, and the value may be 0.
        if deviation > NEGLIGIBLE * balanced_at(problem, values)[name]:
            raise DataError(
                f"{problem.name}: these samples do not tell {name}: its standard deviation is "
                f"{deviation:.3g} at a value of {value:.3g}; give more samples where it acts, less "
                "noise, or conditions that the fields meet, or train longer."
            )
