"""A curriculum ends at the problem's own parameter, is reported, and survives a resume."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

import pinn
from pinn import names
from pinn.loss.weighting import GradientNorm
from pinn.networks import PhysicsFormer
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.training.curriculum import Curriculum, Ramp
from pinn.training.trainer import Limits
from pinn.trial.conditions import soft as soft_conditions
from sciformer.errors import UnknownNameError, UsageError
from sciformer.runs import Run

TINY: dict[str, Any] = {
    "network": PhysicsFormer.Sizes(steps=1, width=4, feed_forward=4),
    "points": 0.1,
    "digits": None,  # the training alone is looked at here
}


@pytest.fixture(scope="module")
def convection() -> Problem:
    return pinn.find_problem("convection", {"beta": 3.0})


@pytest.fixture(scope="module")
def bare(convection: Problem) -> Problem:
    """Without a reference, whose errors cost more than the training."""
    return dataclasses.replace(convection, exact={}, reference=None)


def weights(solution: Solution) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in solution.trial.parameters()])


def test_a_ramp_is_straight_and_then_level() -> None:
    ramp = Ramp(1.0, 9.0, 4)
    assert [ramp.at(i) for i in (0, 1, 3, 4, 50)] == [1.0, 3.0, 7.0, 9.0, 9.0]


@pytest.mark.parametrize("text", ["beta", "beta:1", "beta:x:3", "gamma:1:3", "beta:1:0", ""])
def test_a_curriculum_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match=r"parameter:start:iterations.* parameter of beta; got"):
        Curriculum.parse(text, {"beta": 50.0})


def test_the_parameter_moves_and_arrives(convection: Problem) -> None:
    """Kills: a curriculum that the equations do not see, or that never ends."""
    parsed = Curriculum.parse("beta:1:10", convection.parameter_values)
    assert parsed == Curriculum("beta", Ramp(1.0, 3.0, 10))
    made = Settings(**TINY, seed=2, curriculum=parsed)
    halfway = pinn.solve(convection, made, Limits(iterations=5))
    start, now, end = halfway.training["curriculum"]["beta"]
    assert (start, end) == (1.0, 3.0)
    assert 1.0 < now < 3.0
    assert halfway.best_iteration == 5  # what came before was another problem
    done = pinn.solve(convection, made, Limits(iterations=40))
    assert done.training["curriculum"]["beta"][1] == 3.0
    assert done.errors is not None
    assert done.errors.relative_l2 < 0.1


def test_a_curriculum_resumes_bit_for_bit(bare: Problem, tmp_path: Path) -> None:
    """Kills: a parameter that is not in the checkpoint."""
    made = Settings(**TINY, curriculum=Curriculum("beta", Ramp(1.0, 3.0, 6)))
    whole = pinn.solve(bare, made, Limits(iterations=9))
    run = Run.create(tmp_path / "run", "convection", {})
    pinn.solve(bare, made, Limits(iterations=4), run=run)
    resumed = pinn.solve(bare, made, Limits(iterations=9), run=run)
    assert torch.equal(weights(whole.solution), weights(resumed.solution))
    assert whole.training == resumed.training


@pytest.mark.parametrize("sampler", ["uniform", "importance", "warped", "rad", "r3"])
def test_every_sampler_resumes_bit_for_bit(bare: Problem, tmp_path: Path, sampler: str) -> None:
    made = Settings(**TINY, sampler=names.find("sampler", sampler), causal=0.5)
    whole = pinn.solve(bare, made, Limits(iterations=9))
    run = Run.create(tmp_path / "run", "convection", {})
    pinn.solve(bare, made, Limits(iterations=5), run=run)
    resumed = pinn.solve(bare, made, Limits(iterations=9), run=run)
    assert torch.equal(weights(whole.solution), weights(resumed.solution))
    assert set(whole.training["samplers"]) == {names.find("sampler", sampler).__name__}
    assert 0 < whole.training["causal"]["least_weight"] <= 1


def test_the_report_says_what_was_on(bare: Problem) -> None:
    hard = pinn.solve(bare, Settings(**TINY), Limits(iterations=4)).training
    assert hard["conditions"] == {"exact": ["t=0", "x"]}
    assert hard["optimiser"] == "LevenbergMarquardt"
    assert hard["steps"] == 4
    assert hard["residual_evaluations"] >= 12
    assert hard["samplers"] == {"uniform": 1, "ResidualImportance": 1}
    soft = Settings(**TINY, conditions=soft_conditions, weighting=GradientNorm())
    training = pinn.solve(bare, soft, Limits(iterations=4)).training
    assert training["conditions"] == {"exact": ["x"], "in_the_loss": ["t=0"]}
    assert training["balance"] == "GradientNorm"
    assert set(training["weights"]) == {"residual", "u(x, t) on t=0"}


def test_unknown_samplers_get_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown sampler 'warp'\. Did you mean 'warped'"):
        names.make("sampler", "warp")
