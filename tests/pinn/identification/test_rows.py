"""Rows of a fit of noisy data: each counts by its own noise or tolerance, and lies in one box."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
import torch

import pinn
from pinn.assembly import build_trial
from pinn.data.cloud import Cloud
from pinn.identification.deviations import BOXES, _boxes
from pinn.networks import MLP
from pinn.optimisers import FlatParameters
from pinn.sampling.schedule import Schedule, Stage
from pinn.settings import Settings
from pinn.training.noisy_data import TIGHTEST, NoisyData
from pinn.training.progress import Progress
from pinn.trial.conditions import soft

T, K = sympy.symbols("t k")
Y = sympy.Function("y")(T)
TIMES = np.linspace(0, 6, 30)
VALUES = 20 + 70 * np.exp(-0.7 * TIMES)
SPREAD = 0.4 + 0.1 * np.arange(30)  # of the noise, sample by sample


@pytest.mark.parametrize(("tolerance", "samples"), [(0.3, 30), (1e-5, 12)])
def test_the_objective_is_a_sum_of_squares_in_units_of_noise_and_tolerance(
    tolerance: float, samples: int
) -> None:
    """noise_0^2 / N (sum (r / tolerance)^2 + sum (c / tolerance)^2 + sum ((y - s) / sigma)^2).

    Kills: a mean over one kind of rows for the mean over all, a tolerance below half the noise, a
    weight that counts twice, the last samples for the first.
    """
    problem = pinn.Problem(
        name="cooling",
        coordinates=(T,),
        fields=(Y,),
        equations=(sympy.Eq(Y.diff(T), -K * (Y - 20)),),
        domain=pinn.Box(t=(0, 6)),
        conditions=(pinn.Condition(sympy.Eq(Y, 90), on="t=0"),),
        unknown={K: pinn.Unknown(1.0, 0.3)},
        data=(Cloud(TIMES[:, None], {"y": VALUES}, noise={"y": SPREAD}),),
    )
    trial = build_trial(problem, Settings(network=MLP.Sizes(width=4, layers=1), conditions=soft))
    schedule = Schedule((Stage(0, 40, tolerance=tolerance, samples=samples),))
    flat = FlatParameters(list(trial.parameters()))
    objectives = NoisyData(problem, trial, flat, schedule, seed=1)
    objective = objectives.at(Progress())
    least = SPREAD.min() / VALUES.std()
    assert objectives.noise == pytest.approx(least)
    held_to = max(tolerance, TIGHTEST * least)
    inside, face, cloud = objective.terms
    assert [len(w.sample) for w in objective.terms] == [40, 16, samples]
    with torch.no_grad():
        parts = [w.term.residual(w.sample.points).flatten() for w in (inside, face)]
        found = trial.at(torch.from_numpy(TIMES[:samples, None]))[:, 0]
        gaps = (found - torch.from_numpy(VALUES[:samples])) / torch.from_numpy(SPREAD[:samples])
    squares = sum(float(part.square().sum()) for part in parts) / held_to**2
    squares += float(gaps.square().sum())
    count = 40 + 16 + samples
    assert objective.value() == pytest.approx(least**2 / count * squares, rel=1e-10)
    is_sample, rows = objectives.is_sample(), objective.rows() * objectives.noise_units()
    assert int(is_sample.sum()) == samples
    assert torch.allclose(rows[is_sample], gaps, rtol=1e-9)
    assert torch.allclose(rows[~is_sample], torch.cat(parts) / held_to, rtol=1e-9)
    assert objectives.report()["points"][cloud.term.name] == samples


def test_boxes_are_eighths_of_space_and_the_same_for_each_equation() -> None:
    """Kills: coordinates exchanged, a last box beside the domain, rows point by point."""
    places = torch.tensor([[1.0, -2.0], [3.0, 2.0], [1.26, -2.0], [1.24, 1.6], [2.0, 0.1]])
    found = _boxes(places, rows=10)
    along = [(0, 0), (7, 7), (1, 0), (0, 7), (4, 4)]
    wanted = [i + BOXES * j for i, j in along]
    assert found.tolist() == wanted + wanted
    assert _boxes(torch.full((3, 2), 5.0), rows=3).tolist() == [0, 0, 0]
