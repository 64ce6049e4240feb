"""Numbers of conditions at the ends of coordinates and on curved parts, against orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Face
from pinn.problem.consistency import independent_on
from pinn.problem.directions import faces_of, named
from pinn.problem.functional_checks import is_full
from pinn.problem.functionals import functionals_in
from pinn.problem.orders import conditions_needed, order_of
from pinn.problem.reading import difference
from pinn.problem.singular_ends import free_ends
from pinn.problem.solvability import are_tied, check_solvability
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.geometry.base import Part
    from pinn.problem.problem import Problem

# Points of a part at which it is looked which coordinates it bounds.
PROBES = 32
# Normals along a coordinate below this are 0 but for rounding.
ROUNDING = 1e-9


def check_counts(problem: Problem) -> None:
    """Refuses fewer or more conditions than the equations have orders.

    Raises:
        UsageError: the sentence says where, and how many are needed.
    """
    for coordinate, name in zip(problem.coordinates, problem.domain.coordinates, strict=True):
        if name in problem.periodic:
            _check_seam(problem, name)
        else:
            _check_count(problem, coordinate, name)
    for part in {problem.domain.part(c.on): None for c in problem.conditions}:
        if not isinstance(part, Face):
            _check_rim(problem, part)


def check_unknowns(problem: Problem) -> None:
    """Refuses parameters that are to be found along one coordinate and that nothing decides.

    Raises:
        UsageError: there are fewer conditions beyond the orders than such parameters.
    """
    if not problem.unknown or problem.periodic or len(problem.coordinates) > 1:
        return
    [coordinate], [name] = problem.coordinates, problem.domain.coordinates
    needed = conditions_needed(problem, coordinate)
    if needed is None:
        return
    independent = [c for face in faces_of(problem, name) for c in independent_on(problem, face)]
    more = len(independent) - needed + len(free_ends(problem, coordinate, name))
    if len(problem.unknown) > more:
        names = ", ".join(map(str, problem.unknown))
        raise UsageError(
            f"{problem.name}: {names} {'are' if len(problem.unknown) > 1 else 'is'} to be found, "
            f"and {more or 'no'} condition{'s are' if more > 1 else ' is'} left for that; add a "
            f"condition for each, such as a value inside, or measured data."
        )


def _check_count(problem: Problem, coordinate: Any, name: str) -> None:
    """Checks for as many conditions at both ends together as the equations have orders."""
    faces = faces_of(problem, name)
    needed = conditions_needed(problem, coordinate)
    if not faces or needed is None:
        return
    independent = [c for face in faces for c in independent_on(problem, face)]
    given = sum(is_full(problem, condition) for condition in independent)
    free = len(free_ends(problem, coordinate, name))
    is_transport = all(order_of(problem, f, coordinate) <= 1 for f in problem.fields)
    if is_transport and len(problem.coordinates) > 1 and name != problem.time:
        return  # which of them belong to an end depends on the direction of the flow
    if given < needed - free and not (is_transport and len(problem.coordinates) > 1):
        raise UsageError(
            f"{problem.name}: the equations are of order {needed} in {name} and have "
            f"{given or 'no'} condition{'s' if given != 1 else ''} on {named(faces)} together; "
            f"{needed} are needed, for example the derivatives there that are known."
        )
    more = len(problem.unknown) + sum(_fixes_a_constant(problem, f) for f in problem.fields)
    excess = given - needed - more
    if excess > 0 and any(functionals_in(difference(c.equation)) for c in independent):
        check_solvability(problem)  # a moment is often meant to fix what the equation leaves open
    if excess > 0 and _are_counted(problem) and not are_tied(problem, excess):
        raise UsageError(
            f"{problem.name}: the equations are of order {needed} in {name} and have {given} "
            f"conditions on {named(faces)} together, so {given - needed} too many are given; "
            f"leave out what the solution should decide."
        )


def _check_seam(problem: Problem, name: str) -> None:
    """Refuses what is given at the ends of a periodic coordinate, which are one place inside.

    A field of which only derivatives occur may be held there. Along one coordinate what is given
    may choose among solutions, as the phase of an oscillation does.
    """
    faces = faces_of(problem, name)
    given = [c for face in faces for c in independent_on(problem, face) if is_full(problem, c)]
    more = len(problem.unknown) + sum(_fixes_a_constant(problem, f) for f in problem.fields)
    if len(given) > more and len(problem.coordinates) > 1 and _are_counted(problem):
        raise UsageError(
            f"{problem.name}: {name} is periodic, so that {named(faces)} are one place inside, and "
            f"{given[0].equation} is given there; leave it out, or make {name} not periodic."
        )


def _are_counted(problem: Problem) -> bool:
    """Whether more conditions than orders are a mistake for sure.

    Systems in several coordinates are often given more, as pressure and slopes at an outlet, and
    algebraic equations tie what is given together. A closed form that meets all has been checked.
    """
    is_differential = all(difference(e).has(sympy.Derivative) for e in problem.equations)
    is_one = len(problem.fields) == 1 or len(problem.coordinates) == 1
    return is_differential and is_one and not problem.exact


def _check_rim(problem: Problem, part: Part) -> None:
    """Checks for half as many conditions on a part as the equation has orders across it.

    What bounds a region has as many on all of its parts together as there are orders, and here
    every part is asked for some; more on one would be a solution and its slope, say, of which
    either decides the other.
    """
    normals = part.normal(part.sample(PROBES)).abs() > ROUNDING
    across = [c for c, is_met in zip(problem.coordinates, normals.any(0), strict=True) if is_met]
    order = max(order_of(problem, field, c) for field in problem.fields for c in across)
    given = [c for c in independent_on(problem, part) if is_full(problem, c)]
    excess = len(given) - order // 2 - len(problem.unknown)
    if order % 2 or not order or excess <= 0 or not _are_counted(problem):
        return
    raise UsageError(
        f"{problem.name}: the equation is of order {order} and has {len(given)} conditions on "
        f"{part.name}, where {order // 2} decide{'s' if order == 2 else ''} the solution; leave "
        f"out what it should decide."
    )


def _fixes_a_constant(problem: Problem, field: Any) -> bool:
    """Whether one condition, such as a mean, does no more than fix a constant in a field.

    The others are then as many as the equation has orders and tied to its source: u' = 0 at both
    ends of u'' = f needs an integral of f that is 0.
    """
    equations = [difference(equation) for equation in problem.equations]
    if any(changes_with_a_constant(form, field) for form in equations):
        return False
    conditions = [difference(c.equation) for c in problem.conditions]
    return sum(changes_with_a_constant(form, field) for form in conditions) == 1


def changes_with_a_constant(form: Any, field: Any) -> bool:
    """Whether a constant added to a field changes an expression; u(0) - u(1) stays as it is."""
    functionals = functionals_in(form)
    plain = _without_derivatives(form)
    if not functionals:
        return bool(plain.has(field.func))
    names = {functional: sympy.Dummy() for functional in functionals}
    here = sympy.Dummy()
    named = plain.xreplace(names).xreplace({field: here})
    change = named.diff(here)
    for functional, name in names.items():
        read, number = functional.reading, functional.fields.index(field)
        moved = [k for k, s in read.samples.items() if s.field == number and not any(s.orders)]
        if read.limits and moved:
            return True
        change += named.diff(name) * sum(read.integrand.diff(symbol) for symbol in moved)
    return bool(sympy.simplify(change) != 0)


def _without_derivatives(form: Any) -> Any:
    return form.xreplace({d: sympy.Dummy() for d in form.atoms(sympy.Derivative)})
