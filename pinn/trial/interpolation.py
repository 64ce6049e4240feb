"""Interpolation of the conditions on faces of a box: the form of a field that meets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from pinn.trial.face_conditions import exact_number
from pinn.trial.formulas import Formulas
from pinn.trial.hermite import AxisForm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sympy import Expr

    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem
    from pinn.trial.face_conditions import FaceCondition

# Points on a face at which two conditions are compared.
PROBES = 64
# The blended form doubles with every face where a field is given and not 0.
MOST_FACES = 5
# Conditions agree at an edge up to this share of their size: rounding of the formulas there.
ROUNDING = 1e-10
# Share of its size by which an unknown parameter is moved, at which no formula happens to vanish.
GENERIC = 0.618


@dataclass(frozen=True)
class FieldForm:
    """field = offset + factor N + sum_k edges[k] B_k, with B_k free of the edge coordinate."""

    offset: Expr
    factor: Expr
    edges: tuple[Expr, ...] = ()

    def scaled(self, size: Expr) -> FieldForm:
        """The form with all that the network gives times a size."""
        return FieldForm(self.offset, size * self.factor, tuple(size * e for e in self.edges))


class Interpolation:
    """Forms of fields that meet as many conditions on faces as possible.

    Args:
        problem: on a box.
        conditions: those on all fields, as conditions across faces.
        fade: as in `HardConstraint`.
        levels: values by field that offsets have where no condition says otherwise; 0 by default.

    Attributes:
        edge_axis: the coordinate whose ends have free values, if there is one.
        unmet: why each condition that no form made so far meets is not.
    """

    def __init__(
        self,
        problem: Problem,
        conditions: Sequence[FaceCondition],
        fade: float,
        levels: Mapping[Any, float] | None = None,
    ) -> None:
        self._problem = problem
        self._conditions = conditions
        self._levels = levels or {}
        self._fade: Expr = sympy.Float(fade)
        self.edge_axis = _most_open_axis(conditions)
        self.unmet: dict[Condition, str] = {}

    def form(self, field: Expr) -> FieldForm:
        """The form of a field; conditions on it that it does not meet are put down as unmet."""
        conditions = [c for c in self._conditions if c.field == field]
        closed = _without_gaps(conditions)
        chosen = [c for c in conditions if c.face.axis == self.edge_axis or c in closed]
        for condition in conditions:
            if condition not in chosen:
                self._give_up(
                    [condition],
                    "lower derivatives are free there, and on faces of another coordinate",
                )
        chosen = sorted(chosen, key=lambda c: (-c.face.axis, c.face.outward, c.order))
        level = exact_number(self._levels.get(field, 0.0))
        found = self._try(chosen, level)
        return found if isinstance(found, FieldForm) else self._face_by_face(chosen, level)

    def _face_by_face(self, conditions: Sequence[FaceCondition], level: Expr) -> FieldForm:
        """The form after as many faces as go together, in order."""
        kept: list[FaceCondition] = []
        form = self._try(kept, level)
        for face in dict.fromkeys(c.face for c in conditions):
            more = [c for c in conditions if c.face == face]
            found = self._try([*kept, *more], level)
            if isinstance(found, FieldForm):
                kept, form = [*kept, *more], found
            else:
                self._give_up(more, found)
        assert isinstance(form, FieldForm), "nothing is asked of the first"
        return form

    def _give_up(self, conditions: Sequence[FaceCondition], why: str) -> None:
        self.unmet.update({one.condition: why for one in conditions})

    def _try(self, conditions: Sequence[FaceCondition], level: Expr) -> FieldForm | str:
        """A form that meets all conditions and is at a level elsewhere, or why there is none."""
        uneven = {c.face.name for c in conditions if c.value != 0}
        if len(uneven) > MOST_FACES:
            return f"a form for more than {MOST_FACES} faces is too long"
        axes: dict[int, AxisForm] = {}
        for axis in dict.fromkeys(c.face.axis for c in conditions):
            try:
                axes[axis] = self._along(axis, conditions)
            except ValueError as error:
                return str(error)
        offset = self._blended(axes, conditions, level)
        for one in conditions:
            gap = one.of(offset, self._problem.coordinates[one.face.axis]) - one.value
            if worst := self._size(gap, one, offset):
                return f"conditions do not meet at the edges of {one.face.name} (by {worst:.3g})"
        return self._around(offset, axes, conditions)

    def _along(self, axis: int, conditions: Sequence[FaceCondition]) -> AxisForm:
        domain = self._problem.domain
        return AxisForm(
            self._problem.coordinates[axis],
            domain.low[axis],
            domain.high[axis],
            _across(axis, conditions),
        )

    def _blended(
        self, axes: Mapping[int, AxisForm], conditions: Sequence[FaceCondition], level: Expr
    ) -> Expr:
        """The offset: what each coordinate's conditions still miss is added, one after another."""
        offset = level
        for axis, form in axes.items():
            coordinate, here = self._problem.coordinates[axis], _across(axis, conditions)
            missing = [one.value - one.of(offset, coordinate) for one in here]
            for one, gap, given in zip(here, missing, form.given, strict=True):
                if self._size(gap, one, offset):
                    blend = self._remaining(one) if self._fades(one, here) else given
                    offset += blend * gap.subs(coordinate, one.end)
        return offset

    def _around(
        self, offset: Expr, axes: Mapping[int, AxisForm], conditions: Sequence[FaceCondition]
    ) -> FieldForm:
        """The factors that keep what the offset gives, those of several coordinates multiplied."""
        total: Expr = sympy.Integer(1)
        for axis in sorted(axes):
            here = _across(axis, conditions)
            if len(here) == 1 and self._fades(here[0], here):
                factor = (1 - self._remaining(here[0])) / (1 - sympy.exp(-self._fade))
            else:
                factor = axes[axis].factor
            if axis != self.edge_axis:
                total *= factor
        edge = axes.get(self.edge_axis) if self.edge_axis is not None else None
        if edge is None:
            return FieldForm(offset, _tidy(total, axes))
        free = tuple(total * polynomial for polynomial in edge.free)
        return FieldForm(offset, _tidy(total * edge.factor, axes), free)

    def _fades(self, one: FaceCondition, here: Sequence[FaceCondition]) -> bool:
        is_start = one.face.coordinate == self._problem.time and one.is_low
        return bool(self._fade) and is_start and len(here) == 1 and one.order == 0

    def _remaining(self, one: FaceCondition) -> Expr:
        """The share of the initial values that is left, from 1 at the start."""
        low, high = self._problem.domain.intervals[one.face.coordinate]
        time = self._problem.coordinates[one.face.axis]
        return sympy.exp(-self._fade * (time - one.end) / (exact_number(high) - exact_number(low)))

    def _size(self, expression: Expr, one: FaceCondition, beside: Expr) -> float:
        """The largest size of an expression on a face, 0 if that is no more than rounding of the
        values given there and of what is beside them."""
        coordinate = self._problem.coordinates[one.face.axis]
        gap = expression.subs(coordinate, one.end)
        if gap == 0:
            return 0.0
        points = one.face.sample(PROBES)
        parts = [gap, one.value.subs(coordinate, one.end), one.of(beside, coordinate)]
        sizes = [
            float(values.abs().max())
            for values in Formulas(parts, self._problem)(points, self._generic_numbers())
        ]
        return sizes[0] if sizes[0] > ROUNDING * max(sizes[1:]) else 0.0

    def _generic_numbers(self) -> dict[str, float]:
        """Parameters, unknown ones away from their start, at which what they give may be 0."""
        found = self._problem.parameter_values
        for symbol, unknown in self._problem.unknown.items():
            found[str(symbol)] = unknown.start + GENERIC * unknown.size
        return found


def _across(axis: int, conditions: Sequence[FaceCondition]) -> list[FaceCondition]:
    """The conditions on the two faces of a coordinate."""
    return [c for c in conditions if c.face.axis == axis]


def _most_open_axis(conditions: Sequence[FaceCondition]) -> int | None:
    """The coordinate with most conditions that leave lower derivatives free at their face."""
    closed = _without_gaps(conditions)
    open_ = [c.face.axis for c in conditions if c not in closed]
    return max(sorted(set(open_)), key=open_.count) if open_ else None


def _without_gaps(conditions: Sequence[FaceCondition]) -> list[FaceCondition]:
    """Conditions that together give value, slope, ... at their face up to some order, none left
    out.
    """
    kept: list[FaceCondition] = []
    for face, field in dict.fromkeys((c.face, c.field) for c in conditions):
        here = [c for c in conditions if c.face == face and c.field == field]
        for order in range(len(here)):
            kept += [c for c in here if c.order == order][:1]
            if not any(c.order == order for c in here):
                break
    return kept


def _tidy(factor: Expr, axes: Mapping[int, AxisForm]) -> Expr:
    """The expression with low powers multiplied out; high ones would lose digits near the upper
    end.
    """
    degrees = [sympy.degree(f.factor, next(iter(f.factor.free_symbols))) for f in axes.values()]
    return sympy.expand(factor) if max(degrees, default=0) <= 2 else factor
