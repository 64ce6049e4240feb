"""Hard initial and boundary conditions: a trial solution that satisfies them exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor, nn

from pinn.equations import Expressions
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from pinn.domain import Face
    from pinn.problem import Condition, Problem


class HardConstraint(nn.Module):
    """field = offset(x) + factor(x) * network(x), with the conditions built into the offset.

    The factor vanishes exactly where a Dirichlet condition holds and the offset takes its value
    there. The offset is the transfinite interpolation of the conditions: face by face, what is
    missing is added and blended linearly to the opposite face.

    Args:
        problem: its conditions must all be Dirichlet, `Eq(u(x, t), value)`, and agree where
            faces meet.

    Raises:
        DomainError: no such form exists; the sentence says which condition stands against it.

    Source: Lagaris, Likas, Fotiadis 1998 (the form); Gordon, Hall 1973 (the blending).
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.offset, self.factor = [], []
        for field in problem.fields:
            given = _dirichlet(problem, field)
            self.offset.append(_interpolate(problem, field, given))
            self.factor.append(_vanishing(problem, [face for face, _ in given]))
        self._expressions = Expressions(
            [*self.offset, *self.factor],
            problem.coordinates,
            (),
            tuple(problem.parameters),
            who=problem.name,
        )
        self._parameters_given = problem.parameter_values

    def forward(self, points: Any, fields: Any) -> Any:
        """Applies the form to network outputs (p, f) at points (p, c); jets go through as well."""
        count = len(self.offset)
        columns = [points[..., i] for i in range(points.shape[-1])]
        values = self._expressions(columns, parameters=self._parameters_given)
        trial = [values[i] + values[count + i] * fields[..., i] for i in range(count)]
        return torch.stack(trial, dim=-1)


class TrialSolution(nn.Module):
    """A network with the hard conditions around it, if there are any: points (p, c) to (p, f).

    Args:
        network: what comes before the network proper, such as `Rescale`, and the network last.
        constraint: the conditions.
    """

    def __init__(self, network: nn.Sequential, constraint: HardConstraint | None = None) -> None:
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


def _dirichlet(problem: Problem, field: Any) -> list[tuple[Face, Any]]:
    """(face, value) of every condition on the field, in the order of the coordinates."""
    given = []
    for condition in problem.conditions:
        if not condition.equation.has(field):
            continue
        value = _value(problem, condition, field)
        given.append((problem.domain.part(condition.on), value))
    return sorted(given, key=lambda pair: -pair[0].axis)


def _value(problem: Problem, condition: Condition, field: Any) -> Any:
    equation = condition.equation
    value = equation.rhs if isinstance(equation, sympy.Equality) else None
    fields_inside = value is None or value.has(*[f.func for f in problem.fields])
    if fields_inside or equation.lhs != field:
        raise DomainError(
            f"{problem.name}: a hard form needs conditions {field} = value; got {equation} on "
            f"{condition.on}; solve with soft conditions."
        )
    return value


def _interpolate(problem: Problem, field: Any, given: list[tuple[Face, Any]]) -> Any:
    offset: Any = sympy.Integer(0)
    for face, value in given:
        coordinate = problem.coordinates[face.axis]
        missing = (value - offset).subs(coordinate, sympy.nsimplify(face.value))
        opposite = [f for f, _ in given if f.axis == face.axis and f.outward != face.outward]
        blend = sympy.Integer(1)
        if opposite:
            far, near = (sympy.nsimplify(f.value) for f in (opposite[0], face))
            blend = (coordinate - far) / (near - far)
        offset = sympy.simplify(offset + blend * missing)
    for face, value in given:
        on_face = {problem.coordinates[face.axis]: sympy.nsimplify(face.value)}
        gap = sympy.simplify((offset - value).subs(on_face))
        if gap != 0:
            raise DomainError(
                f"{problem.name}: the conditions on {field} do not meet at the edges of "
                f"{face.name} (they differ by {gap}); solve with soft conditions."
            )
    return offset


def _vanishing(problem: Problem, faces: list[Face]) -> Any:
    """The product of the distances to the faces, each scaled to at most 1 on the domain."""
    factor: Any = sympy.Integer(1)
    for axis in sorted({face.axis for face in faces}):
        low, high = (
            sympy.nsimplify(e) for e in (problem.domain.low[axis], problem.domain.high[axis])
        )
        coordinate = problem.coordinates[axis]
        ends = {face.outward for face in faces if face.axis == axis}
        width = high - low
        shapes = {
            frozenset({-1}): (coordinate - low) / width,
            frozenset({+1}): (high - coordinate) / width,
            frozenset({-1, +1}): 4 * (coordinate - low) * (high - coordinate) / width**2,
        }
        factor *= shapes[frozenset(ends)]
    return sympy.expand(factor)
