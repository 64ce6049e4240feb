"""Hard initial and boundary conditions: a trial solution that satisfies them exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor, nn

from pinn.geometry.box import Face
from pinn.problem.expressions import Expressions
from pinn.problem.problem import difference, normal
from pinn.references.exact import largest, substitute
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.problem.problem import Condition, Problem

PROBES = 64
# The blended form doubles with every face where a field is given and not 0.
MOST_FACES = 5


@dataclass(frozen=True)
class _Given:
    """What conditions say of a field on one face: its value, and its slope if that is given."""

    face: Face
    value: Any
    slope: Any = None

    @property
    def end(self) -> Any:
        """The value of the coordinate that is held, exactly."""
        return sympy.nsimplify(self.face.value)

    def is_opposite(self, other: _Given) -> bool:
        """Whether the other face is the other end of the same coordinate."""
        return self.face.axis == other.face.axis and self.face.outward != other.face.outward


class HardConstraint(nn.Module):
    """field = offset(x) + factor(x) * network(x), with the conditions built into the offset.

    The factor vanishes exactly where a field is given, to second order where its slope across the
    face is given too, and the offset takes these values. The offset is the transfinite
    interpolation of the conditions: face by face, what is missing is added and blended linearly
    to the opposite face.

    Args:
        problem: its conditions must all be Dirichlet, `Eq(u(x, t), value)`, or give the slope
            across such a face, `Eq(u(x, t).diff(t), value)`, and agree where faces meet.
        fade: initial values leave the offset as exp(-fade (t - start) / span), and the factor
            rises as 1 - exp(-fade (t - start) / span); 0 keeps them, with a straight factor.

    Raises:
        DomainError: no such form exists; the sentence says which condition stands against it.

    Source: Lagaris, Likas, Fotiadis 1998 (the form); Gordon, Hall 1973 (the blending).
    """

    def __init__(self, problem: Problem, fade: float = 0.0) -> None:
        super().__init__()
        self.conditions = problem.conditions
        self._fade: Any = sympy.Float(fade)
        self._problem = problem
        self.offset, self.factor = [], []
        for field in problem.fields:
            if field in problem.ansatz:
                self.offset.append(sympy.sympify(problem.ansatz[field].offset))
                self.factor.append(sympy.sympify(problem.ansatz[field].factor))
                continue
            given = _given(problem, field)
            self.offset.append(self._interpolate(field, given))
            self.factor.append(self._vanishing(given))
        self._check_explicit()
        self._expressions = self._compile([*self.offset, *self.factor])
        self.numbers: Mapping[str, float] = problem.parameter_values

    def forward(self, points: Any, fields: Any) -> Any:
        """Applies the form to network outputs (p, f) at points (p, c); jets go through as well."""
        count = len(self.offset)
        columns = [points[..., i] for i in range(points.shape[-1])]
        values = self._expressions(columns, parameters=self.numbers)
        trial = [values[i] + values[count + i] * fields[..., i] for i in range(count)]
        return torch.stack(trial, dim=-1)

    def _check_explicit(self) -> None:
        """Refuses an explicit ansatz that misses a condition, with a smooth function as network."""
        problem = self._problem
        phase = sum((1 + sympy.Rational(i, 3)) * c for i, c in enumerate(problem.coordinates, 1))
        trial = {
            field: offset + factor * sympy.cos(phase + i)
            for i, (field, offset, factor) in enumerate(
                zip(problem.fields, self.offset, self.factor, strict=True)
            )
        }
        symbols = (*problem.coordinates, *map(normal, problem.coordinates))
        values = {symbol: problem.parameter_values[str(symbol)] for symbol in problem.symbols}
        for condition in problem.conditions:
            if not any(condition.equation.has(field) for field in problem.ansatz):
                continue
            part = problem.domain.part(condition.on)
            points = part.sample(PROBES)
            gap = substitute(difference(condition.equation), trial, values)
            where = torch.cat([points, part.normal(points)], dim=-1).numpy()
            worst, scale = largest(gap, symbols, where)
            if not worst <= 1e-9 * max(scale, 1.0):
                raise DomainError(
                    f"{problem.name}: the ansatz does not meet {condition.equation} on "
                    f"{condition.on}: it is off by up to {worst:.3g}; mend the ansatz, or leave it "
                    "out to have one made from the conditions."
                )

    def _interpolate(self, field: Any, given: list[_Given]) -> Any:
        offset: Any = sympy.Integer(0)
        uneven = [one.face.name for one in given if one.value != 0]
        if len(uneven) > MOST_FACES:
            raise DomainError(
                f"{self._problem.name}: {field} is given on {', '.join(uneven)}; a hard form for "
                f"more than {MOST_FACES} faces is too long; solve with soft conditions."
            )
        for one in given:
            coordinate = self._problem.coordinates[one.face.axis]
            missing = (one.value - offset).subs(coordinate, one.end)
            if self._size(missing, one.face):
                offset += self._blend(one, given) * missing
            if one.slope is not None:
                missing = (one.slope - offset.diff(coordinate)).subs(coordinate, one.end)
                if self._size(missing, one.face):
                    offset += (coordinate - one.end) * missing
        for one in given:
            coordinate = self._problem.coordinates[one.face.axis]
            gaps = [offset - one.value]
            if one.slope is not None:
                gaps.append(offset.diff(coordinate) - one.slope)
            worst = max(self._size(gap.subs(coordinate, one.end), one.face) for gap in gaps)
            if worst:
                raise DomainError(
                    f"{self._problem.name}: the conditions on {field} do not meet at the edges of "
                    f"{one.face.name} (they differ by up to {worst:.3g}); solve with soft "
                    f"conditions."
                )
        return offset

    def _blend(self, one: _Given, given: list[_Given]) -> Any:
        """1 on the face, falling to 0 at the opposite one if that is given too."""
        for other in given:
            if one.is_opposite(other):
                coordinate = self._problem.coordinates[one.face.axis]
                return (coordinate - other.end) / (one.end - other.end)
        return self._remaining(one) if self._fades(one) else sympy.Integer(1)

    def _fades(self, one: _Given) -> bool:
        is_start = one.face.coordinate == self._problem.time and one.face.outward < 0
        return bool(self._fade) and is_start and one.slope is None

    def _remaining(self, one: _Given) -> Any:
        """What is left of the initial values, from 1 at the start."""
        low, high = self._problem.domain.intervals["t"]
        time = self._problem.coordinates[one.face.axis]
        return sympy.exp(-self._fade * (time - one.end) / sympy.nsimplify(high - low))

    def _vanishing(self, given: list[_Given]) -> Any:
        """The product of the distances to the faces, each scaled to at most 1 on the domain."""
        factor: Any = sympy.Integer(1)
        problem = self._problem
        for axis in sorted({one.face.axis for one in given}):
            low, high = (
                sympy.nsimplify(e) for e in (problem.domain.low[axis], problem.domain.high[axis])
            )
            coordinate = problem.coordinates[axis]
            here = [one for one in given if one.face.axis == axis]
            power = 1 if here[0].slope is None else 2
            ends = {one.face.outward for one in here}
            width = high - low
            shapes = {
                frozenset({-1}): ((coordinate - low) / width) ** power,
                frozenset({+1}): ((high - coordinate) / width) ** power,
                frozenset({-1, +1}): 4 * (coordinate - low) * (high - coordinate) / width**2,
            }
            if ends == {-1} and self._fades(here[0]):
                factor *= (1 - self._remaining(here[0])) / (1 - sympy.exp(-self._fade))
            else:
                factor *= shapes[frozenset(ends)]
        return sympy.expand(factor)

    def _size(self, expression: Any, face: Face) -> float:
        """The largest size of an expression on a face, 0 if that is no more than rounding."""
        if expression == 0:
            return 0.0
        points = face.sample(PROBES)
        [values] = self._compile([expression])(
            points.unbind(-1), parameters=self._problem.parameter_values
        )
        largest = float(values.abs().max())
        return largest if largest > 1e-10 else 0.0

    def _compile(self, expressions: list[Any]) -> Expressions:
        problem = self._problem
        return Expressions(expressions, problem.coordinates, (), problem.symbols, who=problem.name)


class TrialSolution(nn.Module):
    """A network with the hard conditions around it, if there are any: points (p, c) to (p, f).

    Args:
        network: points or jets (p, c) to (p, f).
        constraint: the conditions.
    """

    def __init__(self, network: nn.Module, constraint: HardConstraint | None = None) -> None:
        super().__init__()
        self.network = network
        self.constraint = constraint

    def forward(self, points: Any) -> Any:
        """Fields (p, f) at points (p, c); a jet of points gives a jet of fields."""
        fields = self.network(points)
        return fields if self.constraint is None else self.constraint(points, fields)

    def at(self, points: Tensor) -> Tensor:
        """Fields without any gradient."""
        with torch.no_grad():
            values: Tensor = self(points)
        return values


def _given(problem: Problem, field: Any) -> list[_Given]:
    """What is given of a field, the last coordinate first."""
    values: dict[Face, Any] = {}
    slopes: dict[Face, Any] = {}
    for condition in problem.conditions:
        if not condition.equation.has(field):
            continue
        face = problem.domain.part(condition.on)
        left, right = _sides(condition)
        known = right is not None and not right.has(*[f.func for f in problem.fields])
        if not isinstance(face, Face):
            raise _no_hard_form(problem, field, condition)
        slope = field.diff(problem.coordinates[face.axis])
        if known and left in (field, slope):
            (values if left == field else slopes)[face] = right
        else:
            raise _no_hard_form(problem, field, condition)
    for condition in problem.conditions:
        if condition.equation.has(field) and problem.domain.part(condition.on) not in values:
            raise _no_hard_form(problem, field, condition)
    found = [_Given(face, value, slopes.get(face)) for face, value in values.items()]
    for one in found:
        if one.slope is not None and any(one.is_opposite(other) for other in found):
            raise DomainError(
                f"{problem.name}: a hard form for a slope on {one.face.name} needs the opposite "
                f"face free; solve with soft conditions."
            )
    return sorted(found, key=lambda one: -one.face.axis)


def _sides(condition: Condition) -> tuple[Any, Any]:
    equation = condition.equation
    is_equality = isinstance(equation, sympy.Equality)
    return (equation.lhs, equation.rhs) if is_equality else (equation, None)


def _no_hard_form(problem: Problem, field: Any, condition: Condition) -> DomainError:
    return DomainError(
        f"{problem.name}: a hard form needs conditions {field} = value, and then perhaps the "
        f"derivative across the same face; got {condition.equation} on {condition.on}; solve with "
        f"soft conditions."
    )
