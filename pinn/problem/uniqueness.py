"""Whether a linear problem has solutions beside the one that is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from pinn.problem.orders import order_of
from pinn.problem.reading import difference
from pinn.problem.spectral.collocation import attempt
from pinn.problem.spectral.null_direction import null_direction
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.problem.problem import Problem

# What is left of a direction, relative to its terms, that is 0: a problem that is so near to a
# resonance loses all of six digits.
DEPENDENT = 1e-6


def check_uniqueness(problem: Problem) -> None:
    """Refuses a linear problem that 0 does not solve alone without its sources.

    Args:
        problem: only one of one to three coordinates is looked at, with linear equations and
            conditions, whatever they take from elsewhere; an evolution is determined by its start.

    Raises:
        UsageError: the sentence says so.
    """
    if is_evolution(problem):
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


def is_determined(problem: Problem) -> bool:
    """Whether what is known at one end says all that follows: an initial value problem, whose
    equations and conditions name the highest derivatives without a choice.
    """
    if problem.functionals or (len(problem.coordinates) > 1 and not is_evolution(problem)):
        return False
    if len({problem.domain.part(c.on) for c in problem.conditions}) > 1 and not problem.time:
        return False
    ends = [c.equation for c in problem.conditions]
    return not problem.periodic and all(
        _is_linear_in_highest(difference(form), problem.fields)
        for form in (*problem.equations, *ends)
    )


def is_explicit(problem: Problem) -> bool:
    """Whether equations in one coordinate name the highest derivatives without a choice.

    u'^2 = 1 does not: both u' = 1 and u' = -1 satisfy it, at each place anew.
    """
    [coordinate] = problem.coordinates
    orders = {field: order_of(problem, field, coordinate) for field in problem.fields}
    symbols = {f.diff(coordinate, n): sympy.Dummy() for f, n in orders.items() if n}
    forms = [sympy.sympify(difference(e)).doit().xreplace(symbols) for e in problem.equations]
    highest = set(symbols.values())
    return not any(form.diff(s).free_symbols & highest for form in forms for s in highest)


def _is_linear_in_highest(form: Any, fields: Sequence[Any]) -> bool:
    """Whether the highest derivatives of each field in an expression stand there linearly."""
    named = sympy.sympify(form).doit()
    for field in fields:
        found = [d for d in named.atoms(sympy.Derivative) if d.expr == field]
        top = max((int(d.derivative_count) for d in found), default=0)
        highest = [d for d in found if int(d.derivative_count) == top] or [field]
        named = named.xreplace({d: sympy.Dummy() for d in found if d not in highest})
        names = {d: sympy.Dummy() for d in highest}
        named = named.xreplace(names).xreplace({field: names.get(field, sympy.Dummy())})
        if any(named.diff(n).has(*names.values()) for n in names.values()):
            return False
    return True


def is_evolution(problem: Problem) -> bool:
    """Whether a start determines what follows: nothing is linked, and time has one end."""
    is_open = problem.time is not None and problem.time not in problem.periodic
    return is_open and not problem.functionals and len(problem.coordinates) > 1
