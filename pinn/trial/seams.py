"""Initial values whose periodic continuation has a kink or a jump where a coordinate closes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pinn.problem.orders import order_of
from pinn.problem.sizes import largest
from pinn.trial.face_conditions import exact_number, read_condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem

# Share of its size by which a derivative may differ between both ends and count as continuous.
SMOOTH = 1e-6
# A form that keeps initial values keeps their kink for all times, and no residual inside sees it.
# On Schrödinger's equation with 2 / cosh x on [-5, 5] that is an error of 7.5e-3. Values that leave
# within a twentieth of the time take the kink along: 1.0e-3.
FADE = 20.0
PROBES = 64
# Gaps that a report names before any training.
NOTICED = 1e-2


def fade_of(problem: Problem) -> float:
    """The rate at which initial values should fade out of a hard form; 0 where they may stay.

    They may where they and their derivatives, below the order of the equations, are equal at both
    ends of each periodic coordinate.
    """
    rough = (_is_rough(problem, condition) for condition in problem.conditions)
    return FADE if problem.periodic and any(rough) else 0.0


def noticed(problem: Problem) -> list[Gap]:
    """Gaps of initial values that are worth a word."""
    every = (gap for condition in problem.conditions for gap in gaps_of(problem, condition))
    return [gap for gap in every if gap.share > NOTICED]


def _is_rough(problem: Problem, condition: Condition) -> bool:
    """Whether a condition gives initial values that do not close smoothly."""
    return any(gap.share > SMOOTH for gap in gaps_of(problem, condition))


@dataclass(frozen=True)
class Gap:
    """A derivative of initial values that differs between both ends of a periodic coordinate.

    Attributes:
        field: that is given.
        axis: of the coordinate.
        order: of the derivative; 0 for the values themselves.
        size: the largest difference.
        share: of the size of the values over the length of the coordinate.
        coordinate: by name.
    """

    field: Any
    axis: int
    order: int
    size: float
    share: float
    coordinate: str

    def __str__(self) -> str:
        """The gap in words."""
        what = {0: "value", 1: "slope"}.get(self.order, f"derivative of order {self.order}")
        return (
            f"the initial {what} of {self.field} differs by {self.size:.3g} between the ends of "
            f"{self.coordinate}, where it closes"
        )


def gaps_of(problem: Problem, condition: Condition) -> Iterator[Gap]:
    """The gaps of initial values, below the order of the equations; none of other conditions."""
    read = read_condition(problem, condition)
    if isinstance(read, str) or read.face.coordinate != problem.time or not read.is_low:
        return
    points = read.face.sample(PROBES)
    whole = largest(problem, read.value, points)
    for name in problem.periodic:
        axis = problem.domain.coordinates.index(name)
        coordinate = problem.coordinates[axis]
        low, high = problem.domain.intervals[name]
        for order in range(order_of(problem, read.field, coordinate)):
            slope = read.value.diff(coordinate, order)
            ends = [slope.subs(coordinate, exact_number(end)) for end in (low, high)]
            size = largest(problem, ends[0] - ends[1], points)
            share = size * (high - low) ** order / whole if whole else 0.0
            yield Gap(read.field, axis, order, size, share, name)
