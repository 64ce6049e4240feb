"""Directions in which an equation in one field carries the values given at its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Face
from pinn.problem.functional_checks import touched
from pinn.problem.functionals import holds
from pinn.problem.orders import order_of
from pinn.problem.reading import difference
from pinn.problem.sizes import extent
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.problem.problem import Problem

# Points of a face at which a known speed is looked at.
PROBES = 64
# Speeds below this share of the largest are 0 but for rounding.
ROUNDING = 1e-9


def check_directions(problem: Problem, free: Mapping[str, Sequence[Face]]) -> None:
    """Refuses a value that is missing where a flow enters, and a diffusion that runs backwards.

    Args:
        problem: only one with one equation, one field and known coefficients of its highest
            derivatives is looked at.
        free: ends of each coordinate at which the equation itself takes the place of a condition.

    Raises:
        UsageError: the sentence says where a value belongs.
    """
    if len(problem.equations) != 1 or len(problem.fields) != 1 or len(problem.coordinates) == 1:
        return
    _check_flow(problem)
    for coordinate, name in zip(problem.coordinates, problem.domain.coordinates, strict=True):
        if name not in problem.periodic:
            _refuse_backwards(problem, coordinate, name, free.get(name, ()))


def faces_of(problem: Problem, name: str) -> list[Face]:
    """The two ends of a coordinate; none in a domain that is not a box along it."""
    parts = [part for part in problem.domain.parts() if isinstance(part, Face)]
    return [part for part in parts if part.coordinate == name]


def is_given(problem: Problem, face: Face) -> bool:
    """Whether there is a condition on a face."""
    return any(face in touched(problem, condition) for condition in problem.conditions)


def _check_flow(problem: Problem) -> None:
    """Checks that a transported field is given at all places where it enters, or at all where it
    leaves.
    """
    entered, left = _passed(problem)
    missing = [face for face in entered if not is_given(problem, face)]
    unseen = [face for face in left if not is_given(problem, face)]
    [field] = problem.fields
    if missing and unseen:
        face = missing[0]
        raise UsageError(
            f"{problem.name}: {field} flows in through {face.name} and has no value there; "
            f'add Condition(Eq({field}, ...), on="{face.name}"), or periodic=("{face.coordinate}",'
            f")."
        )
    held = {problem.domain.part(c.on) for c in problem.conditions}
    beyond = [face for face in left if face not in entered and face in held]
    if beyond and not missing and not problem.exact:
        raise UsageError(
            f"{problem.name}: {field} flows out through {beyond[0].name}, where what has entered "
            f"decides its value; leave out the condition on {beyond[0].name}."
        )


def _passed(problem: Problem) -> tuple[list[Face], list[Face]]:
    """The faces through which a field of first order enters and leaves."""
    entered, left = [], []
    for coordinate, name in zip(problem.coordinates, problem.domain.coordinates, strict=True):
        speed = _coefficient(problem, coordinate, 1)
        if name in problem.periodic or speed is None:
            continue
        for face in faces_of(problem, name):
            low, high = extent(problem, face.outward * speed, face.sample(PROBES))
            size = ROUNDING * max(abs(low), abs(high))
            entered += [face] if low < -size else []
            left += [face] if high > size else []
    if problem.time is not None and any(f.coordinate == problem.time for f in entered):
        starts = [f for f in entered if f.coordinate == problem.time]
        if starts[0].outward > 0:  # -u_t = u_x: the same flow with all speeds turned round
            entered, left = left, entered
    return entered, left


def _refuse_backwards(problem: Problem, coordinate: Any, name: str, free: Sequence[Face]) -> None:
    """Refuses values at one end of a coordinate alone, towards the other of which they grow without
    bound.

    a u_t + b u_xx = ... damps waves of short length if a and b have opposite signs, and blows them
    up the faster the shorter they are if they have the same; u_tt + u_xx = 0 blows them up both
    ways.
    """
    derivatives = sympy.sympify(difference(problem.equations[0])).atoms(sympy.Derivative)
    if any(len(d.variable_count) > 1 for d in derivatives):
        return  # mixed ones may hold waves of short length back, as u_xxt does
    faces = faces_of(problem, name)
    ends = [face for face in faces if face in free or is_given(problem, face)]
    order = order_of(problem, problem.fields[0], coordinate)
    if len(faces) != 2 or len(ends) != 1 or order not in (1, 2):
        return
    along = _coefficient(problem, coordinate, order)
    if along is None:
        return
    [end] = ends
    for other in problem.coordinates:
        highest = order_of(problem, problem.fields[0], other)
        across = _coefficient(problem, other, highest)
        if other == coordinate or across is None or highest % 2 or highest <= order - 1:
            continue
        # The symbol of the derivative across is (-1)^(n/2) |k|^n, that of the one along is s or
        # s^2; growth is s = -(b/a) (-1)^(n/2) |k|^n, counted from the end where values are given.
        growth = -across / along * (-1) ** (highest // 2) * (-end.outward if order == 1 else 1)
        low, high = extent(problem, growth, problem.domain.sample(PROBES))
        if low > ROUNDING * max(abs(low), abs(high)):
            [opposite] = [face for face in faces if face != end]
            raise UsageError(
                f"{problem.name}: the equation blows up what is given on {end.name} the faster the "
                f"shorter its waves are, so that any error in it grows without bound; give "
                f"{problem.fields[0]} on {opposite.name}"
                + (" instead." if order == 1 else " too, and one condition less on the other end.")
            )


def _coefficient(problem: Problem, coordinate: Any, order: int) -> Any | None:
    """The known factor of the derivative of highest order in a coordinate; None if there is none.

    None as well where it is not of this order, or the factor holds the field.
    """
    [field], [equation] = problem.fields, problem.equations
    if order < 1 or order_of(problem, field, coordinate) != order:
        return None
    factor = sympy.sympify(difference(equation)).doit().diff(field.diff(coordinate, order))
    if factor == 0 or holds(factor, field) or factor.atoms(sympy.Subs):
        return None
    return factor


def named(faces: Sequence[Face]) -> str:
    """The names of faces in a sentence."""
    return " and ".join(face.name for face in faces)
