"""Bounds of the error of a solved problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pinn.bounds.error_bound import ErrorBound, Kind, Norm
from pinn.bounds.evolution import bound_evolution
from pinn.bounds.normal_form import normal_form
from pinn.bounds.oscillation import bound_oscillation
from pinn.bounds.samples import Sampler
from pinn.bounds.stationary import bound_stationary
from pinn.bounds.theorem import Case, NotApplicable, Statement
from pinn.bounds.walls import boundary_of
from sciformer.errors import ConvergenceError, UsageError, unknown_name

if TYPE_CHECKING:
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
        and elliptic equations Evans 2010, chapters 6 and 7.
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
    norms = list(Norm) if norm is None else [_named(norm)]
    reasons: dict[Norm, str] = {}
    coarse = sampler.uniform(FIRST.get(len(problem.coordinates), FEW))
    found = _state(case, coarse, norms, reasons)
    count = len(coarse.cells[problem.coordinates[0]].widths)
    samples, changes = coarse, dict.fromkeys(found, np.inf)
    while found and (2 * count) ** len(problem.coordinates) <= most:
        count *= 2
        samples = sampler.denser(samples, count)
        finer = _state(case, samples, list(found), reasons)
        changes = {n: abs(finer[n].bound - found[n].bound) for n in finer}
        found = finer
        if all(changes[n] <= SETTLED * found[n].bound for n in found):
            break
    for n, statement in list(found.items()):
        if changes[n] > UNSETTLED * statement.bound:
            reasons[n] = "the integral of its residual does not settle on grids that are affordable"
            del found[n]
    if not found:
        raise UsageError(
            f"{problem.name}: no error bound follows: "
            f"{'; '.join(f'{n}: {why}' for n, why in reasons.items())}."
        )
    bounds = [_bound(form.time, samples, n, s, changes[n]) for n, s in found.items()]
    return min(bounds, key=lambda b: b.relative)


def known_bound(problem: Problem, trial: TrialSolution) -> ErrorBound | None:
    """The bound of `bound_error`, or None where no theorem applies."""
    try:
        return bound_error(problem, trial)
    except (UsageError, ConvergenceError):
        return None


def _named(norm: Norm | str) -> Norm:
    names = [n.value for n in Norm]
    if norm not in names:
        raise unknown_name("error_bound", "norm", str(norm), names)
    return Norm(norm)


def _state(
    case: Case, samples: Samples, norms: list[Norm], reasons: dict[Norm, str]
) -> dict[Norm, Statement]:
    """Statements of the theorem of the class in each norm, and reasons where it makes none."""
    if case.form.time is None:
        theorem = bound_stationary
    elif case.form.inertia:
        theorem = bound_oscillation
    else:
        theorem = bound_evolution
    found = {}
    for norm in norms:
        try:
            found[norm] = theorem(case, samples, norm)
        except NotApplicable as refusal:
            reasons[norm] = str(refusal)
    return found


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
