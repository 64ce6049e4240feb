"""The smooth part of an error: found, known by its noise, and taken out of solutions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pinn.problem.problem import Problem
from pinn.refinement import refine
from pinn.refinement.candidates import Fit
from pinn.refinement.refine import Refiner, _Work
from pinn.refinement.size import size_of
from pinn.refinement.smooth_error import SmoothError, smooth_error
from pinn.refinement.timer import Timer
from pinn.settings import Settings
from pinn.solution import ReferenceGrid, Solution
from pinn.trial.trial_solution import TrialSolution
from tests.pinn.refinement.problems import bernoulli, resonant_square, trial_of


def over_bubble(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """f(s) / (1 - s^2) for an f that is 0 at -1 and 1, by its Chebyshev series; jets as well."""
    series = np.polynomial.chebyshev.chebinterpolate(lambda s: function(s) / (1 - s * s), 40)

    def value(s: Any) -> Any:
        before, now = 0 * s + 1, s
        total = series[0] * before + series[1] * now
        for coefficient in series[2:]:
            before, now = now, 2 * s * now - before
            total = total + coefficient * now
        return total

    return value


class Known(nn.Module):
    """The exact solution of `resonant`, a wave that the equation hardly feels, and a rough rest."""

    def __init__(self, unit: float, hardly: float, rough: float) -> None:
        super().__init__()
        self._unit, self._hardly, self._rough = unit, hardly, rough
        self._half_wave = over_bubble(lambda s: np.cos(math.pi / 2 * s))
        self.none = nn.Parameter(torch.zeros(0, dtype=torch.float64))

    def forward(self, points: Any) -> Any:
        x, y = points[..., :1], points[..., 1:]
        whole = torch.exp(0.5 * x) * torch.sin(2 * x + y)
        wave = self._half_wave(x) * self._half_wave(y)
        rest = torch.sin(90 * x + 70 * y) / 6500
        return (whole + self._hardly * wave + self._rough * rest) / self._unit


def resonant(gap: float = 1e-3) -> tuple[Problem, float]:
    """Helmholtz' equation with k^2 beside pi^2 / 2, and the unit of its hard form."""
    problem = resonant_square(gap)
    trial = trial_of(problem)
    trial.network = Known(1.0, 0.0, 0.0)
    where = torch.tensor([[0.3, 0.2]], dtype=torch.float64)
    value = (1 - 0.3**2) * (1 - 0.2**2) * math.exp(0.15) * math.sin(0.8)
    return problem, float(trial.at(where)) / value


def fit_of(problem: Problem, trial: TrialSolution) -> Fit:
    work = _Work(Refiner(), problem, trial, {}, refine.ALONE)
    size = size_of(100, len(problem.fields), len(problem.residual))
    timer = Timer(torch.device("cpu"), None, refine.ALONE)
    return Fit(problem, *work._points(size), refine.ALONE, timer)


def corrected(
    hardly: float, rough: float, seed: int = 0, columns: int = 250
) -> tuple[float, float, SmoothError]:
    """Errors before and after the correction, and what is said of it."""
    problem, unit = resonant()
    trial = trial_of(problem)
    trial.network = Known(unit, hardly, rough)
    found = smooth_error(fit_of(problem, trial), trial, {}, columns, seed)
    assert found is not None
    grid, settings = ReferenceGrid(problem, 900), Settings(digits=None)
    before = grid.errors(Solution(problem, trial, settings)).relative_l2
    found.system.move(found.change)
    moved = TrialSolution(found.system.layer, trial.constraint, trial.values)  # type: ignore[arg-type]
    return before, grid.errors(Solution(problem, moved, settings)).relative_l2, found


def test_what_the_equation_hardly_feels_is_found() -> None:
    """The wave makes a quarter of the residual that the rough rest makes, and all of the error.

    Kills: any step but least squares, a size or a noise that is not relative to the fields, a
    correction of the wrong sign, noise from one group alone.
    """
    before, after, found = corrected(1e-4, 1e-6)
    assert found.size == pytest.approx(before, rel=0.2)
    assert found.is_known
    assert after < before / 5
    assert after / 5 < found.noise < 5 * after


@pytest.mark.parametrize("columns", [28, 36, 45, 60])
def test_degrees_that_are_too_few_for_a_wave_are_known_to_be(columns: int) -> None:
    """Kills: noise alone, which is small where polynomials cannot hold the wave; degrees of
    the same parity alone."""
    _, after, found = corrected(1e-4, 0.0, columns=columns)
    assert found.open > after / 3


def test_noise_is_what_another_choice_of_points_changes() -> None:
    """Over seeds, for a residual that is rough alone: no correction is the truth.

    Kills: pulls of groups that are not added in squares, a noise that knows nothing of the rest.
    """
    said, true = [], []
    for seed in range(0, 40, 10):
        _, _, found = corrected(0.0, 1e-2, seed)
        said.append(found.noise)
        true.append(found.size)
    ratio = math.sqrt(sum(s * s for s in said) / sum(t * t for t in true))
    assert 0.4 < ratio < 2.5


def test_other_domains_and_too_few_columns_have_no_polynomials() -> None:
    from pinn.geometry.shapes import Disc

    problem = bernoulli()
    trial = trial_of(problem)
    assert smooth_error(fit_of(problem, trial), trial, {}, 1, 0) is None
    disc = dataclasses.replace(resonant()[0], domain=Disc(1.0, x=0, y=0), conditions=(), exact={})
    trial = trial_of(disc)
    assert smooth_error(fit_of(disc, trial), trial, {}, 50, 0) is None


@pytest.mark.slow
@pytest.mark.parametrize("wavenumber", [*range(1, 21), 6.664324, 4.4428, 9.933, 14.4, 19.9929])
def test_estimates_of_helmholtz_are_never_far_below_the_error(wavenumber: float) -> None:
    """From the exact solution with an error of 1e-3 that is no resonant wave; the last five lie
    beside eigenvalues pi^2 (m^2 + n^2) / 4.

    Kills: an estimate from random layers alone, which for k = 20 is a tenth of the error.
    """
    from pinn.problem.registry import find_problem

    problem = find_problem("helmholtz", {"wavenumber": float(wavenumber)})
    trial = trial_of(problem)
    trial.network = Started(trial)
    refined = Refiner(neurons=800)(problem, trial)
    solution = Solution(problem, refined.trial, Settings(digits=None))
    error = ReferenceGrid(problem, 4000).errors(solution).relative_l2
    told = refined.report.error_estimate
    assert told is not None
    assert told > error / 3


class Started(nn.Module):
    """sin(pi x) sin(4 pi y) over the factor of the hard form, and a smooth error."""

    def __init__(self, trial: TrialSolution) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.zeros(0, dtype=torch.float64))
        self._x = over_bubble(lambda s: np.sin(math.pi * s))
        self._y = over_bubble(lambda s: np.sin(4 * math.pi * s))
        self._unit = 1.0
        trial.network = self
        where = torch.tensor([[0.3, 0.2]], dtype=torch.float64)
        self._unit = float(trial.at(where) / self(where) / (1 - 0.3**2) / (1 - 0.2**2))

    def forward(self, points: Any) -> Any:
        x, y = points[..., :1], points[..., 1:]
        error = 1e-3 * torch.sin(3 * x + 1) * torch.cos(2 * y)
        return (self._x(x) * self._y(y) + error) / self._unit
