"""Whether what is known in a problem balances, so that it can have a solution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinn.problem.kept import kept
from pinn.problem.spectral.balance import balance_of
from pinn.problem.uniqueness import is_evolution
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.problem.problem import Problem
    from pinn.problem.spectral.balance import Balance


def check_solvability(problem: Problem) -> None:
    """Refuses sources and boundary values that contradict each other as a whole.

    Where functions other than 0 solve a problem without its known terms, as constants do where
    only slopes are given, these have to be orthogonal to such functions of the adjoint problem: a
    plate that is heated and insulated all round has no steady temperature.

    Args:
        problem: its linear equations and conditions are looked at, in a box, a region of the plane
            or what is extruded from one; an evolution is determined by its start, and a closed form
            has been checked.

    Raises:
        UsageError: the sentence says what does not balance.
    """
    found = None if problem.exact or is_evolution(problem) else _balance(problem)
    if found is None or found.is_even:
        return
    if found.equation is None:
        raise UsageError(
            f"{problem.name}: there is no solution, because what is known contradicts itself: "
            f"multiplied with certain functions and integrated over the domain and its boundary, "
            f"all that is unknown in the equations and conditions cancels, and {found.left:.2g} of "
            f"the known terms is left; change a source, a condition or a coefficient."
        )
    raise UsageError(
        f"{problem.name}: there is no solution, because what is known does not balance: the mean "
        f"of {problem.equations[found.equation]} over the domain is decided by what is given on "
        f"the boundary, which asks for known terms of mean {found.wanted:.4g} on its right-hand "
        f"side where they have {found.mean:.4g}; the integral of the source must equal the flux "
        f"through the walls, so change one of them."
    )


def are_tied(problem: Problem, more: int) -> bool:
    """Whether so many conditions beyond the orders of the equations are known to agree.

    Moments that fix the rigid motions of a free beam, for example, beside four conditions that say
    nothing of them.
    """
    if len(problem.coordinates) > 1:
        return False
    found = _balance(problem)
    return found is not None and found.is_even and found.ways >= more


def _balance(problem: Problem) -> Balance | None:
    return kept(problem, "balance", lambda: balance_of(problem))
