"""What random layers disagree on, beside what each leaves of the residual."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from pinn.problem.problem import Problem
from pinn.refinement.candidates import Candidate, disagreement
from pinn.refinement.refine import Refiner
from pinn.settings import Settings
from pinn.solution import ReferenceGrid, Solution
from tests.pinn.refinement.problems import resonant_square, trial_of


def candidate(left: float, *fields: float) -> Candidate:
    nothing: Any = None
    return Candidate(1.0, nothing, nothing, left, torch.tensor(fields, dtype=torch.float64))


def test_the_formula() -> None:
    """Kills: a mean square in place of its root, the smaller residual alone, no division by the
    size of the fields, the mean over pairs."""
    one, other = candidate(9e-8, 3.0, 4.0), candidate(16e-8, 3.0, 4.5)
    assert disagreement([one, other], 1.0) == pytest.approx(0.1 / 5e-4)
    near = candidate(9e-8, 3.0, 4.1)
    assert disagreement([one, near, other], 1.0) == pytest.approx(0.1 / 5e-4)


def test_layers_that_improve_nothing_have_no_say() -> None:
    """Kills: noise of a layer that failed, a division by 0, one layer that disagrees."""
    one = candidate(1e-8, 3.0, 4.0)
    for left in (1.0, math.inf, math.nan):
        assert disagreement([one, candidate(left, 1e9, 0.0)], 0.5) == 0.0
    assert disagreement([candidate(0.0, 1.0), candidate(0.0, 1.0)], 0.5) == 0.0
    assert disagreement([one], 0.5) == 0.0


def nearly_resonant(gap: float) -> tuple[Problem, Any]:
    """Helmholtz' equation with k^2 beside its lowest eigenvalue pi^2 / 2, and most of the solution.

    What is missing of it is odd in x: nothing of the lowest mode, which is even, so that the first
    step changes what the equation feels strongly, and tells nothing of what it hardly feels.
    """
    problem = resonant_square(gap)
    trial = trial_of(problem)
    where = torch.tensor([[0.3, 0.2]], dtype=torch.float64)
    trial.network = Constant()
    unit = float(trial.at(where)) / ((1 - 0.3**2) * (1 - 0.2**2))
    trial.network = Nearly(unit)
    return problem, trial


class Constant(torch.nn.Module):
    def forward(self, points: Any) -> Any:
        return 0 * points[..., :1] + 1


class Nearly(torch.nn.Module):
    """The solution over the factor of its hard form, and something odd in x."""

    def __init__(self, unit: float) -> None:
        super().__init__()
        self._unit = unit
        self.none = torch.nn.Parameter(torch.zeros(0, dtype=torch.float64))

    def forward(self, points: Any) -> Any:
        x, y = points[..., :1], points[..., 1:]
        exact = torch.exp(0.5 * x) * torch.sin(2 * x + y)
        return (exact + 1e-3 * torch.sin(3 * x) * torch.cos(2 * y)) / self._unit


@pytest.mark.parametrize("gap", [1.0, 1e-2, 1e-4, -1e-3])
def test_near_a_resonance_the_estimate_follows_the_error(gap: float) -> None:
    """Where the changes of the steps alone are 1e-3 of the error.

    Kills: an estimate from the steps alone, fields after another change than the candidate's.
    """
    problem, trial = nearly_resonant(gap)
    refined = Refiner(neurons=70)(problem, trial)
    found = Solution(problem, refined.trial, Settings(digits=None))
    error = ReferenceGrid(problem, 900).errors(found).relative_l2
    told = refined.report.error_estimate
    assert told is not None
    assert error / 3 < told < 30 * error
