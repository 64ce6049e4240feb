"""Points of a refinement: those it is fitted to, and those that judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinn.geometry.box import Box
from pinn.refinement.linearised import Imposed, data_samples, soft_conditions
from pinn.sampling.faces import DenserAtFaces
from pinn.sampling.samplers import Current, UniformSobol, WarpedSobol, weighted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.problem.problem import Problem
    from pinn.sampling.samplers import Sample
    from pinn.trial.trial_solution import TrialSolution

# Points that nothing is fitted to; their residual tells layers apart to a few per cent.
VALIDATION_POINTS = 2048
# Points on each soft condition for each point inside, as in the training.
ON_FACES = 1 / 8
# Coordinates with faces from which on hardly any of some thousand points lie near a corner: there
# the pressure of a flow in space and time was wrong by twice to thrice its error within.
MANY_AXES = 3


def fit_and_validation(
    problem: Problem, trial: TrialSolution, count: int, seed: int, weights: Mapping[str, float]
) -> tuple[Imposed, Imposed]:
    """Points for the fit and for validation: dense where the fields vary quickly.

    Args:
        problem: equations, conditions and data.
        trial: whose fields are looked at.
        count: of points of the fit inside.
        seed: of both.
        weights: of the terms.
    """
    # Seeds apart from each other and from those of the training.
    inside = _inside(problem, seed + 2000)
    other = UniformSobol(problem.domain, seed + 3000)
    warped = WarpedSobol(inside)
    fitted = [warped.draw(count, Current(trial.at, trial.at))]
    tested = [weighted(*inside.inside(*warped.place(other.unit(VALIDATION_POINTS))))]
    for index, condition in enumerate(soft_conditions(problem, trial)):
        part = problem.domain.part(condition.on)
        face = UniformSobol(part, seed + 4000 + index)
        fitted.append(face.draw(max(16, round(ON_FACES * count))))
        tested.append(face.draw(round(ON_FACES * VALIDATION_POINTS)))
    data = data_samples(problem, trial)
    return Imposed([*fitted, *data], weights), Imposed([*tested, *data], weights)


def for_polynomials(
    problem: Problem, trial: TrialSolution, count: int, seed: int, weights: Mapping[str, float]
) -> Imposed:
    """Points of a box at which polynomials are well-conditioned: denser towards the faces."""
    samples: list[Sample] = [DenserAtFaces(problem.domain, seed, _faces(problem)).draw(count)]
    for index, condition in enumerate(soft_conditions(problem, trial)):
        face = UniformSobol(problem.domain.part(condition.on), seed + 100 * (1 + index))
        samples.append(face.draw(max(16, round(ON_FACES * count))))
    return Imposed([*samples, *data_samples(problem, trial)], weights)


def _inside(problem: Problem, seed: int) -> UniformSobol:
    """The sequence that fills a domain, denser towards the faces of a box that has many."""
    axes = _faces(problem)
    if isinstance(problem.domain, Box) and len(axes) >= MANY_AXES:
        return DenserAtFaces(problem.domain, seed, axes)
    return UniformSobol(problem.domain, seed)


def _faces(problem: Problem) -> list[int]:
    """Coordinates that have faces, by position."""
    names = problem.domain.coordinates
    return [i for i, name in enumerate(names) if name not in problem.periodic]
