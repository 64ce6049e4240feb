"""The answer of a family: a start in closed form, and a network's correction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pinn.families.networks.inputs import Inputs
from pinn.families.where import Where, given_functions, given_numbers
from pinn.jets import Jet, Operators
from pinn.loss.joint_operators import joined
from pinn.problem.expressions import FieldDerivative

if TYPE_CHECKING:
    from pinn.families.family import Family
    from pinn.families.members import Members
    from pinn.families.starts import Start


class Answer(nn.Module):
    """u = offset + factor size N, for members moved to a common phase.

    Args:
        family: whose members are answered.
        start: gives offset and factor.
        network: N; None leaves the start alone.
    """

    sizes: Tensor

    def __init__(self, family: Family, start: Start, network: nn.Module | None) -> None:
        super().__init__()
        self.family, self.start, self.network = family, start, network
        self.register_buffer("sizes", torch.ones(len(family.problem.fields), dtype=torch.float64))

    def forward(self, members: Members, inputs: Inputs | None, where: Where) -> list[Any]:
        """Fields (q, b), float64 without a network, else in the network's precision."""
        return self.combined(self.start(members, where), inputs, where)

    def combined(
        self, started: tuple[list[Any], list[Any]], inputs: Inputs | None, where: Where
    ) -> list[Any]:
        """The fields from an offset and a factor that are known already."""
        offset, factor = started
        if self.network is None or inputs is None:
            return offset
        dtype = inputs.white.dtype
        learned = self.network(inputs, cast(where.coordinates, dtype))
        return [
            cast(g, dtype) + cast(d, dtype) * (n * size)
            for g, d, n, size in zip(offset, factor, learned, self.sizes.to(dtype), strict=True)
        ]

    def exactly(self, members: Members, inputs: Inputs | None, where: Where) -> list[Tensor]:
        """Fields (q, b) without derivatives in float64, so that the start loses no digits to the
        network.
        """
        with torch.no_grad():
            offset, factor = self.start(members, where)
            if self.network is None or inputs is None:
                return offset
            learned = self.network(inputs, where.points.to(inputs.white.dtype))
            return [
                g + d * n.double() * size
                for g, d, n, size in zip(offset, factor, learned, self.sizes, strict=True)
            ]


def cast(value: Any, dtype: torch.dtype) -> Any:
    """A tensor or jet in a precision."""
    if isinstance(value, Jet):
        return Jet(value.channels.to(dtype), value.operators)
    return value.to(dtype)


class Residual:
    """Left side minus right side of every equation, for members at points they share.

    Args:
        family: whose equations they are.
    """

    def __init__(self, family: Family) -> None:
        self._family, problem = family, family.problem
        fields = len(problem.fields)
        plain, fixed = problem.residual, problem.parameter_values
        fewer = joined(plain, fixed)
        functions = [u for u in fewer.unknowns if u.field >= fields]
        # Given functions are differentiated by words, which joining may have added up.
        self._expressions = (
            plain if any("+" in u.operator or "-" in u.operator for u in functions) else fewer
        )
        wanted = {u.operator for u in self._expressions.unknowns if u.field < fields}
        self.operators = Operators(plain.letters, sorted(wanted - {"1"}))
        axes = [c for c in problem.domain.coordinates if c != problem.time]
        letters = dict(zip(problem.domain.coordinates, plain.letters, strict=True))
        self._slopes = [
            (letters[c], problem.domain.intervals[c][1] - problem.domain.intervals[c][0])
            for c in axes
            if letters[c] in self.operators.names
        ]

    def where(self, points: Tensor) -> Where:
        """Points with the derivatives that the equations need."""
        return Where(points, self.operators)

    def __call__(self, members: Members, fields: list[Any], where: Where) -> list[Tensor]:
        """The residuals (q, b), one for each equation."""
        family, shape = self._family, fields[0].shape
        dtype = fields[0].dtype
        values = Where(where.points)
        given = given_functions(family, members, values)

        def unknown(wanted: FieldDerivative) -> Tensor:
            if wanted.field < len(fields):
                found: Tensor = fields[wanted.field].derivative(wanted.operator)
                return found
            known: Tensor = given(wanted).to(dtype)
            return known

        columns = [column.to(dtype).expand(shape) for column in values.columns]
        numbers = {
            name: value.to(dtype) if isinstance(value, Tensor) else value
            for name, value in given_numbers(family, members).items()
        }
        return self._expressions(columns, unknown, numbers)

    def steepness(self, fields: list[Any]) -> Tensor | float:
        """Sum of squares of field slopes times the length of the domain, (q, b), no gradient."""
        parts = [
            (field.derivative(letter).detach() * length) ** 2
            for field in fields
            for letter, length in self._slopes
        ]
        return sum(parts[1:], parts[0]) if parts else 0.0
