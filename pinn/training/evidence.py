"""Evidence for a verdict: residuals of a trial solution in its equations, conditions and data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pinn.loss import terms
from pinn.problem.corners import jumps_at_corners
from pinn.problem.functionals import FINER
from pinn.problem.monomials import monomials
from pinn.problem.scales import Scales
from pinn.training.collocation import soft_conditions
from pinn.training.verdict import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from pinn.loss.terms import Term
    from pinn.problem.problem import Problem
    from pinn.sampling.samplers import Sample
    from pinn.training.trainer import Trainer
    from pinn.trial.trial_solution import TrialSolution

# Scales are orders of magnitude. Terms that are smaller than a hundredth of theirs vanish in the
# solution, as both do in u_xx + u_yy = 0 where u is linear, and are not a measure of a residual.
VANISHING = 0.01


def evidence_of(
    problem: Problem, trial: TrialSolution, trainer: Trainer, offer: str = ""
) -> Evidence:
    """The residuals of a trained, or refined, trial solution, and the course of its training.

    Args:
        problem: gives equations, conditions and data.
        trial: may be another than the trained one.
        trainer: has finished; its validation points are used, or those of its last step where it
            has no others.
        offer: a setting made for problems of this kind and not used.
    """
    progress, objectives = trainer.progress, trainer.objectives
    held_out = objectives.held_out()
    objective = held_out or objectives.present
    assert objective is not None, "a training takes at least one step"
    samples = [weighted.sample for weighted in objective.terms]
    values = trial.values or problem.parameter_values
    conditions, noisy = _beside_equations(problem, trial, samples[1:], values)
    # Soft terms have weights in the loss and none in the validation.
    is_compared = held_out is not None and len(samples) == 1 and progress.loss > 0
    return Evidence(
        residuals=relative_residuals(problem, trial, samples[0], values),
        conditions=conditions,
        noisy=noisy,
        overfit=progress.best_validation / progress.loss if is_compared else 1.0,
        fall=trainer.history.fall(),
        failed=progress.failures / max(progress.iteration, 1),
        restarts=int(progress.metrics.get("restarts", 0)),
        note=progress.note,
        unsettled=objectives.unsettled(),
        offer=offer,
        jumps={str(jump): jump.remedy for jump in jumps_at_corners(problem)},
    )


def relative_residuals(
    problem: Problem, trial: TrialSolution, sample: Sample, values: Mapping[str, float]
) -> dict[str, float]:
    """Residual of each equation over the sum of the sizes of its terms, in root mean square.

    Terms are those about the levels of the fields, or as they stand if these are smaller: neither
    the zero of a unit nor a field that has left its level excuses a residual.

    Args:
        problem: gives the equations.
        trial: maps points or jets (p, c) to fields (p, f).
        sample: weighted points (p, c).
        values: of the parameters.
    """
    names = problem.domain.coordinates
    found = {}
    scales = Scales.of(problem)
    for number, equation in enumerate(problem.equations):
        sizes = []
        for levels in [{}, scales.levels] if scales.levels else [{}]:
            parts = problem.compile(monomials(equation, problem.fields, levels))
            term = terms.EquationTerm("terms", trial, parts, names, values, rule=FINER)
            with torch.no_grad():
                columns = term.residual(sample.points)  # (p, terms)
            sizes.append(_size(columns.abs().sum(-1), sample))
        size = max(min(sizes), VANISHING * scales.equations[number])
        label = "the equation" if len(problem.equations) == 1 else f"equation {number + 1}"
        found[label] = _size(columns.sum(-1), sample) / size
    return found


def _beside_equations(
    problem: Problem, trial: TrialSolution, samples: list[Sample], values: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Misfits of soft conditions and exact data, and of samples in units of their noise."""
    like = next(trial.parameters())
    soft = [
        terms.boundary(problem, trial, c, values, rule=FINER)
        for c in soft_conditions(problem, trial)
    ]
    data = [terms.DataTerm(trial, problem, cloud, like, values) for cloud in problem.data]
    misfits: dict[str, float] = {}
    noisy: dict[str, float] = {}
    beside: list[Term] = [*soft, *data]
    for index, (term, sample) in enumerate(zip(beside, samples, strict=True)):
        with torch.no_grad():
            rows = term.residual(sample.points)
        size = _size(rows.square().mean(-1).sqrt(), sample)
        is_noisy = index >= len(soft) and bool(problem.data[index - len(soft)].noise)
        (noisy if is_noisy else misfits)[term.name] = size
    return misfits, noisy


def _size(values: Tensor, sample: Sample) -> float:
    """Weighted root mean square of values (p,)."""
    return float((sample.weights * values.square()).mean().sqrt())
