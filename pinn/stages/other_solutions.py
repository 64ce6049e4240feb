"""Remarks on solutions of a nonlinear problem beside the one that was found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from pinn.problem.spectral.collocation import attempt
from pinn.problem.spectral.newton import misfit, solve
from pinn.problem.spectral.null_direction import directions
from pinn.problem.uniqueness import is_determined
from pinn.stages.branches import branches_of
from pinn.training.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pinn.problem.problem import Problem
    from pinn.problem.spectral.collocation import Collocation
    from pinn.solution import Solution
    from pinn.training.verdict import Verdict

    Array = NDArray[np.float64]

# Coefficients above which Newton steps would take seconds.
COLUMNS = 400
# Share in the highest degrees, above which polynomials do not show a solution.
RESOLVED = 1e-3
# Relative residual of a solution, and the distance from which on it is another one.
SOLVES, OTHER = 1e-6, 0.02
# A polished solution is the one that was found if it is no further away.
NEAR = 0.1
# Starts of the searches: the solution times a factor, and with an arch of so much of its size;
# branches of one problem differ by some tens.
FACTORS = (-1.0, 0.0, 3.0)
MOVES = (0.3, 3.0, 30.0)
ROUNDING = 1e-9  # of values that are 0


def remarked(verdict: Verdict, solution: Solution) -> Verdict:
    """The verdict with what is known of other solutions.

    A nonlinear problem may be solved by several functions, or by a whole family of them. They are
    looked for by Newton's method on polynomials, with the one that was found divided out, and only
    what satisfies all equations and conditions to six digits is spoken of.

    Args:
        verdict: of the solve.
        solution: that was found.
    """
    if verdict.outcome is Outcome.NOT_CONVERGED or is_determined(solution.problem):
        return verdict
    return _with_another(verdict, solution) or _with_branches(verdict, solution.problem)


def _with_branches(verdict: Verdict, problem: Problem) -> Verdict:
    """The verdict with the choices that the equation leaves at the start, if it leaves any."""
    branches = branches_of(problem)
    if branches is None:
        return verdict
    advice = f"If another is meant, write the equation solved for {branches.derivative}."
    said = verdict.adding(str(branches))
    return replace(said, remedy=f"{verdict.remedy} {advice}".strip())


def _with_another(verdict: Verdict, solution: Solution) -> Verdict | None:
    """The verdict with a solution that Newton's method finds; None where it finds none."""
    collocation = attempt(solution.problem)
    if collocation is None or collocation.is_linear or collocation.space.columns > COLUMNS:
        return None
    try:
        own = _polished(collocation, solution)
        other = None if own is None else other_solution(collocation, own)
    except ArithmeticError:
        return None
    if own is None or other is None:
        return None
    state, is_family = other
    where = _difference(solution, collocation, own, state)
    if is_family:
        return replace(
            verdict,
            outcome=Outcome.NOT_CONVERGED,
            reasons=(
                f"the solution is not unique: it can be moved without leaving any equation or "
                f"condition, for example until {where}",
                *verdict.reasons,
            ),
            remedy="Add a condition that fixes it, such as a value at one place.",
        )
    said = f"the problem has another solution, in which {where}"
    return replace(
        verdict.adding(said),
        remedy=f"{verdict.remedy} If the other is meant, add what it alone satisfies.".strip(),
    )


def _polished(collocation: Collocation, solution: Solution) -> Array | None:
    """The solution on polynomials, solved to the last digits; None where these do not show it."""
    space = collocation.space
    points, weights = space.inside(collocation.nodes)
    first = next(solution.trial.parameters())
    with torch.no_grad():
        fields = solution.trial.at(torch.from_numpy(points).to(first.device, first.dtype))
    rows = space.rows(points, [0] * points.shape[1])
    values = fields.double().cpu().numpy() * weights[:, None]
    own = np.linalg.lstsq(rows * weights[:, None], values, rcond=None)[0].T
    if not np.isfinite(own).all() or space.tail(own) > RESOLVED:
        return None
    found = solve(collocation, own)
    if found is None or _distance(found, own) > NEAR or misfit(collocation, found) > SOLVES:
        return None
    return found


def other_solution(collocation: Collocation, own: Array) -> tuple[Array, bool] | None:
    """Another solution, and whether it belongs to one family with the first.

    Args:
        collocation: of a problem.
        own: coefficients (f, n) of a solution.
    """
    for way in directions(collocation, own):
        # One of a family is reached without dividing the first out, and from as near as one likes.
        moved = own + 0.1 * np.linalg.norm(own) / np.linalg.norm(way) * way
        found = solve(collocation, moved)
        if found is not None and _is_other(collocation, found, own):
            half = solve(collocation, (found + own) / 2)
            is_between = half is not None and _is_other(collocation, half, own)
            return found, is_between and half is not None and _distance(half, found) > OTHER / 2
    for start in _starts(collocation, own):
        found = solve(collocation, start, known=[own])
        if found is not None and _is_other(collocation, found, own):
            return found, False
    return None


def _starts(collocation: Collocation, own: Array) -> Iterator[Array]:
    yield from (factor * own for factor in FACTORS)
    # An arch: 1 - z^2 in each coordinate -1 < z < 1, but for its size.
    points, weights = collocation.space.inside(collocation.nodes)
    low, high = (np.array(ends) for ends in zip(*collocation.space.intervals, strict=True))
    arch = (1 - ((2 * points - low - high) / (high - low)) ** 2).prod(1)
    rows = collocation.space.rows(points, [0] * points.shape[1])
    shape = (arch * weights**2) @ rows  # on polynomials that are orthonormal in the mean
    size = float(np.linalg.norm(own, axis=1).max())
    for move in MOVES:
        for sign in (1.0, -1.0):
            yield own + sign * move * size * shape


def _is_other(collocation: Collocation, found: Array, own: Array) -> bool:
    if not np.isfinite(found).all() or _distance(found, own) < OTHER or not found.any():
        return False
    return collocation.space.tail(found) <= RESOLVED and misfit(collocation, found) <= SOLVES


def _distance(one: Array, other: Array) -> float:
    """The largest relative distance of a field."""
    apart = np.linalg.norm(one - other, axis=1)
    size = np.maximum(np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1))
    return float((apart / np.where(size > 0, size, 1.0)).max())


def _difference(solution: Solution, collocation: Collocation, own: Array, other: Array) -> str:
    """Where the two differ most, in words."""
    points, _ = collocation.space.inside(collocation.nodes)
    rows = collocation.space.rows(points, [0] * points.shape[1])
    values = np.stack([state @ rows.T for state in (own, other)])  # (2, f, p)
    apart = np.abs(values[1] - values[0])
    field, place = np.unravel_index(apart.argmax(), apart.shape)
    name = solution.problem.field_names[int(field)]
    names = solution.problem.domain.coordinates
    at = ", ".join(f"{n} = {x:.3g}" for n, x in zip(names, points[place], strict=True))
    first, second = np.where(np.abs(values) < ROUNDING * np.abs(values).max(), 0.0, values)[
        :, field, place
    ]
    return f"{name} is {second:.3g} at {at}, where it is {first:.3g} here"
