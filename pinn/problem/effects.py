"""Sizes of unknown parameters, by what they do in the equations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pinn.problem.functionals import at_the_point
from pinn.problem.reading import difference
from pinn.problem.scales import PROBES, Scales
from pinn.problem.sizes import summands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from pinn.problem.problem import Problem


def balanced_at(problem: Problem, values: Mapping[str, float]) -> dict[str, float]:
    """The value of each unknown at which its terms are as large as the others of a statement.

    Of several equations and conditions that hold an unknown the one counts that tells most of it.
    Where it does not stand as a factor, its effect is that to first order.

    Args:
        problem: with data and `unknown` parameters.
        values: of the unknowns, at which their effects are looked at.

    Returns:
        Numbers > 0; 0 where nothing can be said.

    Accuracy: an order of magnitude, as `Scales`.
    """
    starts = {n: replace(given, start=values[str(n)]) for n, given in problem.unknown.items()}
    known = {name: v for name, v in problem.parameters.items() if name not in starts}
    there = replace(problem, unknown=starts, parameters=known, exact={}, reference=None)
    scales = Scales(there)
    return {str(name): _balanced(there, scales, name) for name in starts}


def _balanced(problem: Problem, scales: Scales, name: Any) -> float:
    found = []
    for form, points, normals in _statements(problem):
        terms = summands(form)
        effect = summands(form.diff(name)) if form.has(name) else ()
        change = scales.total(effect, points, normals)
        # A statement that the unknown stands in all over is as large as its terms.
        others = [term for term in terms if not term.has(name)] or terms
        beside = scales.total(others, points, normals)
        if 0 < change < math.inf and 0 < beside < math.inf:
            found.append(beside / change)
    return min(found, default=0.0)


def _statements(problem: Problem) -> Iterator[tuple[Any, Tensor, Tensor | None]]:
    """Left minus right sides with points of where they hold, and normals there."""
    inside = problem.domain.sample(PROBES)
    for equation in problem.equations:
        yield at_the_point(difference(equation)), inside, None
    for condition in problem.conditions:
        part = problem.domain.part(condition.on)
        points = part.sample(PROBES)
        yield at_the_point(difference(condition.equation)), points, part.normal(points)
