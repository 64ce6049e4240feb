"""The error that a kink of initial values leaves where a periodic coordinate closes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sympy

from pinn.problem.orders import order_of
from pinn.problem.reading import difference
from pinn.problem.scales import PROBES, Scales
from pinn.problem.sizes import largest
from pinn.training.verdict import Outcome
from pinn.trial.seams import FADE, gaps_of

if TYPE_CHECKING:
    from pinn.problem.problem import Problem
    from pinn.solution import Solution
    from pinn.training.verdict import Verdict
    from pinn.trial.seams import Gap

# Errors of which a verdict tells, and those that are more than a small residual promises.
TOLD, DOUBTFUL = 1e-6, 1e-2


def with_seam(verdict: Verdict, error: float) -> Verdict:
    """The verdict with the error that a kink at a seam leaves, if that is not negligible."""
    if error < TOLD:
        return verdict
    said = verdict.adding(
        f"initial values have a kink or jump where a periodic coordinate closes, which leaves a "
        f"relative error of about {error:.0e} that no residual sees"
    )
    advice = "Widen the domain until the initial values close smoothly."
    is_bad = error > DOUBTFUL and verdict.outcome is Outcome.CONVERGED
    outcome = Outcome.DOUBTFUL if is_bad else verdict.outcome
    return replace(said, outcome=outcome, remedy=f"{verdict.remedy} {advice}".strip())


def seam_error(solution: Solution) -> float:
    """The relative L2 error that no residual sees; 0 where initial values close smoothly.

    A form that holds initial values with a gap J in the k-th derivative keeps the gap until they
    have faded out, T / fade. There an equation d^m u / dt^m = c d^n u / dx^n has a source that is
    left out, c J times the (n - 1 - k)-th derivative of a delta, and what it would have added has
    spread over a length l = (c T^m)^(1/n) in the end:

        |error| = c J (T^m / fade) l^(k + 1/2 - n),   relative to the norm along x of the solution

    Accuracy: within a factor two for heat and for Schroedinger's equation with 1 / cosh(x).
    """
    problem, constraint = solution.problem, solution.trial.constraint
    if constraint is None or not problem.periodic or problem.time is None:
        return 0.0
    gaps = [gap for c in constraint.conditions for gap in gaps_of(problem, c) if gap.share > 0]
    return max((_error(solution, gap) for gap in gaps), default=0.0)


def _error(solution: Solution, gap: Gap) -> float:
    problem = solution.problem
    low, high = problem.domain.low, problem.domain.high
    axis = problem.domain.coordinates.index(problem.time or "")
    span, length = high[axis] - low[axis], high[gap.axis] - low[gap.axis]
    number = problem.fields.index(gap.field)
    values = solution.trial.at(problem.domain.sample(PROBES))[:, number]
    size = float(values.square().mean().sqrt()) * length**0.5
    order = order_of(problem, gap.field, problem.coordinates[gap.axis])
    span **= order_of(problem, gap.field, problem.coordinates[axis])
    factor = _factor(problem, gap.field, problem.coordinates[gap.axis], order)
    spread = min((factor * span) ** (1 / order), length)
    if not (size > 0 and spread > 0):
        return 0.0
    fade = solution.settings.fade or FADE
    return float(factor * gap.size * span / fade * spread ** (gap.order + 0.5 - order) / size)


def _factor(problem: Problem, field: Any, coordinate: Any, order: int) -> float:
    """The largest factor of the highest derivative of a field over that of a derivative in time."""
    scales, points = Scales.of(problem), problem.domain.sample(PROBES)
    time = problem.coordinates[problem.domain.coordinates.index(problem.time or "")]

    levels = {f: abs(scales.levels.get(f, 0.0)) for f in problem.fields}
    sizes = {f: sympy.Float(scales.fields[f] + level) for f, level in levels.items()}

    def size(form: Any, derivative: Any) -> float:
        symbol = sympy.Dummy(real=True)
        factor = form.xreplace({derivative: symbol}).diff(symbol)
        factor = factor.xreplace({d: sympy.Integer(0) for d in factor.atoms(sympy.Derivative)})
        return largest(problem, factor.xreplace(sizes), points)

    found = [0.0]
    for form in (sympy.sympify(difference(e)).doit() for e in problem.equations):
        moving = [
            d
            for d in form.atoms(sympy.Derivative)
            if d.variables == (time,) * order_of(problem, d.expr, time) and d.has(time)
        ]
        slowest = max((size(form, d) for d in moving), default=0.0)
        if slowest > 0:
            found.append(size(form, field.diff(coordinate, order)) / slowest)
    return max(found)
