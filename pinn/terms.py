"""The terms of a loss: which equation is imposed where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from pinn.jets import Jet, Operators
from pinn.sampling import Sample, UniformSobol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.domain import Face
    from pinn.equations import Expressions, Unknown
    from pinn.problem import Condition, Problem


class Term(Protocol):
    """Rows of residuals on points; each row belongs to one point and one equation."""

    name: str

    def residual(self, points: Tensor) -> Tensor:
        """Signed residuals (p, e) of a trial solution at points (p, c)."""
        ...


class EquationTerm:
    """Residuals of several equations, evaluated through a trial solution on jets.

    Args:
        name: of the term, in reports and errors.
        trial: maps points or jets (p, c) to fields (p, f).
        expressions: the residuals; their unknowns decide which derivatives are propagated.
        coordinates: names of the coordinates, in order.
        parameters: a value for each parameter of the expressions.
    """

    def __init__(
        self,
        name: str,
        trial: nn.Module,
        expressions: Expressions,
        coordinates: tuple[str, ...],
        parameters: Mapping[str, Any],
    ) -> None:
        self.name = name
        self._trial, self._expressions, self._parameters = trial, expressions, parameters
        wanted = sorted({u.operator for u in expressions.unknowns} - {"1"}, key=_order)
        # Terms without derivatives run on jets too: jets are what gives exact Jacobian rows.
        self._operators = Operators(coordinates, ["1", *wanted])

    def residual(self, points: Tensor) -> Tensor:
        """Signed residuals (p, e) at points (p, c)."""
        jet = self._trial(Jet.coordinates(points, self._operators))

        def unknown(u: Unknown) -> Tensor:
            derivative: Tensor = jet.derivative(u.operator)[:, u.field]
            return derivative

        values = self._expressions(points.unbind(-1), unknown, self._parameters)
        return torch.stack(values, dim=-1)


@dataclass(frozen=True)
class FaceSampler:
    """Even points on one face of the domain."""

    uniform: UniformSobol
    face: Face

    def draw(self, count: int) -> Sample:
        """Equally weighted points on the face."""
        points = self.uniform.domain.on_face(self.face, self.uniform.unit(count))
        return Sample(points, torch.ones(count, dtype=points.dtype))


def interior(problem: Problem, trial: nn.Module) -> EquationTerm:
    """The equations of a problem inside its domain."""
    names, values = problem.domain.coordinates, problem.parameter_values
    return EquationTerm("residual", trial, problem.residual, names, values)


def boundary(problem: Problem, trial: nn.Module, condition: Condition) -> EquationTerm:
    """A condition of a problem on its part of the boundary, as a soft term."""
    names, values = problem.domain.coordinates, problem.parameter_values
    label = f"{condition.equation.lhs} on {condition.on}"
    return EquationTerm(label, trial, problem.condition_residual(condition), names, values)


def _order(operator: str) -> tuple[int, str]:
    return len(operator), operator
