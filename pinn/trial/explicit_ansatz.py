"""Check of an ansatz that the problem states itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy
import torch

from pinn.problem.reading import difference, normal
from pinn.problem.weak_form import missed_across
from pinn.references.exact import largest, substitute
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sympy import Expr

    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem

# Points on a part of the boundary at which a condition is tried.
PROBES = 64
# Share of its size by which a condition may be off: rounding of formulas that people write down.
ROUNDING = 1e-9


def is_on_explicit(problem: Problem, condition: Condition) -> bool:
    """Whether a condition holds a field whose ansatz the problem states."""
    return any(condition.equation.has(field) for field in problem.ansatz)


def check_explicit(problem: Problem, forms: Mapping[Expr, tuple[Expr, Expr]]) -> None:
    """Refuses an explicit ansatz that misses a condition, or an equation across its own kinks.

    A smooth function stands for the network.

    Args:
        problem: with an explicit ansatz for some of its fields.
        forms: offset and factor of every field.

    Raises:
        DomainError: the ansatz does not meet a condition on its field.
    """
    if not problem.ansatz:
        return
    phase = sum((1 + sympy.Rational(i, 3)) * c for i, c in enumerate(problem.coordinates, 1))
    trial = {
        field: offset + factor * sympy.cos(phase + i)
        for i, (field, (offset, factor)) in enumerate(forms.items())
    }
    values = {symbol: problem.parameter_values[str(symbol)] for symbol in problem.symbols}
    if missed := missed_across(problem, trial, values):
        raise DomainError(
            f"{problem.name}: with any smooth network the ansatz misses {missed}; mend the "
            f"ansatz, or leave it out to have one made from the conditions."
        )
    for condition in problem.conditions:
        if is_on_explicit(problem, condition):
            _check_condition(problem, condition, trial, values)


def _check_condition(
    problem: Problem,
    condition: Condition,
    trial: Mapping[Expr, Expr],
    values: Mapping[Expr, float],
) -> None:
    symbols = (*problem.coordinates, *map(normal, problem.coordinates))
    part = problem.domain.part(condition.on)
    points = part.sample(PROBES)
    gap = substitute(difference(condition.equation), trial, values)
    where = torch.cat([points, part.normal(points)], dim=-1).numpy()
    worst, scale = largest(gap, symbols, where)
    if not worst <= ROUNDING * max(scale, 1.0):
        raise DomainError(
            f"{problem.name}: the ansatz does not meet {condition.equation} on "
            f"{condition.on}: it is off by up to {worst:.3g}; correct the ansatz, or leave "
            "it out to have one made from the conditions."
        )
