"""Steps of a refinement that must hold on points that they were not fitted to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pinn.problem.problem import Problem
from pinn.refinement.linearised import Imposed, Linearised
from pinn.refinement.stepping import best_step, gauss_newton_step
from pinn.sampling.samplers import Sample
from tests.pinn.refinement.problems import (
    burgers,
    dispersive,
    imposed_on,
    layer_for,
    plate,
    ramp,
    trial_of,
)


def crowded(problem: Problem, imposed: Imposed, share: float = 0.1) -> Imposed:
    """The points of the equations moved towards the centre of the domain."""
    inside, *others = imposed.samples
    centre = (torch.as_tensor(problem.domain.low) + torch.as_tensor(problem.domain.high)) / 2
    points = centre + share * (inside.points - centre)
    return Imposed([Sample(points, inside.weights), *others], imposed.weights)


@pytest.mark.parametrize("make", [burgers, dispersive, plate, ramp])
def test_a_step_that_holds_on_the_fitted_points_only_is_damped(
    make: Callable[[], Problem],
) -> None:
    """Points in the middle of the domain say little of the rest, where least squares is wild.

    Kills: the least-squares step whatever it does elsewhere, no step, a damped step whose value is
    that of another.
    """
    problem = make()
    trial = trial_of(problem)
    system = Linearised(problem, trial, layer_for(problem, trial, 40))
    fitted = crowded(problem, imposed_on(problem, trial, 60))
    validation = imposed_on(problem, trial, 300)
    now = system.value(validation)
    wild = system.linear_value(validation, gauss_newton_step(system, fitted))
    step = best_step(system, fitted, validation, now)
    assert wild > now
    assert step.left < 0.8 * now
    assert step.left == pytest.approx(system.linear_value(validation, step.change), rel=1e-12)


def test_a_step_that_helps_is_that_of_least_squares() -> None:
    """Kills: damping where nothing asks for it, which costs digits."""
    problem = plate()
    trial = trial_of(problem)
    system = Linearised(problem, trial, layer_for(problem, trial, 40))
    fitted, validation = imposed_on(problem, trial, 400), imposed_on(problem, trial, 300)
    step = best_step(system, fitted, validation, system.value(validation))
    torch.testing.assert_close(step.change, gauss_newton_step(system, fitted), rtol=0, atol=0)
