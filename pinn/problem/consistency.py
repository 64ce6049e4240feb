"""Checks that equations and conditions have values, and agree with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch

from pinn.problem.kept import kept
from pinn.problem.reading import difference
from pinn.problem.relations import Relation, Statements
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from pinn.geometry.base import Part
    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem

# Points inside at which equations must have values.
PROBES = 64
# Points at which statements are compared: two forms that agree at so many agree everywhere.
COMPARED = 5


def check_consistency(problem: Problem) -> None:
    """Refuses what has no value, fields that nothing determines, and contradictions.

    Raises:
        UsageError: the sentence names the equation, the field or the conditions.
    """
    for field in problem.fields:
        if not any(difference(e).has(field.func) for e in problem.equations):
            raise UsageError(
                f"{problem.name}: {field} occurs in no equation, so nothing determines it; "
                f"add an equation for it, or leave it out of fields."
            )
    inside = problem.domain.sample(PROBES)
    forms = [difference(e) for e in problem.equations]
    _refuse_uncovered(problem, forms, inside)
    statements = Statements(problem, forms, inside, torch.zeros_like(inside))
    _refuse_infinite(problem, statements.values, inside, problem.equations)
    _check_equations(problem, inside[:COMPARED])
    for part in {problem.domain.part(c.on): None for c in problem.conditions}:
        _check_part(problem, part)


def independent_on(problem: Problem, part: Part) -> list[Condition]:
    """Conditions on a part that do not follow from the equations and each other."""
    count = len(problem.equations)
    _, relations = _compared(problem, part)
    following = {relation.statement - count for relation in relations}
    given = _on(problem, part)
    return [condition for number, condition in enumerate(given) if number not in following]


def _on(problem: Problem, part: Part) -> list[Condition]:
    """Conditions that hold all over a part: its own, and those of larger parts."""

    def find() -> list[Condition]:
        places = {c: problem.domain.part(c.on) for c in problem.conditions}
        points = part.sample(COMPARED)
        return [c for c, p in places.items() if p == part or bool(p.contains(points).all())]

    return kept(problem, ("on", part), find)


def _compared(problem: Problem, part: Part) -> tuple[Tensor, list[Relation]]:
    """Values of the equations and, after them, of the conditions on a part, and how they are
    related.
    """

    def compare() -> tuple[Tensor, list[Relation]]:
        stated = (*problem.equations, *(c.equation for c in _on(problem, part)))
        points = part.sample(COMPARED)
        forms = [difference(e) for e in stated]
        statements = Statements(problem, forms, points, part.normal(points))
        return statements.values, statements.relations()

    return kept(problem, ("compared", part), compare)


def _check_equations(problem: Problem, inside: Tensor) -> None:
    forms = [difference(e) for e in problem.equations]
    for relation in Statements(problem, forms, inside, torch.zeros_like(inside)).relations():
        others = " and ".join(str(problem.equations[n]) for n in relation.others)
        equation = problem.equations[relation.statement]
        if relation.gap:
            raise UsageError(
                f"{problem.name}: {equation} contradicts {others}: with the same fields they "
                f"differ by up to {relation.gap:.3g}; leave one out."
            )
        if len(forms) <= len(problem.fields):
            raise UsageError(
                f"{problem.name}: {equation} follows from {others} and says nothing new; give an "
                f"independent equation in its place."
            )


def _check_part(problem: Problem, part: Part) -> None:
    given = _on(problem, part)
    (values, relations), count = _compared(problem, part), len(problem.equations)
    equations = [c.equation for c in given]
    _refuse_uncovered(problem, map(difference, equations), part.sample(PROBES))
    _refuse_infinite(
        problem, values[count:], part.sample(COMPARED), equations, f" on {given[0].on}"
    )
    for relation in relations:
        if relation.gap and relation.statement >= count:
            every = [*problem.equations, *equations]
            ties = ", ".join(str(every[n]) for n in relation.others)
            raise UsageError(
                f"{problem.name}: {ties} and {every[relation.statement]} on {part.name} "
                f"contradict each other by up to {relation.gap:.3g}; leave one out."
            )


def _refuse_uncovered(problem: Problem, forms: Iterable[Any], points: Tensor) -> None:
    """Refuses functions by cases of which none holds at some point; torch would take 0 there."""
    cases = set[Any]().union(*(sympy.sympify(form).atoms(sympy.Piecewise) for form in forms))
    for function in sorted(cases, key=str):
        holding = sympy.Or(*(condition for _, condition in function.args))
        if not holding.free_symbols or not holding.free_symbols <= set(problem.coordinates):
            continue
        covered = sympy.lambdify(problem.coordinates, holding, "numpy")(*points.T.numpy())
        if not np.all(covered):
            place = _place(problem, points[torch.from_numpy(~np.asarray(covered))][0])
            raise UsageError(
                f"{problem.name}: no case of {function} holds at {place}; add one, such as "
                f"(0, True) as the last."
            )


def _place(problem: Problem, point: Tensor) -> str:
    pairs = zip(problem.domain.coordinates, point, strict=True)
    return ", ".join(f"{name} = {float(x):.6g}" for name, x in pairs)


def _refuse_infinite(
    problem: Problem, values: Tensor, points: Tensor, equations: Any, on: str = ""
) -> None:
    """Values (statements, points, draws) that are finite for no field at some point."""
    for equation, value in zip(equations, values, strict=True):
        lost = ~value.isfinite().any(-1)
        if lost.any():
            place = _place(problem, points[lost][0])
            raise UsageError(
                f"{problem.name}: {equation}{on} has no finite value at {place}, whatever the "
                f"fields are there; correct the formula, or leave such points out of the domain."
            )
