"""Checks that a problem has the conditions that its equations need, and is not degenerate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy
import torch

from pinn.geometry.box import Face
from pinn.problem.agreement import check_places
from pinn.problem.characteristics import check_characteristics
from pinn.problem.consistency import check_consistency, independent_on
from pinn.problem.counting import changes_with_a_constant, check_counts, check_unknowns
from pinn.problem.directions import check_directions, faces_of
from pinn.problem.functional_checks import check_functionals, is_full, touched
from pinn.problem.functionals import at_the_point, holds
from pinn.problem.orders import conditions_needed, order_of
from pinn.problem.reading import difference
from pinn.problem.singular_ends import free_ends
from pinn.problem.sizes import summands
from pinn.problem.smoothness import jumps
from pinn.problem.solvability import check_solvability
from pinn.problem.uniqueness import check_uniqueness
from pinn.references.exact import evaluate
from sciformer.errors import DomainError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.geometry.base import Part
    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem

# Points of a part at which it is looked whether a condition holds there.
PROBES = 32
# Normals along a coordinate below this are 0 but for rounding.
ROUNDING = 1e-9


def check_conditions(problem: Problem) -> None:
    """Refuses a problem with fewer or more conditions than its derivatives ask for.

    A field with n derivatives in time needs n conditions at the start, or all of them at the end. A
    field with two or more derivatives in a direction of space that is not periodic needs a
    condition at both ends of it; in a domain that is not a box, one somewhere on the boundary. In
    all, the conditions at the ends of a coordinate must be as many as the order of the equations in
    it; those that follow from others are not counted. More are allowed for each unknown parameter
    and where a closed form meets them all, and one less at an end where the equation degenerates. A
    transported quantity is given where the flow enters. A field of which only derivatives occur
    needs a gauge, and a problem that 0 solves has no other answer. Equations and conditions must
    not contradict each other. This is what most problems need, not a proof that a solution exists;
    measured data take the place of conditions.

    Raises:
        UsageError: a condition is missing, too much or contradicts another; the sentence says
            which.
        DataError: data lie outside of the domain.
    """
    _refuse_jumps(problem)
    check_functionals(problem)
    check_consistency(problem)
    check_places(problem)
    if problem.data:
        return
    if len(problem.equations) < len(problem.fields):
        raise UsageError(
            f"{problem.name}: {len(problem.equations)} equation"
            f"{'s' if len(problem.equations) > 1 else ''} cannot determine the "
            f"{len(problem.fields)} fields {', '.join(problem.field_names)}; add an equation for "
            f"each, or measured data."
        )
    ends = {
        name: free_ends(problem, coordinate, name)
        for coordinate, name in zip(problem.coordinates, problem.domain.coordinates, strict=True)
    }
    for field in problem.fields:
        for coordinate, name in zip(problem.coordinates, problem.domain.coordinates, strict=True):
            order = order_of(problem, field, coordinate)
            if name in problem.periodic:
                continue
            free = ends[name]
            if name == problem.time:
                _check_start(problem, field, order - len(free))
            elif order >= 2:
                _check_ends(problem, field, name, order, free)
    check_counts(problem)
    check_directions(problem, ends)
    check_characteristics(problem)
    _refuse_free_constants(problem)
    _refuse_zero(problem)
    check_unknowns(problem)
    check_uniqueness(problem)
    check_solvability(problem)


def _on(problem: Problem, face: Face) -> list[Condition]:
    return [c for c in problem.conditions if problem.domain.part(c.on) == face]


def _check_start(problem: Problem, field: Any, order: int) -> None:
    faces = faces_of(problem, problem.time or "")
    starts = [face for face in faces if face.outward < 0]
    full = [c for c in problem.conditions if holds(c.equation, field) and is_full(problem, c)]
    given = [c for face in starts for c in _on(problem, face) if c in full]
    ends = [c for face in faces for c in _on(problem, face) if c in full]
    if len(ends) >= order or _are_enough(problem, faces):
        return  # all at the end, as for the price of an option, or shared by both
    if len(given) < order and starts:
        t = problem.coordinates[problem.domain.coordinates.index(problem.time or "")]
        example = field if not given else field.diff(t)
        raise UsageError(
            f"{problem.name}: {field} is differentiated {_times(order)} in {t} and has "
            f"{len(given) or 'no'} condition{'s' if len(given) != 1 else ''} at the start; add for "
            f'example Condition(Eq({example}, ...), on="{starts[0].name}").'
        )


def _are_enough(problem: Problem, faces: Sequence[Face]) -> bool:
    """Whether systems in one coordinate have all conditions, some fields having none of their own.

    Algebraic equations take the place of some: x' = v, v' = f, x = sin t needs none at all.
    """
    if len(problem.coordinates) > 1 or len(problem.fields) == 1:
        return False
    needed = conditions_needed(problem, problem.coordinates[0])
    given = sum(len(independent_on(problem, face)) for face in faces)
    return needed is not None and given >= needed


def _check_ends(problem: Problem, field: Any, name: str, order: int, free: Sequence[Face]) -> None:
    faces = faces_of(problem, name)
    holding = [c for c in problem.conditions if holds(c.equation, field) and is_full(problem, c)]
    given = [part for c in holding for part in touched(problem, c)]
    if len(problem.coordinates) == 1 and sum(part in faces for part in given) >= order - len(free):
        return  # an initial value problem in a coordinate of any name
    if len(problem.fields) > 1 and len(problem.coordinates) == 1:
        return  # counted over all fields
    missing = [face.name for face in faces if face not in (*given, *free)]
    missing += _uncovered(problem, name, given)
    if missing:
        raise UsageError(
            f"{problem.name}: {field} is differentiated twice or more in {name} and has no "
            f"condition on {', '.join(missing)}; add for example "
            f'Condition(Eq({field}, ...), on="{missing[0]}"), or periodic=("{name}",).'
        )


def _uncovered(problem: Problem, name: str, given: Sequence[Part]) -> list[str]:
    """Names of the parts that bound a coordinate, are no faces of it, and lie on none of those
    given.
    """
    axis = problem.domain.coordinates.index(name)
    found: dict[str, tuple[Part, torch.Tensor]] = {}
    for called, part in problem.domain.named_parts().items():
        if isinstance(part, Face) or part in given:
            continue
        try:
            points = part.sample(PROBES)
        except DomainError:
            continue  # nothing is left of it
        across = part.normal(points)[:, axis].abs() > ROUNDING
        is_held = torch.stack([across & one.contains(points) for one in (part, *given)])
        if bool((is_held[0] & ~is_held[1:].any(0)).any()):
            found[called] = part, points
    # An edge says more than the polygon that it belongs to.
    return [
        called
        for called, (part, _) in found.items()
        if not any(bool(part.contains(p).all()) for q, p in found.values() if q is not part)
    ]


def _refuse_free_constants(problem: Problem) -> None:
    """Refuses a field of which only derivatives occur, as it is determined up to a constant."""
    stated = (*problem.equations, *(c.equation for c in problem.conditions))
    forms = [difference(equation) for equation in stated]
    for field, name in zip(problem.fields, problem.field_names, strict=True):
        bare = any(changes_with_a_constant(form, field) for form in forms)
        if not bare and name not in problem.gauge and field not in problem.ansatz:
            raise UsageError(
                f"{problem.name}: only derivatives of {field} occur, so it is determined only up "
                f'to a constant; give its value somewhere, or set gauge=("{name}",), which '
                "compares fields after subtracting their means."
            )


def _refuse_zero(problem: Problem) -> None:
    """Refuses a homogeneous problem, which is solved by 0, and would be by any network."""
    if problem.ansatz:
        return
    stated = (*problem.equations, *(c.equation for c in problem.conditions))
    forms = [at_the_point(difference(equation)) for equation in stated]
    nothing = dict.fromkeys(problem.fields, sympy.Integer(0))
    if all(evaluate(form.subs(nothing)) == 0 for form in forms):
        raise UsageError(
            f"{problem.name}: {', '.join(f'{f} = 0' for f in problem.fields)} satisfies all "
            f"equations and conditions, and is what a network would find; for an eigenfunction "
            f"add a normalisation, such as a slope that is not 0 at one end, and let its value be "
            f"found, as by unknown={{E: Unknown(size=1, start=1)}}."
        )


def _refuse_jumps(problem: Problem) -> None:
    """Refuses a coefficient that jumps, which loses its derivative where sympy applies the product
    rule.
    """
    for equation in problem.equations:
        for term in summands(difference(equation)):
            known = [f for f in sympy.Mul.make_args(term) if not f.has(sympy.Derivative)]
            known = [f for f in known if not f.has(*[h.func for h in problem.fields])]
            for function, name in jumps(sympy.Mul(*known), problem.coordinates):
                steep = [
                    d
                    for d in term.atoms(sympy.Derivative)
                    if sum(n for v, n in d.variable_count if str(v) == name) >= 2
                ]
                if steep:
                    raise UsageError(
                        f"{problem.name}: {function} jumps in {name} and stands before {steep[0]}; "
                        f"sympy drops the derivative of a jump. Make the flux a field of its own, "
                        f"q = coefficient * slope with an equation for the derivative of q; or, "
                        f"if this equation is meant as it stands, divide it by the coefficient."
                    )


def _times(order: int) -> str:
    return {1: "once", 2: "twice"}.get(order, f"{order} times")
