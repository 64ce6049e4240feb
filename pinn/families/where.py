"""Points that all members share, with coordinates, functions and parameters there."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.jets import Jet, Operators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.families.distributions import BoundField
    from pinn.families.family import Family
    from pinn.families.members import Members
    from pinn.problem.expressions import Expressions, FieldDerivative


class Where:
    """Points (q, c), the same for all members.

    A quantity of b members there has the shape (q, b): a tensor without operators, a `Jet` with
    them. The members are an ordinary axis of a jet, and so no rule has to know of them.

    Args:
        points: (q, c), float64.
        operators: the derivatives to carry; None carries values only.
    """

    def __init__(self, points: Tensor, operators: Operators | None = None) -> None:
        self.points, self.operators = points.double(), operators

    @cached_property
    def coordinates(self) -> Any:
        """The points (q, c) as they are, or as a jet."""
        if self.operators is None:
            return self.points
        return Jet.coordinates(self.points, self.operators)

    @property
    def columns(self) -> list[Any]:
        """Each coordinate, (q, 1)."""
        return [self.coordinates[:, i : i + 1] for i in range(self.points.shape[1])]

    def series(self, field: BoundField, coefficients: Tensor, axis: int, order: int = 0) -> Any:
        """A function of one coordinate, or its derivative of an order, for every member: (q, b)."""
        places = self.points[:, axis]
        if self.operators is None:
            return field.values(coefficients, places, order).mT

        def derivative(word: Sequence[int]) -> Tensor | None:
            if sum(word) > word[axis]:
                return None
            return field.values(coefficients, places, word[axis] + order)

        return self.jet(derivative)

    def jet(self, derivative: Any) -> Jet:
        """A jet (q, b) from its derivatives: `derivative(word)` is (b, q), or None for 0.

        A word says how often each coordinate is differentiated.
        """
        assert self.operators is not None, "a jet has operators"
        channels = []
        for words in self.operators.words:
            parts = [(factor, derivative(word)) for word, factor in words.items()]
            known = [factor * part for factor, part in parts if part is not None]
            channels.append(sum(known[1:], known[0]) if known else None)
        value = channels[0]
        assert value is not None, "the value itself is never left out"
        filled = [torch.zeros_like(value) if c is None else c.expand_as(value) for c in channels]
        return Jet(torch.stack(filled), self.operators)


class Formula:
    """Expressions of coordinates, given functions and parameters, for members at points.

    Args:
        expressions: of the problem of a family, without its fields.
        family: whose they are.
    """

    def __init__(self, expressions: Sequence[Any], family: Family) -> None:
        self._family = family
        self._compiled: Expressions = family.problem.compile(list(expressions))

    def __call__(self, members: Members, where: Where) -> list[Any]:
        """The values, (q, b) each: tensors, or jets where points carry derivatives."""
        unknown = given_functions(self._family, members, where)
        numbers = given_numbers(self._family, members)
        row = torch.zeros(1, len(members), device=where.points.device)
        columns = [column + row for column in where.columns]
        return self._compiled(columns, unknown, numbers)


def given_functions(family: Family, members: Members, where: Where) -> Any:
    """The values that `Expressions` asks for of a given function or its derivatives: (q, b)."""
    problem = family.problem
    axes = {str(c): i for i, c in enumerate(problem.coordinates)}
    letters = problem.residual.letters

    def unknown(wanted: FieldDerivative) -> Any:
        given = problem.functions[wanted.field]
        name, axis = str(given.func), axes[str(given.args[0])]
        field, coefficients = family.fields[name], members.coefficients[name]
        order = 0 if wanted.operator == "1" else len(wanted.operator)
        if order and set(wanted.operator) != {letters[axis]}:
            return where.points.new_zeros(len(where.points), len(members))
        return where.series(field, coefficients, axis, order)

    return unknown


def given_numbers(family: Family, members: Members) -> dict[str, Any]:
    """A value for each parameter of the problem: (1, b) where members differ."""
    drawn = {name: column[None] for name, column in members.numbers.items()}
    return {**family.problem.parameter_values, **drawn}
