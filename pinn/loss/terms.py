"""Terms of a loss: equations and the points at which they are imposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from pinn.jets import Jet, Operators
from pinn.loss.joint_operators import joined
from pinn.loss.quadrature import Quadrature
from pinn.problem.expressions import letters
from pinn.problem.functionals import PANELS
from pinn.problem.scales import Scales

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pinn.data.cloud import Cloud
    from pinn.problem.expressions import Expressions, FieldDerivative
    from pinn.problem.functionals import Functional, Rule
    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem


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
        normal: gives the normals at points, where the expressions take them as further columns.
        sizes: what the residual of each expression is divided by; 1 by default.
        rule: by which integrals are summed.
    """

    def __init__(
        self,
        name: str,
        trial: nn.Module,
        expressions: Expressions,
        coordinates: tuple[str, ...],
        parameters: Mapping[str, Any],
        normal: Callable[[Tensor], Tensor] | None = None,
        sizes: Sequence[float] | None = None,
        *,
        rule: Rule = PANELS,
    ) -> None:
        self._sizes = sizes
        self.name, self._normal = name, normal
        self._trial, self._expressions, self._parameters = trial, expressions, parameters
        wanted = sorted({u.operator for u in expressions.unknowns} - {"1"}, key=_order)
        # Terms without derivatives run on jets too: jets are what gives exact Jacobian rows.
        self._operators = Operators(letters(coordinates), ["1", *wanted])
        self._elsewhere = {
            functional: Quadrature(
                functional, expressions.parameter_symbols, letters(coordinates), rule
            )
            for functional in expressions.functionals
        }

    def residual(self, points: Tensor) -> Tensor:
        """Signed residuals (p, e) at points (p, c), over the size of each equation."""
        jet = self._trial(Jet.coordinates(points, self._operators))

        def unknown(u: FieldDerivative) -> Tensor:
            derivative: Tensor = jet.derivative(u.operator)[:, u.field]
            return derivative

        def elsewhere(functional: Functional) -> Tensor:
            return self._elsewhere[functional](self._trial, points, self._parameters)

        columns = [points] if self._normal is None else [points, self._normal(points)]
        values = self._expressions(
            torch.cat(columns, -1).unbind(-1), unknown, self._parameters, elsewhere
        )
        residual = torch.stack(values, dim=-1)
        return residual if self._sizes is None else residual / residual.new_tensor(self._sizes)


class DataTerm:
    """Quantities minus measured values, in units of their noise, or of the size of each field.

    Args:
        trial: maps points or jets (p, c) to fields (p, f).
        problem: names coordinates and quantities.
        cloud: the measurements.
        like: whose dtype and device the values take.
        parameters: a value for each parameter; the problem's own by default.

    Attributes:
        points: the cloud's, each followed by its measured values and their units, (p, c + 2 e).
    """

    def __init__(
        self,
        trial: nn.Module,
        problem: Problem,
        cloud: Cloud,
        like: Tensor,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = cloud.name
        self._quantities = quantities(problem, trial, tuple(cloud.values), parameters)
        self._coordinates = cloud.points.shape[1]
        units = [np.broadcast_to(unit, len(cloud)) for unit in _units(problem, cloud)]
        measured = np.column_stack([cloud.points, *cloud.values.values(), *units])
        self.points = torch.from_numpy(measured).to(like)

    def residual(self, points: Tensor) -> Tensor:
        """Signed distances (p, e) to the measured values, at points with their values."""
        where, measured = points[:, : self._coordinates], points[:, self._coordinates :]
        values, units = measured.chunk(2, dim=1)
        return (self._quantities.residual(where.contiguous()) - values) / units


def _units(problem: Problem, cloud: Cloud) -> list[Any]:
    """Divisor of each quantity's distance: its noise, or the size of a field, or of the values
    themselves where a quantity is not a field.
    """
    if cloud.noise:
        return [cloud.noise[name] for name in cloud.values]
    sizes = {str(field.func): size for field, size in Scales.of(problem).fields.items()}
    return [
        sizes[name] if name in sizes and not problem.quantities else float(abs(values).max()) or 1.0
        for name, values in cloud.values.items()
    ]


def quantities(
    problem: Problem,
    trial: nn.Module,
    names: tuple[str, ...] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> EquationTerm:
    """Quantities of a trial solution as a term, whose rows are their values.

    Args:
        problem: names the quantities.
        trial: maps points or jets (p, c) to fields (p, f).
        names: which of them; all by default.
        parameters: a value for each parameter; the problem's own by default.
    """
    expressions = problem.expressions
    chosen = problem.compile([expressions[name] for name in names or expressions])
    values = problem.parameter_values if parameters is None else parameters
    return EquationTerm("quantities", trial, chosen, problem.domain.coordinates, values)


def interior(
    problem: Problem, trial: nn.Module, parameters: Mapping[str, Any] | None = None
) -> EquationTerm:
    """The equations of a problem inside its domain, each over the sizes of its terms.

    Args:
        problem: gives the equations.
        trial: maps points or jets (p, c) to fields (p, f).
        parameters: a mapping that is read at every evaluation, so that its values may change; by
            default the problem's own, which let derivatives be joined.
    """
    fixed = parameters is None
    values = problem.parameter_values if parameters is None else parameters
    residual = joined(problem.residual, problem.parameter_values if fixed else {})
    sizes = Scales.of(problem).equations
    return EquationTerm(
        "residual", trial, residual, problem.domain.coordinates, values, sizes=sizes
    )


def boundary(
    problem: Problem,
    trial: nn.Module,
    condition: Condition,
    parameters: Mapping[str, Any] | None = None,
    *,
    rule: Rule = PANELS,
) -> EquationTerm:
    """A condition of a problem on its part of the boundary, as a soft term over its size."""
    values = problem.parameter_values if parameters is None else parameters
    label = f"{getattr(condition.equation, 'lhs', condition.equation)} on {condition.on}"
    normal = problem.domain.part(condition.on).normal
    residual = problem.condition_residual(condition)
    size = Scales.of(problem).condition(condition)
    return EquationTerm(
        label, trial, residual, problem.domain.coordinates, values, normal, [size], rule=rule
    )


def _order(operator: str) -> tuple[int, str]:
    return len(operator), operator
