"""Whether a linear problem has solutions beside the one that is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinn.problem.spectral.collocation import attempt
from pinn.problem.spectral.null_direction import null_direction
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.problem.problem import Problem

# What is left of a direction, relative to its terms, that is 0: a problem that is so near to a
# resonance loses all of six digits.
DEPENDENT = 1e-6


def check_uniqueness(problem: Problem) -> None:
    """Refuses a linear problem that 0 does not solve alone without its sources.

    Args:
        problem: only one in a box of one to three coordinates is looked at, with linear equations
            and conditions, whatever they take from elsewhere; an evolution is determined by its
            start.

    Raises:
        UsageError: the sentence says so.
    """
    if _is_evolution(problem):
        return
    collocation = attempt(problem)
    if collocation is None or not collocation.is_linear:
        return
    try:
        direction = null_direction(collocation, DEPENDENT)
    except ArithmeticError:
        return  # a place at which it degenerates
    if direction is not None:
        raise UsageError(
            f"{problem.name}: without its known terms the equation has solutions other than 0 that "
            f"satisfy all conditions (it is at resonance), so there are many solutions or "
            f"none; change a coefficient or a condition, or let the coefficient be an unknown and "
            f"add a condition that fixes the size."
        )


def _is_evolution(problem: Problem) -> bool:
    """Whether a start determines what follows: nothing is linked, and time has one end."""
    is_open = problem.time is not None and problem.time not in problem.periodic
    return is_open and not problem.functionals and len(problem.coordinates) > 1
