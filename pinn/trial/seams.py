"""Initial values whose periodic continuation has a kink or a jump where a coordinate closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinn.problem.orders import order_of
from pinn.problem.sizes import largest
from pinn.trial.face_conditions import exact_number, read_condition

if TYPE_CHECKING:
    from pinn.problem.problem import Condition, Problem

# Share of its size by which a derivative may differ between both ends and count as continuous.
SMOOTH = 1e-6
# A form that keeps initial values keeps their kink for all times, and no residual inside sees it.
# On Schrödinger's equation with 2 / cosh x on [-5, 5] that is an error of 7.5e-3. Values that leave
# within a twentieth of the time take the kink along: 1.0e-3.
FADE = 20.0
PROBES = 64


def fade_of(problem: Problem) -> float:
    """The rate at which initial values should fade out of a hard form; 0 where they may stay.

    They may where they and their derivatives, below the order of the equations, are equal at both
    ends of each periodic coordinate.
    """
    rough = (_is_rough(problem, condition) for condition in problem.conditions)
    return FADE if problem.periodic and any(rough) else 0.0


def _is_rough(problem: Problem, condition: Condition) -> bool:
    """Whether a condition gives initial values that do not close smoothly."""
    read = read_condition(problem, condition)
    if isinstance(read, str) or read.face.coordinate != problem.time or not read.is_low:
        return False
    points = read.face.sample(PROBES)
    size = largest(problem, read.value, points)
    for name in problem.periodic:
        coordinate = problem.coordinates[problem.domain.coordinates.index(name)]
        low, high = problem.domain.intervals[name]
        for order in range(order_of(problem, read.field, coordinate)):
            slope = read.value.diff(coordinate, order)
            ends = [slope.subs(coordinate, exact_number(end)) for end in (low, high)]
            gap = largest(problem, ends[0] - ends[1], points)
            if gap * (high - low) ** order > SMOOTH * size:
                return True
    return False
