"""Sizes of equations whose terms nearly cancel, from the values that were measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy
import torch

from pinn.problem.expressions import Expressions
from pinn.problem.reading import difference
from pinn.problem.scales import Scales
from pinn.problem.sizes import summands

if TYPE_CHECKING:
    from torch import Tensor

    from pinn.data.cloud import Cloud
    from pinn.problem.problem import Problem


def sizes_by_data(problem: Problem) -> list[float]:
    """The size of each equation, with terms that cancel in the data counted together.

    The terms of y' = -k (y - a) are as large as y itself, which is hundreds of kelvins, and their
    sum is as small as the degrees by which y exceeds a. An equation held to a share of the former
    says nothing of a cooling by five degrees. So terms without derivatives are evaluated together,
    at the samples.

    Args:
        problem: with data, and with a typical value for each parameter.

    Returns:
        For each equation the sum of the sizes of its terms with derivatives and of the sum of all
        others, or that of the sizes of all terms if it is less or if no samples hold its fields.
    """
    scales = Scales.of(problem)
    found = []
    for equation, whole, moving in zip(
        problem.equations, scales.equations, scales.derivatives, strict=True
    ):
        terms = [t for t in summands(difference(equation)) if not t.has(sympy.Derivative)]
        rest = _largest(problem, sympy.Add(*terms))
        total = moving + rest
        found.append(total if 0 < total < whole else whole)
    return found


def _largest(problem: Problem, expression: Any) -> float:
    """The largest size of an expression in fields at the samples that hold all of them."""
    fields = [f for f in problem.fields if expression.has(f.func)]
    names = {f: str(f.func) for f in fields}
    clouds = [c for c in problem.data if set(names.values()) <= set(c.values)]
    if not clouds or expression.has(sympy.Integral, sympy.Subs):
        return math.inf
    values = {f: sympy.Dummy(name) for f, name in names.items()}
    symbols = (*problem.coordinates, *values.values())
    plain = expression.xreplace(values)
    if plain.has(*(f.func for f in problem.fields)):
        return math.inf  # a field at another place
    function = Expressions([plain], symbols, (), problem.symbols, who=problem.name)
    return max(_at(cloud, list(names.values()), function, problem) for cloud in clouds)


def _at(cloud: Cloud, names: list[str], function: Expressions, problem: Problem) -> float:
    columns = [*cloud.points.T, *(cloud.values[name] for name in names)]
    samples = [torch.as_tensor(column) for column in columns]
    [values] = function(samples, parameters=problem.parameter_values)
    finite: Tensor = values[torch.isfinite(values)]
    return float(finite.abs().max()) if len(finite) else math.inf
