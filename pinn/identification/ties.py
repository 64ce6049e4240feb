"""Unknowns whose changes are made up for, by each other or by fields that nothing measures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
import torch

from pinn.problem.reading import difference
from pinn.problem.relations import Statements
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from pinn.problem.problem import Problem

    Array = NDArray[np.float64]

POINTS, ON_PART = 16, 4
# Changes are one combination of each other up to this share of what they do: they are evaluated in
# float64, from numbers of one size.
ROUNDING = 1e-9
INVOLVED = 1e-6  # share of a combination of size 1, far above rounding


def refuse_ties(problem: Problem) -> None:
    """Refuses unknowns of which any change may be made up for, whatever the fields are.

    By each other, as in k m; by a factor of what vanishes; or by another size or level of a field,
    which equations, conditions and what is measured leave as they are: of prey and predators of
    which only prey is counted, no count tells how many prey a predator eats.

    Raises:
        UsageError: the sentence names them.
    """
    names = list(problem.unknown)
    built_in = [form for a in problem.ansatz.values() for form in (a.offset, a.factor)]
    if any(sympy.sympify(form).has(*names) for form in built_in):
        return
    forms = [*_stated(problem), *_measured(problem)]
    for name in names:
        if all(form.diff(name) == 0 for form in forms):
            raise UsageError(
                f"{problem.name}: {name} is unknown and changes no equation, condition or "
                f"quantity; leave it out of unknown."
            )
    changes = _Changes(_generic(problem))
    if tied := changes.tied(names):
        raise UsageError(
            f"{problem.name}: {tied} act only together, so no samples can tell them apart; make "
            "their combination in the equations one unknown, or give the value of one."
        )
    if tied := changes.tied(names, changes.factors):
        raise UsageError(
            f"{problem.name}: {tied} only multiply what vanishes, an equation or condition as a "
            "whole, which holds for any such factor; give the value of one of them, such as 1 for "
            "what stands before the highest derivative."
        )
    for label, fields in _groups(problem):
        if tied := changes.tied(names, changes.factors, *(changes.of_field[i] for i in fields)):
            raise UsageError(
                f"{problem.name}: nothing that is measured or given fixes {label}, and any change "
                f"of {tied} is made up for by another size or level of it; measure {label}, give a "
                f"value of it in a condition, or give the value of one of the unknowns."
            )


def _groups(problem: Problem) -> list[tuple[str, list[int]]]:
    """Each field by itself, then all of them."""
    alone = [(str(field), [i]) for i, field in enumerate(problem.fields)]
    every = (" and ".join(map(str, problem.fields)), list(range(len(problem.fields))))
    return alone if len(alone) < 2 else [*alone, every]


def _stated(problem: Problem) -> list[Any]:
    return [difference(e) for e in (*problem.equations, *(c.equation for c in problem.conditions))]


def _measured(problem: Problem) -> list[Any]:
    names = {name for cloud in problem.data for name in cloud.values}
    every = problem.expressions
    return [sympy.sympify(form) for name, form in every.items() if not names or name in names]


def _generic(problem: Problem) -> Problem:
    """The problem with unknowns at values that nothing singles out, in the order of their sizes."""
    draws = np.random.default_rng(16).uniform(0.6, 1.4, len(problem.unknown))
    unknown = {
        name: dataclasses.replace(given, start=given.size * draw)
        for (name, given), draw in zip(problem.unknown.items(), draws, strict=True)
    }
    known = {name: v for name, v in problem.parameters.items() if name not in unknown}
    return dataclasses.replace(problem, unknown=unknown, parameters=known)


class _Changes:
    """Changes of statements and measured quantities at points, for fields drawn at random.

    Attributes:
        of_unknowns: by each unknown, (u, rows), each of size 1.
        factors: by a factor of each statement, (s, rows): what vanishes, still does.
        of_field: by a factor of each field, and by a level added to it, (2, rows) each.
    """

    def __init__(self, problem: Problem) -> None:
        inside = problem.domain.sample(POINTS)
        none = torch.zeros_like(inside)
        places = [(inside, none)] * len(problem.equations)
        for condition in problem.conditions:
            part = problem.domain.part(condition.on)
            points = part.sample(ON_PART)
            places.append((points, part.normal(points)))
        stated = _stated(problem)
        places += [(inside, none)] * len(_measured(problem))
        blocks = [
            _changes(problem, form, *place)
            for form, place in zip([*stated, *_measured(problem)], places, strict=True)
        ]
        rows, unknowns = np.concatenate(blocks, axis=1), len(problem.unknown)
        sizes = np.abs(rows).max(1, keepdims=True)
        rows /= np.maximum(sizes, np.finfo(float).tiny)
        self.of_unknowns = rows[:unknowns]
        self.of_field = [
            rows[unknowns + 2 * i : unknowns + 2 * i + 2] for i in range(len(problem.fields))
        ]
        ends = np.cumsum([0, *(block.shape[1] for block in blocks)])
        self.factors = np.zeros((len(stated), rows.shape[1]))
        for factor, begin, end in zip(self.factors, ends, ends[1:], strict=False):
            factor[begin:end] = rows[-1, begin:end]

    def tied(self, names: list[Any], *others: Array) -> str:
        """Unknowns whose change is made up for by some changes, in words; empty if there are none.

        Args:
            names: of the unknowns.
            others: changes (n, rows) that leave the problem as it is, or that nobody sees.
        """
        left = self.of_unknowns
        if others:
            _, values, basis = np.linalg.svd(np.concatenate(others), full_matrices=False)
            basis = basis[values > ROUNDING * max(values[0], np.finfo(float).tiny)]
            left = left - (left @ basis.T) @ basis
        shares, values, _ = np.linalg.svd(left, full_matrices=False)
        if values[-1] > ROUNDING * np.linalg.norm(self.of_unknowns, 2):
            return ""
        combined = zip(names, np.abs(shares[:, -1]), strict=True)
        return " and ".join(str(name) for name, share in combined if share > INVOLVED)


def _changes(problem: Problem, form: Any, points: Tensor, normals: Tensor) -> Array:
    """Change of an expression by each unknown, by a factor and a level of each field, and its
    value: (u + 2 f + 1, rows).
    """
    slopes = [given.size * form.diff(name) for name, given in problem.unknown.items()]
    slopes += [slope for field in problem.fields for slope in _slopes(form, field)]
    values = Statements(problem, [*slopes, form], points, normals).values
    rows = values.reshape(len(slopes) + 1, -1)
    size = rows[rows.isfinite()].abs().max() if bool(rows.isfinite().any()) else 1.0
    return np.asarray((rows.nan_to_num(0.0, 0.0, 0.0) / max(float(size), 1e-300)).numpy())


def _slopes(form: Any, field: Any) -> tuple[Any, Any]:
    """Change of an expression by a factor 1 + s of a field, and by s added to it, at s = 0."""
    derivatives = [d for d in form.atoms(sympy.Derivative) if d.expr == field]
    symbols = {atom: sympy.Dummy(str(atom), real=True) for atom in (*derivatives, field)}
    inner = {derivative: symbols[derivative] for derivative in derivatives}
    plain = form.xreplace(inner).xreplace({field: symbols[field]})
    back = {symbol: atom for atom, symbol in symbols.items()}
    by_factor = sum(symbol * plain.diff(symbol) for symbol in symbols.values())
    by_level = plain.diff(symbols[field])
    return by_factor.xreplace(back), by_level.xreplace(back)
