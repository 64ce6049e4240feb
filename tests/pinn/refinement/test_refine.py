"""A refinement: gains digits, never raises the validation residual, says what it did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import pinn
from pinn.networks import MLP
from pinn.problem.problem import Problem
from pinn.refinement import candidates, refine
from pinn.refinement.linearised import Linearised
from pinn.refinement.polynomials import PolynomialLayer
from pinn.refinement.refine import Refiner, _Work
from pinn.refinement.report import Iterate, estimate
from pinn.refinement.size import size_of
from pinn.refinement.stepping import Step
from pinn.refinement.wide_layer import WideLayer
from pinn.settings import Settings
from pinn.solution import ReferenceGrid, Solution
from pinn.training.trainer import Limits
from sciformer.errors import UsageError
from tests.pinn.refinement.problems import (
    burgers,
    dispersive,
    flow_with_data,
    heat_with_unknown_diffusivity,
    plate,
    trial_of,
)


@pytest.mark.parametrize("make", [burgers, dispersive, plate, flow_with_data])
@pytest.mark.parametrize("neurons", [3, 60])
def test_no_step_raises_the_validation_residual(make: Callable[[], Problem], neurons: int) -> None:
    """From untrained networks, where full Gauss-Newton steps may lead anywhere.

    Kills: a step that is kept whatever it does, a step that is not taken back, a report of the
    iterate before the last.
    """
    problem, trial = make(), trial_of(make(), seed=3)
    refiner = Refiner(neurons=neurons)
    before = trial.at(problem.domain.sample(9))
    refined = refiner(problem, trial)
    values = [iterate.validation for iterate in refined.report.iterates]
    assert values == sorted(values, reverse=True)
    assert torch.equal(trial.at(problem.domain.sample(9)), before)
    work = _Work(refiner, problem, trial, {}, refine.ALONE)
    size = work._size(None)
    assert size is not None
    _, validation = work._points(size)
    network = refined.trial.network
    is_layer = isinstance(network, WideLayer | PolynomialLayer)
    assert is_layer == (refined.report.steps > 0)
    if isinstance(network, WideLayer | PolynomialLayer):
        kept = Linearised(problem, trial, network).value(validation)
        assert kept == pytest.approx(values[-1], rel=1e-12)


def test_a_step_that_helps_nowhere_leaves_the_solution_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills: a worse result that is returned, a report of neurons that are not there."""
    problem = burgers()
    trial = trial_of(problem)

    def nonsense(system: Linearised, *_: object) -> Step:
        return Step(torch.full((system.columns,), 1e6, dtype=torch.float64), 1e30)

    monkeypatch.setattr(candidates, "best_step", nonsense)
    refined = Refiner(neurons=10)(problem, trial)
    assert refined.trial is trial
    assert refined.report.neurons == 0
    assert refined.report.error_estimate is None
    assert "does not lower the validation residual" in refined.report.stopped


def test_too_long_a_step_is_taken_back_before_a_share_of_it_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills: a step that is not taken back, shares in a wrong order."""
    problem, trial = burgers(), trial_of(burgers())
    exact = candidates.best_step
    values = []
    for factor in (1.1, 4.4):  # of 4.4, a half still goes too far and a quarter is 1.1

        def stretched(*arguments: Any) -> Step:
            step = exact(*arguments)
            return step._replace(change=factor * step.change)  # noqa: B023  used within it only

        monkeypatch.setattr(candidates, "best_step", stretched)
        report = Refiner(neurons=80, scales=(1.0,), steps=1)(problem, trial).report
        values.append(report.iterates[1].validation)
    assert values[1] == pytest.approx(values[0], rel=1e-6)


def test_digits_on_a_trained_network_and_the_error_estimate() -> None:
    """Kills: any step but Gauss and Newton's; an estimate off by more than a factor of 20."""
    problem = pinn.find_problem("burgers", {"viscosity": 0.1})
    settings = Settings(network=MLP.Sizes(width=10, layers=3), points=0.3, digits=None)
    solved = pinn.solve(problem, settings, Limits(iterations=40)).solution
    reference = ReferenceGrid(problem, 1500)
    before = reference.errors(solved).relative_l2
    refined = Refiner(neurons=400)(problem, solved.trial)
    after = reference.errors(Solution(problem, refined.trial, settings)).relative_l2
    assert after < before / 100
    assert after < 5e-6
    told = refined.report.error_estimate
    assert told is not None
    assert after / 20 < told < after * 20


def test_an_unknown_coefficient_is_found_with_the_solution() -> None:
    """Kills: a coefficient that is not moved with the weights, one that is moved back alone."""
    problem, true = heat_with_unknown_diffusivity()
    refined = Refiner(neurons=250, steps=8)(problem, trial_of(problem), coefficients={"a": 0.2})
    assert refined.coefficients["a"] == pytest.approx(true, rel=1e-4)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    problem = dispersive()
    points = problem.domain.sample(9)

    def at_points(seed: int) -> Any:
        return Refiner(neurons=30, seed=seed)(problem, trial_of(problem)).trial.at(points).numpy()

    assert np.array_equal(at_points(1), at_points(1))
    assert not np.array_equal(at_points(1), at_points(2))


@pytest.mark.parametrize(("periodic", "share"), [((), 0.2048), (("x",), 0.1)])
def test_in_many_coordinates_points_lie_denser_at_faces(
    periodic: tuple[str, ...], share: float
) -> None:
    """Kills: uniform points everywhere, a periodic coordinate that counts as one with faces."""
    problem = dataclasses.replace(flow_with_data(), periodic=periodic)
    work = _Work(Refiner(neurons=100), problem, trial_of(problem), {}, refine.ALONE)
    fitted, validation = work._points(size_of(400, 3, 3))
    for imposed, expected in ((fitted, share), (validation, 0.1)):
        near = float((imposed.samples[0].points[:, 1:] < 0.1).double().mean())
        assert near == pytest.approx(expected, abs=0.01)


def test_too_little_time_and_wrong_requests_are_said() -> None:
    problem = burgers()
    assert Refiner()(problem, trial_of(problem), seconds=1e-4).report.stopped == (
        "too little time left"
    )
    with pytest.raises(UsageError, match=r"needs a solution in float64.*float32"):
        Refiner()(problem, trial_of(problem, dtype="float32"))
    for wrong in (
        {"neurons": -1},
        {"polynomials": -1},
        {"scales": ()},
        {"scales": (1.0, -1.0)},
        {"steps": 0},
    ):
        with pytest.raises(UsageError, match="Refiner"):
            Refiner(**wrong)  # type: ignore[arg-type]


def test_the_estimate_takes_what_layers_disagree_on_or_the_worst_step() -> None:
    """Kills: the first ratio alone, a residual that is not the root of a mean square, steps that
    count beside two layers, a smooth part that is left out or multiplied."""
    iterates = (Iterate(1e-4, 0.0, 0.0), Iterate(1e-8, 2e-3, 1.0), Iterate(4e-14, 5e-5, 2.0))
    assert estimate(iterates) == pytest.approx(0.5 * 2e-7)
    assert estimate(iterates, amplification=2.0) == pytest.approx(2.0 * 2e-7)
    assert estimate(iterates, amplification=0.1) == pytest.approx(0.1 * 2e-7)
    assert estimate(iterates, amplification=0.1, least=3e-7) == pytest.approx(3e-7)
    assert estimate(iterates[:1]) is None
    assert estimate(iterates[:1], amplification=2.0) is None
