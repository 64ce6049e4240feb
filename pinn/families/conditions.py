"""Initial and boundary values that are built into the answer of a family: u = offset + factor N."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Face
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.problem.parts import Condition

# An initial value that has no better form leaves the answer as exp(-4 (t - start) / span), the
# default fade of single solves.
FADE = 4


class BuiltIn:
    """The form u = offset + factor N of each field, which meets all conditions whatever N is.

    Periodic coordinates need none: N itself is periodic. With tau = (t - start) / span,

        offset = e^{-4 tau} (g - walls of g) + walls,   factor = (1 - e^{-4 tau}) (or tau) * bumps

    where g is the initial value and the walls interpolate boundary values along one coordinate.

    Args:
        family: its conditions give values of single fields on faces of the box.

    Attributes:
        initial: the initial value of each field, None where there is none.
        walls: boundary values of each field, by axis and end.
        offset: a formula for each field.
        factor: a formula for each field.

    Raises:
        UsageError: a condition of another kind, or values that do not meet at an edge.

    Source: Lagaris, Likas, Fotiadis 1998.
    """

    def __init__(self, family: Family) -> None:
        self._problem = family.problem
        problem = family.problem
        self._time = (
            None
            if problem.time is None
            else list(map(str, problem.coordinates)).index(problem.time)
        )
        count = len(problem.fields)
        self.initial: list[Any] = [None] * count
        self.walls: list[dict[int, dict[int, Any]]] = [{} for _ in range(count)]
        for condition in problem.conditions:
            self._read(condition)
        forms = [self._form(i) for i in range(count)]
        self.offset, self.factor = [f[0] for f in forms], [f[1] for f in forms]

    def _read(self, condition: Condition) -> None:
        problem, part = self._problem, self._problem.domain.part(condition.on)
        assert isinstance(part, Face), "parts of a box are faces"
        sides = (condition.equation.lhs, condition.equation.rhs)
        for field, value in (sides, sides[::-1]):
            if field in problem.fields and not value.has(*[f.func for f in problem.fields]):
                index = problem.fields.index(field)
                if part.axis != self._time:
                    self.walls[index].setdefault(part.axis, {})[part.outward] = value
                elif part.outward < 0:
                    self.initial[index] = value
                else:
                    break
                return
        raise UsageError(
            f"{problem.name}: a family takes initial values and boundary values of single fields, "
            f"such as Eq(u, start) on t=0, and periodic coordinates; {condition.equation} on "
            f"{condition.on} is another condition."
        )

    def _form(self, index: int) -> tuple[Any, Any]:
        problem, walls, initial = self._problem, self.walls[index], self.initial[index]
        boundary, factor = sympy.Integer(0), sympy.Integer(1)
        uneven = [axis for axis, ends in walls.items() if any(v != 0 for v in ends.values())]
        if len(uneven) > 1:
            raise UsageError(
                f"{problem.name}: boundary values other than 0 along two coordinates cannot be "
                "built into a family so far."
            )
        for axis, ends in walls.items():
            low, high = (
                sympy.nsimplify(e[axis]) for e in (problem.domain.low, problem.domain.high)
            )
            x = problem.coordinates[axis]
            share = (x - low) / (high - low)
            factor *= (
                4 * share * (1 - share) if len(ends) == 2 else (share if -1 in ends else 1 - share)
            )
            if axis in uneven:
                left, right = ends.get(-1), ends.get(1)
                left, right = (right if left is None else left), (left if right is None else right)
                boundary = left * (1 - share) + right * share
        if initial is None or self._time is None:
            return boundary, factor
        t, begin = problem.coordinates[self._time], sympy.nsimplify(problem.domain.low[self._time])
        tau = (t - begin) / (sympy.nsimplify(problem.domain.high[self._time]) - begin)
        self._check_edges(index, t, begin)
        at_start = boundary.subs(t, begin)
        if sympy.simplify(initial - at_start) == 0:
            return boundary, factor * tau
        fading = sympy.exp(-FADE * tau)
        return fading * (initial - at_start) + boundary, factor * (1 - fading)

    def _check_edges(self, index: int, t: Any, begin: Any) -> None:
        """Refuses an initial value that differs from the boundary values at its ends."""
        problem, initial = self._problem, self.initial[index]
        for axis, ends in self.walls[index].items():
            for outward, value in ends.items():
                end = (problem.domain.low if outward < 0 else problem.domain.high)[axis]
                there = {problem.coordinates[axis]: sympy.nsimplify(end)}
                gap = sympy.simplify(initial.subs(there) - value.subs({t: begin}))
                if gap != 0:
                    raise UsageError(
                        f"{problem.name}: the initial value {initial} and the boundary value "
                        f"{value} do not meet at {problem.coordinates[axis]} = {end:g}; multiply a "
                        "drawn function by one that is 0 there, such as x (1 - x)."
                    )
