"""Whether a problem has the conditions that its equations need, and what else it must not be."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Face
from pinn.problem.orders import conditions_needed, order_of
from pinn.problem.problem import difference
from pinn.problem.scales import extent, largest, summands
from pinn.problem.smoothness import jumps
from pinn.references.exact import evaluate
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.problem.problem import Condition, Problem

# Points of a face at which a known speed or value is looked at.
PROBES = 64
# Values that differ by less than this share of their size are equal but for rounding.
ROUNDING = 1e-9


def check_conditions(problem: Problem) -> None:
    """Refuses a problem with fewer conditions than the orders of its derivatives ask for.

    A field with n derivatives in time needs n conditions at the start. A field with two or more
    derivatives in a direction of space that is not periodic needs a condition at both ends of it;
    in a domain that is no box, one somewhere on the boundary. In all, the conditions at the ends of
    a coordinate must be as many as the order of the equations in it. A transported quantity is
    given where the flow enters. A field of which only derivatives occur needs a gauge, and a
    problem that 0 solves has no other answer. This is what most problems need, not a proof that a
    solution exists; measured data take the place of conditions.

    Raises:
        UsageError: a condition is missing or contradicts another; the sentence says which.
    """
    _refuse_jumps(problem)
    _refuse_contradictions(problem)
    if problem.data:
        return
    for field in problem.fields:
        for coordinate, name in zip(problem.coordinates, problem.domain.coordinates, strict=True):
            order = order_of(problem, field, coordinate)
            if name in problem.periodic:
                continue
            if name == problem.time:
                _check_start(problem, field, order)
            elif order >= 2:
                _check_ends(problem, field, name, order)
    for coordinate, name in zip(problem.coordinates, problem.domain.coordinates, strict=True):
        if name not in problem.periodic:
            _check_count(problem, coordinate, name)
    _check_inflow(problem)
    _refuse_free_constants(problem)
    _refuse_zero(problem)


def _faces(problem: Problem, name: str) -> list[Face]:
    parts = [part for part in problem.domain.parts() if isinstance(part, Face)]
    return [part for part in parts if part.coordinate == name]


def _on(problem: Problem, face: Face) -> list[Condition]:
    return [c for c in problem.conditions if problem.domain.part(c.on) == face]


def _check_start(problem: Problem, field: Any, order: int) -> None:
    starts = [face for face in _faces(problem, problem.time or "") if face.outward < 0]
    given = [c for face in starts for c in _on(problem, face) if c.equation.has(field)]
    ends = [
        c
        for face in _faces(problem, problem.time or "")
        for c in _on(problem, face)
        if c.equation.has(field)
    ]
    if (given or len(problem.coordinates) == 1) and len(ends) >= order:
        return  # conditions at both ends, as along a retarded time
    if len(given) < order and starts:
        t = problem.coordinates[problem.domain.coordinates.index(problem.time or "")]
        example = field if not given else field.diff(t)
        raise UsageError(
            f"{problem.name}: {field} is differentiated {_times(order)} in {t} and has "
            f"{len(given) or 'no'} condition{'s' if len(given) != 1 else ''} at the start; add for "
            f'example Condition(Eq({example}, ...), on="{starts[0].name}").'
        )


def _check_ends(problem: Problem, field: Any, name: str, order: int) -> None:
    faces = _faces(problem, name)
    given = [problem.domain.part(c.on) for c in problem.conditions if c.equation.has(field)]
    if len(problem.coordinates) == 1 and sum(part in faces for part in given) >= order:
        return  # an initial value problem in a coordinate of any name
    if len(problem.fields) > 1 and len(problem.coordinates) == 1:
        return  # counted over all fields
    space = [p.name for p in problem.domain.parts() if not _is_time(p, problem.time)]
    missing = [face.name for face in faces if face not in given]
    if not faces and not any(part.is_called(other) for part in given for other in space):
        missing = space[:1]
    if missing:
        raise UsageError(
            f"{problem.name}: {field} is differentiated twice or more in {name} and has no "
            f"condition on {', '.join(missing)}; add for example "
            f'Condition(Eq({field}, ...), on="{missing[0]}"), or periodic=("{name}",).'
        )


def _check_count(problem: Problem, coordinate: Any, name: str) -> None:
    """As many conditions at both ends together as the equations have orders."""
    faces = _faces(problem, name)
    needed = conditions_needed(problem, coordinate)
    given = sum(len(_on(problem, face)) for face in faces)
    is_transport = all(order_of(problem, f, coordinate) <= 1 for f in problem.fields)
    if not faces or needed is None or given >= needed:
        return
    if is_transport and len(problem.coordinates) > 1:
        return  # which of them belong to an end depends on the direction of the flow
    raise UsageError(
        f"{problem.name}: the equations are of order {needed} in {name} and have {given or 'no'} "
        f"condition{'s' if given != 1 else ''} on {' and '.join(f.name for f in faces)} together; "
        f"{needed} are needed, for example the derivatives there that are known."
    )


def _check_inflow(problem: Problem) -> None:
    """One transported field, whose speed is known: it is given where the flow enters."""
    if len(problem.equations) != 1 or len(problem.fields) != 1 or problem.time is None:
        return
    [field], gap = problem.fields, difference(problem.equations[0])
    time = problem.coordinates[problem.domain.coordinates.index(problem.time)]
    for coordinate, name in zip(problem.coordinates, problem.domain.coordinates, strict=True):
        orders = order_of(problem, field, coordinate), order_of(problem, field, time)
        if name in (*problem.periodic, problem.time) or orders != (1, 1):
            continue
        speed = gap.diff(field.diff(coordinate)) / gap.diff(field.diff(time))
        if speed.has(field.func) or speed.atoms(sympy.Subs):
            continue
        for face in _faces(problem, name):
            points = face.sample(PROBES)
            slow, fast = extent(problem, -face.outward * speed, points)
            if fast > ROUNDING * max(abs(slow), abs(fast)) and not _on(problem, face):
                raise UsageError(
                    f"{problem.name}: {field} flows in through {face.name} and has no value there; "
                    f'add Condition(Eq({field}, ...), on="{face.name}"), or periodic=("{name}",).'
                )


def _refuse_free_constants(problem: Problem) -> None:
    """A field of which only derivatives occur is determined up to a constant."""
    forms = [difference(e) for e in problem.equations]
    forms += [difference(c.equation) for c in problem.conditions]
    for field, name in zip(problem.fields, problem.field_names, strict=True):
        bare = any(_without_derivatives(form).has(field.func) for form in forms)
        if not bare and name not in problem.gauge and field not in problem.ansatz:
            raise UsageError(
                f"{problem.name}: only derivatives of {field} occur, so that it is determined up "
                f'to a constant; give its value somewhere, or say gauge=("{name}",), by which '
                f"errors are taken after the mean is subtracted."
            )


def _without_derivatives(form: Any) -> Any:
    return form.xreplace({d: sympy.Dummy() for d in form.atoms(sympy.Derivative)})


def _refuse_zero(problem: Problem) -> None:
    """A homogeneous problem is solved by 0, and so would any network solve it."""
    if problem.ansatz:
        return
    forms = [difference(e) for e in problem.equations]
    forms += [difference(c.equation) for c in problem.conditions]
    nothing = dict.fromkeys(problem.fields, sympy.Integer(0))
    if all(evaluate(form.subs(nothing)) == 0 for form in forms):
        raise UsageError(
            f"{problem.name}: {', '.join(f'{f} = 0' for f in problem.fields)} satisfies all "
            f"equations and conditions, and is what a network would find; for an eigenfunction "
            f"add a normalisation, such as a slope that is not 0 at one end, and let its value be "
            f"found, as by unknown={{E: Unknown(size=1, start=1)}}."
        )


def _refuse_contradictions(problem: Problem) -> None:
    heads = [f.func for f in problem.fields]
    for one, other in itertools.combinations(problem.conditions, 2):
        part = problem.domain.part(one.on)
        if part != problem.domain.part(other.on):
            continue
        left, right = (sympy.expand(difference(c.equation)) for c in (one, other))
        for gap in (sympy.expand(left - right), sympy.expand(left + right)):
            if gap.has(*heads) or gap == 0:
                continue
            points = part.sample(PROBES)
            normals = part.normal(points)
            known = [t for t in sympy.Add.make_args(left) if not t.has(*heads)]
            size = largest(problem, sympy.Add(*known), points, normals)
            apart = largest(problem, gap, points, normals)
            if apart > ROUNDING * max(size, apart):
                raise UsageError(
                    f"{problem.name}: {one.equation} and {other.equation} on {one.on} contradict "
                    f"each other by up to {apart:.3g}; leave one out."
                )


def _refuse_jumps(problem: Problem) -> None:
    """A coefficient that jumps loses its derivative where sympy applies the product rule."""
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


def _is_time(part: Any, time: str | None) -> bool:
    return isinstance(part, Face) and part.coordinate == time


def _times(order: int) -> str:
    return {1: "once", 2: "twice"}.get(order, f"{order} times")
