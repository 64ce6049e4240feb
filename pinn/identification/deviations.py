"""Uncertainty of the unknown parameters in a fit of noisy data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pinn.identification.uncertainty import Information, clustered_deviation, reweighted_shift
from sciformer.errors import DataError, DomainError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from pinn.solution import Solution
    from pinn.training.noisy_data import NoisyData

BOXES = 8  # along each coordinate but time; residuals in one box may agree


@dataclass(frozen=True)
class Deviations:
    """Parts of the uncertainty of each unknown, in its own unit, as `Identification` says them."""

    curvature: dict[str, float]
    misfit: dict[str, float]
    tolerance: dict[str, float]
    bound: dict[str, float]
    dispersion: float
    freedom: float


def deviations(objectives: NoisyData, solution: Solution) -> Deviations:
    """Curvature, misfit, tolerance and bound of the unknowns at the present rows.

    Raises:
        DataError: fewer samples than the fit uses up, or samples that do not tell an unknown.
    """
    objective, coefficients = objectives.present, solution.trial.coefficients
    assert objective is not None, "a step has been taken"
    assert coefficients is not None, "something is unknown"
    sizes = coefficients.sizes
    jacobian, rows = objectives.linearised()
    try:
        known = Information(jacobian, len(sizes))
    except DomainError as error:
        raise DataError(
            f"{solution.problem.name}: these samples do not tell {' and '.join(sizes)} apart from "
            "all that the fields may be; give samples in which each of them acts, or conditions."
        ) from error
    influences = known.influences(rows)
    problem = solution.problem
    space = [i for i, c in enumerate(problem.domain.coordinates) if c != problem.time] or [0]
    counts = [len(weighted.rows()) for weighted in objective.terms]
    places = [weighted.sample.points[:, space].cpu() for weighted in objective.terms]
    clusters = np.concatenate([_boxes(*part) for part in zip(places, counts, strict=True)])
    samples = objectives.is_sample()
    dispersion, freedom = known.dispersion(rows, samples)
    looser = torch.where(samples, 1.0, 0.5).to(rows)
    moved = reweighted_shift(jacobian, rows, looser, len(sizes))
    scale, bound = np.array(list(sizes.values())), known.cramer_rao()
    if freedom < 1:
        raise DataError(
            f"{problem.name}: {int(samples.sum())} measured values are too few: the fit can follow "
            "all of them, noise and all; give more samples, or conditions that the fields meet."
        )

    def named(values: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(sizes, (scale * values).tolist(), strict=True))

    return Deviations(
        curvature=named(dispersion * bound),
        misfit=named(clustered_deviation(influences, clusters)),
        tolerance=named(np.abs([influences.sum(0), moved]).max(0)),
        bound=named(bound),
        dispersion=dispersion,
        freedom=freedom,
    )


def _boxes(places: Tensor, rows: int) -> NDArray[np.int64]:
    """Which box of space, 8 along each coordinate, each row's point lies in.

    Boxes last for all the time: what is not represented at one place comes again with every wave.
    """
    low, high = places.min(0).values, places.max(0).values
    span = torch.where(high > low, high - low, 1.0)  # samples may all lie at one place
    cells = ((places - low) / span * BOXES).long().clamp(0, BOXES - 1)
    boxes = (cells * BOXES ** torch.arange(places.shape[1])).sum(1)
    return np.asarray(boxes.repeat(rows // len(places)).numpy())  # equation by equation
