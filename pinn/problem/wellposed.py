"""Whether a problem has the conditions that its equations need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Face
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.problem.problem import Problem


def check_conditions(problem: Problem) -> None:
    """Refuses a problem with fewer conditions than the orders of its derivatives ask for.

    A field with n derivatives in time needs n conditions at the start. A field with two or more
    derivatives in a direction of space that is not periodic needs a condition at both ends of it;
    in a domain that is no box, one somewhere on the boundary. This is what most problems need, not
    a proof that a solution exists; measured data take the place of conditions.

    Raises:
        UsageError: a condition is missing; the sentence says which.
    """
    for field in [] if problem.data else problem.fields:
        for coordinate, name in zip(problem.coordinates, problem.domain.coordinates, strict=True):
            order = _order(problem, field, coordinate)
            if name == problem.time:
                _check_start(problem, field, order)
            elif order >= 2 and name not in problem.periodic:
                _check_ends(problem, field, name)


def _check_start(problem: Problem, field: Any, order: int) -> None:
    start = f"t={problem.domain.intervals['t'][0]:g}"
    given = [
        c
        for c in problem.conditions
        if _is_about(c.equation, field) and problem.domain.part(c.on).is_called(start)
    ]
    if len(given) < order:
        t = problem.coordinates[problem.domain.coordinates.index("t")]
        example = field if not given else field.diff(t)
        raise UsageError(
            f"{problem.name}: {field} is differentiated {_times(order)} in t and has "
            f"{len(given) or 'no'} condition{'s' if len(given) != 1 else ''} at the start; add for "
            f'example Condition(Eq({example}, ...), on="{start}").'
        )


def _check_ends(problem: Problem, field: Any, name: str) -> None:
    given = [problem.domain.part(c.on) for c in problem.conditions if c.equation.has(field)]
    faces = [
        part.name
        for part in problem.domain.parts()
        if isinstance(part, Face) and part.coordinate == name
    ]
    space = [p.name for p in problem.domain.parts() if not _is_time(p, problem.time)]
    missing = [face for face in faces if not any(part.is_called(face) for part in given)]
    if not faces and not any(part.is_called(name) for part in given for name in space):
        missing = space[:1]
    if missing:
        raise UsageError(
            f"{problem.name}: {field} is differentiated twice or more in {name} and has no "
            f"condition on {', '.join(missing)}; add for example "
            f'Condition(Eq({field}, ...), on="{missing[0]}"), or periodic=("{name}",).'
        )


def _order(problem: Problem, field: Any, coordinate: Any) -> int:
    """The highest derivative of a field in a coordinate."""
    orders = [
        count
        for equation in problem.equations
        for derivative in sympy.sympify(equation).atoms(sympy.Derivative)
        for variable, count in derivative.variable_count
        if derivative.expr == field and variable == coordinate
    ]
    return max(map(int, orders), default=0)


def _is_about(equation: Any, field: Any) -> bool:
    return bool(equation.has(field))


def _is_time(part: Any, time: str | None) -> bool:
    return isinstance(part, Face) and part.coordinate == time


def _times(order: int) -> str:
    return {1: "once", 2: "twice"}.get(order, f"{order} times")
