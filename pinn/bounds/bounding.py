"""Bounds of the error of a solved problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pinn.bounds.error_bound import ErrorBound, Kind, Norm
from pinn.bounds.evolution import bound_evolution
from pinn.bounds.hoelder import by_hoelder
from pinn.bounds.normal_form import normal_form
from pinn.bounds.oscillation import bound_oscillation
from pinn.bounds.samples import Sampler
from pinn.bounds.stationary import bound_stationary
from pinn.bounds.theorem import Case, NotApplicable, Statement
from pinn.bounds.walls import boundary_of
from sciformer.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.bounds.samples import Samples
    from pinn.problem.problem import Problem
    from pinn.trial.trial_solution import TrialSolution

# Cells along each coordinate of the first look, and points at most on the last grid.
FIRST = {1: 512, 2: 48, 3: 16}
FEW = 8
MOST = 300_000
# Points times numbers of the network at most: some seconds of one core.
COST = 5_000_000_000
# A bound has settled when twice the cells change it by less; the change is added to it.
SETTLED = 0.03
# One that still changes by more on the finest grid would be a guess.
UNSETTLED = 0.3


def bound_error(
    problem: Problem, trial: TrialSolution, norm: Norm | str | None = None
) -> ErrorBound:
    """A bound of the error of a trial solution, by the theorem that fits its problem.

    Args:
        problem: one equation for one field on a box.
        trial: maps points or jets (p, c) to the field (p, 1).
        norm: "L1", "L2" or "max"; by default the one whose bound is least, relative to the size of
            the solution.

    Raises:
        UsageError: no theorem applies; the sentence says why.
        ConvergenceError: the residual is not finite.

    Source: for conservation laws Kruzhkov 1970 (L1 contraction); for linear parabolic, hyperbolic
        and elliptic equations Evans 2010, chapters 6 and 7; between norms Hoelder's inequality.
    """
    asked = norms_of(norm)
    return chosen(problem, asked, *bound_errors(problem, trial, asked))


def norms_of(norm: Norm | str | None) -> list[Norm]:
    """The norm of a name, all norms for None.

    Raises:
        UnknownNameError: there is no such norm.
    """
    names = [n.value for n in Norm]
    if norm is not None and norm not in names:
        raise unknown_name("error_bound", "norm", str(norm), names)
    return list(Norm) if norm is None else [Norm(norm)]


def chosen(
    problem: Problem,
    asked: Sequence[Norm],
    found: Mapping[Norm, ErrorBound],
    reasons: Mapping[Norm, str],
) -> ErrorBound:
    """The bound in one of the norms asked for, the least relative to the solution.

    Raises:
        UsageError: there is none; the sentence says why.
    """
    bounds = [found[n] for n in asked if n in found]
    if not bounds:
        raise UsageError(
            f"{problem.name}: no error bound follows: "
            f"{'; '.join(f'{n}: {reasons[n]}' for n in asked)}."
        )
    return min(bounds, key=lambda b: b.relative)


def bound_errors(
    problem: Problem,
    trial: TrialSolution,
    norms: Sequence[Norm] = tuple(Norm),
    beside: Mapping[Norm, float] | None = None,
) -> tuple[dict[Norm, ErrorBound], dict[Norm, str]]:
    """The bounds of `bound_error` in each norm that has one, and why others have none.

    Cells are doubled for a norm until its own bound has settled.

    Args:
        problem: one equation for one field on a box.
        trial: maps points or jets (p, c) to the field (p, 1).
        norms: asked for.
        beside: what the bounds are added to; they settle when the sums do.
    """
    if problem.unknown:
        raise UsageError(
            f"{problem.name}: its parameters were found from data, so the exact solution is that "
            "of other parameters and there is no error bound."
        )
    form = normal_form(problem)
    case = Case(problem, trial, form, boundary_of(problem, trial))
    sampler = Sampler(problem, trial, form)
    numbers = sum(tensor.numel() for tensor in trial.state_dict().values())
    most = min(MOST, COST // max(numbers, 1))
    reasons: dict[Norm, str] = {}
    count = FIRST.get(len(problem.coordinates), FEW)
    samples = sampler.uniform(count)
    coarse, found = _state(case, samples, reasons), dict[Norm, ErrorBound]()
    unsettled = set(coarse) & set(norms)
    while unsettled and (2 * count) ** len(problem.coordinates) <= most:
        count *= 2
        samples = sampler.denser(samples, count)
        finer = _state(case, samples, reasons)
        for norm in unsettled:
            found.pop(norm, None)
        unsettled, before = unsettled & set(finer), coarse
        coarse = finer
        for norm in list(unsettled):
            said, change = finer[norm], abs(finer[norm].bound - before[norm].bound)
            whole = said.bound + (0.0 if beside is None else beside[norm])
            if change <= UNSETTLED * whole:
                found[norm] = _bound(form.time, samples, norm, said, change)
            if change <= SETTLED * whole:
                unsettled = unsettled - {norm}
    for norm in (set(coarse) & set(norms)) - set(found):
        reasons[norm] = "the integral of its residual does not settle on grids that are affordable"
    return found, reasons


def _state(case: Case, samples: Samples, reasons: dict[Norm, str]) -> dict[Norm, Statement]:
    """Statements of the theorem of the class in each norm, and reasons where it makes none."""
    if case.form.time is None:
        theorem = bound_stationary
    elif case.form.inertia:
        theorem = bound_oscillation
    else:
        theorem = bound_evolution
    found = {}
    for norm in Norm:
        try:
            found[norm] = theorem(case, samples, norm)
        except NotApplicable as refusal:
            reasons[norm] = str(refusal)
    return by_hoelder(found, samples)


def _bound(
    time: object, samples: Samples, norm: Norm, said: Statement, change: float
) -> ErrorBound:
    times = None
    if time is not None:
        cells = samples.cells[time]
        times = cells.low + np.concatenate([[0.0], np.cumsum(cells.widths)])
    stretch = 1 + (change / said.bound if said.bound > 0 else 0.0)
    return ErrorBound(
        bound=said.bound * stretch,
        norm=norm,
        kind=Kind.ESTIMATE,
        theorem=said.theorem,
        constants=said.constants,
        assumptions=said.assumptions,
        size=float(samples.norm(samples.value, norm.power).max()),
        times=times,
        growth=None if said.growth is None else said.growth * stretch,
    )
