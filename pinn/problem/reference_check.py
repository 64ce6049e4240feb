"""Whether a reference satisfies equations and conditions, as far as its numbers alone can tell."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from pinn.problem.differences import STEP, WIDE_STEP, Derivatives, differentiate
from pinn.problem.monomials import monomials
from pinn.problem.reading import normal
from pinn.problem.scales import Scales
from sciformer.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from pinn.problem.expressions import Expressions
    from pinn.problem.parts import Condition
    from pinn.problem.problem import Problem

INSIDE, ON_PART = 48, 16
# Fronts thinner than the step spoil some points, a wrong reference spoils half of them.
LARGEST_MEDIAN = 0.05
# Where differences are good, so much is seen: a reference that is off by 1e-3 somewhere is off by
# a tenth of that at most points.
SMALLEST_MEDIAN = 1e-4
# Two stencils differ by a seventh of what rounding and interpolation do to the better one, and a
# median of 48 points may be off by half.
DOUBT = 20.0
# Where all terms are smaller than this share of their largest size over the domain, differences
# of numbers that carry rounding or interpolation errors say nothing.
LEAST_SIZE = 0.01


class ReferenceWarning(UserWarning):
    """Warning that a reference misses equations or conditions, as far as differences can tell."""


@dataclass(frozen=True)
class _Misfit:
    """What a reference misses.

    Attributes:
        sentence: says so.
        is_doubtful: whether two stencils differ by as much, so that noise may be all of it.
    """

    sentence: str
    is_doubtful: bool


def check_reference(problem: Problem) -> list[str]:
    """Warns of a reference that misses equations or conditions at half of the points looked at.

    The residual is set against the sum of the sizes of its terms at the same point, where that is
    at least 1 % of the largest over the domain; that of a condition against the largest sum of them
    on its part and inside. What two stencils disagree about is not held against it: of a smooth
    reference 1e-4 is seen, of a front or a table interpolated by straight lines 5 %. Nothing is
    asked of a problem without a reference, or with a formula, which was checked exactly. The
    reference is called once, and a second time with points farther apart where noise in its numbers
    may be what misses.

    Returns:
        The sentences of the warnings.

    Raises:
        DataError: the reference lacks a field, has another number of values than points, or is
            not finite at most of them.
    """
    if problem.reference is None or problem.exact or problem.quantities or problem.unknown:
        return []
    if problem.functionals:
        return []  # its values elsewhere are not among the points that it is called with
    found = _misfits(problem, STEP)
    if any(one is not None and one.is_doubtful for one in found):
        wide = _misfits(problem, WIDE_STEP)
        found = [
            there if here is not None and here.is_doubtful else here
            for here, there in zip(found, wide, strict=True)
        ]
    said = [one.sentence for one in found if one is not None and not one.is_doubtful]
    for sentence in said:
        warnings.warn(sentence, ReferenceWarning, stacklevel=3)
    return said


def _misfits(problem: Problem, step: float) -> list[_Misfit | None]:
    """What each equation and condition finds by stencils of a step; None where it is met."""
    inside = problem.domain.sample(INSIDE)
    parts = [problem.domain.part(c.on).sample(ON_PART) for c in problem.conditions]
    places = torch.cat([inside, *parts])
    compiled = [problem.compile(monomials(e, problem.fields)) for e in problem.equations]
    held = [_terms(problem, condition) for condition in problem.conditions]
    wanted = {unknown for terms in (*compiled, *held) for unknown in terms.unknowns}
    found = differentiate(problem, wanted, places.numpy(), step)
    sizes = Scales.of(problem).equations
    misfits = [
        _of_equation(problem, equation, terms, found[:INSIDE], inside, typical)
        for equation, terms, typical in zip(problem.equations, compiled, sizes, strict=True)
    ]
    for number, (condition, terms) in enumerate(zip(problem.conditions, held, strict=True)):
        first = INSIDE + number * ON_PART
        here = found[first : first + ON_PART]
        misfits.append(_of_condition(problem, condition, terms, here, found[:INSIDE], inside))
    return misfits


def _terms(problem: Problem, condition: Condition) -> Expressions:
    """The terms of a condition; columns of the normal follow the points'."""
    return problem.compile_at(
        monomials(condition.equation, problem.fields), map(normal, problem.coordinates)
    )


def _of_equation(
    problem: Problem,
    equation: Any,
    terms: Expressions,
    found: Derivatives,
    points: Tensor,
    typical: float,
) -> _Misfit | None:
    columns, parameters = points.unbind(-1), problem.parameter_values
    values = torch.stack(terms(columns, found.better, parameters))
    worse = torch.stack(terms(columns, found.worse, parameters))
    # Stencils may leave a region, where a reference need not have values; most points do not.
    known = values.isfinite().all(0)
    if 2 * int(known.sum()) < len(known):
        raise DataError(
            f"{problem.name}: the reference is not finite at {int((~known).sum())} of "
            f"{len(known)} points of the domain; correct it, or leave it out."
        )
    values, worse = values[:, known], worse[:, known]
    size = values.abs().sum(0)
    telling = size > LEAST_SIZE * max(float(size.max()), typical)
    if not bool(telling.any()):
        return None
    share = float((values.sum(0).abs() / size)[telling].median())
    doubt = float(((values - worse).abs().sum(0) / size)[telling].median())
    if share <= min(LARGEST_MEDIAN, max(SMALLEST_MEDIAN, DOUBT * doubt)):
        return None
    return _Misfit(
        f"{problem.name}: the reference does not seem to satisfy {equation}: at half of "
        f"{int(telling.sum())} points its residual is {share:.2g} of the sum of the terms' "
        f"sizes or more, which are up to {float(size.max()):.3g}; errors against it "
        + ("may mean nothing." if share > LARGEST_MEDIAN else f"below {share:.0e} say nothing."),
        share <= DOUBT * doubt,
    )


def _of_condition(
    problem: Problem,
    condition: Condition,
    terms: Expressions,
    found: Derivatives,
    inner: Derivatives,
    inside: Tensor,
) -> _Misfit | None:
    part, parameters = problem.domain.part(condition.on), problem.parameter_values
    points = part.sample(ON_PART)
    normals = part.normal(points)
    columns = torch.cat([points, normals], dim=-1).unbind(-1)
    values = torch.stack(terms(columns, found.better, parameters))
    worse = torch.stack(terms(columns, found.worse, parameters))
    known = values.isfinite().all(0) & worse.isfinite().all(0)
    if 2 * int(known.sum()) < len(known):
        return None  # its stencils leave a region; a value without derivatives never does
    # What is 0 on the part, as u is on a cold wall, has its size inside.
    around = torch.cat([inside, normals.repeat(len(inside) // len(normals), 1)], dim=-1)
    beside = torch.stack(terms(around.unbind(-1), inner.better, parameters)).abs().sum(0)
    values, worse = values[:, known], worse[:, known]
    size = max(float(values.abs().sum(0).max()), float(beside[beside.isfinite()].max()))
    if not size > 0:
        return None
    share = float(values.sum(0).abs().median()) / size
    doubt = float((values - worse).abs().sum(0).median()) / size
    if share <= max(SMALLEST_MEDIAN, min(DOUBT * doubt, LARGEST_MEDIAN)):
        return None
    return _Misfit(
        f"{problem.name}: the reference does not seem to satisfy {condition.equation} on "
        f"{condition.on}: at half of {len(values[0])} points it is off by {share:.2g} of the "
        f"largest size of its terms, {size:.3g}; errors against it below {share:.0e} say "
        "nothing.",
        share <= DOUBT * doubt,
    )
