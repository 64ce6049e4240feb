"""Sizes of known functions at points, and of their products with fields."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy
import torch

from pinn.problem.expressions import Expressions
from pinn.problem.reading import normal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from pinn.problem.problem import Problem

# Operations in an expression beyond which it is not expanded: products of long sums take minutes.
LONG = 500


class Term:
    """A product of a known factor and factors with fields."""

    def __init__(
        self,
        known: float,
        factors: Sequence[Any],
        fields: Sequence[Any],
        units: Mapping[Any, float],
    ) -> None:
        self._known, self._factors, self._units = known, factors, units
        product = sympy.Mul(*factors)
        self.fields = frozenset(f for f in fields if product.has(f.func))
        self.is_bare = not product.has(sympy.Derivative)

    def size(self, sizes: Mapping[Any, float], amplitude: Any = None) -> float:
        """The size of the product; undifferentiated fields may have another one."""
        total = self._known
        for factor in self._factors:
            names = {f: sympy.Float(amplitude(f) if amplitude else sizes[f]) for f in self.fields}
            derivatives = {}
            for d in factor.atoms(sympy.Derivative):
                unit = math.prod(self._units[v] ** int(n) for v, n in d.variable_count)
                derivatives[d] = sympy.Float(sizes[d.expr] / unit)
            bare = factor.xreplace(derivatives).xreplace(names)
            middle = {c: sympy.Float(u) for c, u in self._units.items()}
            try:
                total *= abs(float(sympy.Abs(bare.subs(middle)).evalf()))
            except (TypeError, OverflowError):
                return math.inf
        return total

    def degree(self, field: Any) -> float:
        """Growth of the product with a field and its derivatives: 2 for u u_x."""
        counts = self.fields
        once, twice = (
            self.size({f: (k if f == field else 1.0) for f in counts}) for k in (1.0, 2.0)
        )
        finite = 0 < once < math.inf and 0 < twice < math.inf
        return math.log2(twice / once) if finite else 0.0


def summands(expression: Any) -> tuple[Any, ...]:
    """The terms of an expression, multiplied out unless it is long."""
    is_long = expression.count_ops() > LONG
    terms: tuple[Any, ...] = sympy.Add.make_args(
        expression if is_long else sympy.expand(expression)
    )
    return terms


def extent(
    problem: Problem, known: Any, points: Tensor, normals: Tensor | None = None
) -> tuple[float, float]:
    """The least and the largest value of a known function at points; 0 where it is not finite."""
    [found] = extents(problem, [known], points, normals)
    return found


def extents(
    problem: Problem, known: Sequence[Any], points: Tensor, normals: Tensor | None = None
) -> list[tuple[float, float]]:
    """The extents of several known functions at the same points."""
    normals = torch.zeros_like(points) if normals is None else normals
    symbols = (*problem.coordinates, *map(normal, problem.coordinates))
    function = Expressions(known, symbols, (), problem.symbols, who=problem.name)
    columns = torch.cat([points, normals], -1).unbind(-1)
    found = []
    for values in function(columns, parameters=problem.parameter_values):
        finite = values[torch.isfinite(values)]
        found.append((float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0))
    return found


def largest(problem: Problem, known: Any, points: Tensor, normals: Tensor | None = None) -> float:
    """The largest size of a known function at points."""
    return max(map(abs, extent(problem, known, points, normals)))
