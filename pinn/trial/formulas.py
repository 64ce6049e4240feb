"""Known functions of the coordinates on points and jets, differentiated by symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.jets import Jet
from pinn.problem.expressions import Expressions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.jets import Operators
    from pinn.problem.problem import Problem


class Formulas:
    """Expressions of coordinates and parameters as torch functions of points.

    Derivatives are taken by sympy, so that a formula may hold any function that torch evaluates:
    no rule has to carry jets through it.

    Args:
        expressions: functions of the coordinates and parameters of the problem.
        problem: whose they are.
    """

    def __init__(self, expressions: Sequence[Any], problem: Problem) -> None:
        self._expressions, self._problem = list(expressions), problem
        self._values = self._compile(self._expressions)
        self._derivatives: dict[tuple[str, ...], Expressions] = {}

    def __call__(self, points: Any, numbers: Mapping[str, float]) -> list[Any]:
        """The values, one tensor (p,) each; jets of the coordinates give jets.

        Args:
            points: (p, c), or `Jet.coordinates` of them.
            numbers: a value for each parameter.
        """
        if not isinstance(points, Jet):
            return self._values(points.unbind(-1), parameters=numbers)
        where = points.channels[0].unbind(0)
        channels = self._channels(points.operators)(where, parameters=numbers)
        size = len(points.operators)
        return [
            Jet(
                torch.stack(channels[i * size : (i + 1) * size]).as_subclass(Tensor),
                points.operators,
            )
            for i in range(len(self._expressions))
        ]

    def _channels(self, operators: Operators) -> Expressions:
        """Every expression under every operator."""
        if operators.names not in self._derivatives:
            every = [
                sum(
                    (1 if factor == 1 else factor) * self._derivative(expression, word)
                    for word, factor in terms.items()
                )
                for expression in self._expressions
                for terms in operators.words
            ]
            self._derivatives[operators.names] = self._compile(every)
        return self._derivatives[operators.names]

    def _derivative(self, expression: Any, word: Sequence[int]) -> Any:
        for coordinate, times in zip(self._problem.coordinates, word, strict=True):
            expression = expression.diff(coordinate, times) if times else expression
        return expression

    def _compile(self, expressions: list[Any]) -> Expressions:
        problem = self._problem
        return Expressions(expressions, problem.coordinates, (), problem.symbols, who=problem.name)
