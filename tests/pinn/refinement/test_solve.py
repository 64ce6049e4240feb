"""A solve refines what it has trained, says so, and leaves the refined solution on the disk."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinn
from pinn.jets import Jet, Operators
from pinn.networks import MLP, PhysicsFormer
from pinn.refinement.refine import Refiner
from pinn.refinement.saved_layers import trunk
from pinn.refinement.wide_layer import WideLayer
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.solved import attention_use
from pinn.stages import digits
from pinn.training.trainer import Limits
from sciformer.runs import Run
from tests.oracles.nested_autograd import all_derivatives

SMALL = {"network": MLP.Sizes(width=10, layers=3), "points": 0.2, "digits": Refiner(neurons=300)}


def solve(run: Run | None = None, **changes: Any) -> Any:
    problem = pinn.find_problem("burgers", {"viscosity": 0.3})
    settings = Settings(**{**SMALL, **changes})
    return pinn.solve(problem, settings, Limits(iterations=60), run=run)


@functools.cache
def refined_once() -> Any:
    """One refined solve for all tests that only look at it."""
    return solve()


def test_a_solve_is_refined_unless_it_is_told_not_to_be() -> None:
    """Kills: a refined solution that is not returned, an error of the trained network."""
    plain, refined = solve(digits=None), refined_once()
    assert isinstance(refined.solution.trial.network, WideLayer)
    assert not isinstance(plain.solution.trial.network, WideLayer)
    assert refined.errors.relative_l2 < plain.errors.relative_l2 / 30
    told = refined.summary()
    assert told["training"]["digits"]["neurons"] == 300
    assert refined.errors.relative_l2 / 30 < told["error_estimate"]
    assert told["error_estimate"] < 30 * refined.errors.relative_l2
    assert plain.summary()["error_estimate"] is None


def test_what_is_left_of_a_budget_goes_to_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The residual of a pulse in a wide domain is small from the first step on, and its network
    was left at an error of 5e-2 where the layer reaches 8e-8.

    Kills: no layer though time is left for it; a layer after so many steps and no seconds.
    """
    monkeypatch.setattr(digits, "SHAPELESS", 0.0)
    problem = pinn.find_problem("burgers", {"viscosity": 0.3})
    found = [
        pinn.solve(problem, Settings(**SMALL), limits).solution.trial.network
        for limits in (Limits(iterations=10, budget=60), Limits(iterations=10))
    ]
    assert [isinstance(network, WideLayer) for network in found] == [True, False]


def test_a_run_leaves_the_refined_solution(tmp_path: Path) -> None:
    """Kills: the network below the layer that is saved alone, output weights that are lost."""
    run = Run.create(tmp_path / "run", "burgers", {})
    settings = Settings(**SMALL)
    config = {
        "problem": "burgers",
        "parameters": {"viscosity": 0.3},
        "settings": settings.to_json(),
    }
    run = Run.create(tmp_path / "other", "burgers", config)
    solved = solve(run)
    loaded = Solution.load(run.path)
    points = solved.solution.problem.domain.sample(50).numpy()
    assert np.array_equal(loaded(points)["u"], solved.solution(points)["u"])
    assert loaded.settings.digits == settings.digits


def test_a_resumed_solve_equals_one_that_was_not_stopped(tmp_path: Path) -> None:
    """Kills: validations that are lost with the run, points or neurons that depend on the clock."""
    problem, settings = pinn.find_problem("burgers", {"viscosity": 0.3}), Settings(**SMALL)
    run = Run.create(tmp_path / "run", "burgers", {})
    pinn.solve(problem, settings, Limits(iterations=20), run=run)
    resumed = pinn.solve(problem, settings, Limits(iterations=60), run=run)
    whole = refined_once()
    points = problem.domain.sample(50)
    assert resumed.iterations == whole.iterations
    assert torch.equal(resumed.solution(points)["u"], whole.solution(points)["u"])


def test_the_training_ends_when_the_network_is_ripe() -> None:
    """Kills: a training that takes the whole budget, or ends before it has found the shape."""
    solved = pinn.solve(
        pinn.find_problem("burgers", {"viscosity": 0.3}),
        Settings(**SMALL),
        Limits(iterations=1000),
    )
    assert "validation residual" in solved.stopped
    assert solved.iterations < 300


def test_attention_of_a_refined_physicsformer_is_that_of_the_network_below() -> None:
    solved = solve(network=PhysicsFormer.Sizes(width=4, steps=3, feed_forward=6))
    use = attention_use(solved.solution)
    assert use is not None
    below = trunk(solved.solution.trial.network)
    plain = dataclasses.replace(solved, solution=solved.solution).solution
    plain.trial.network = below
    assert attention_use(plain) == use


def test_derivatives_of_a_refined_solution_are_those_of_nested_autograd() -> None:
    """Kills: a jet that loses a channel between the layer and the hard conditions."""
    solution = refined_once().solution
    operators = Operators(("x", "t"), ["x", "xx", "t"])
    points = solution.problem.domain.sample(5)
    jet = solution.trial(Jet.coordinates(points, operators))
    names = ["1", "x", "xx", "t"]
    exact = all_derivatives(solution.trial, points, ("x", "t"), names)
    for name, expected in zip(names, exact, strict=True):
        torch.testing.assert_close(jet.derivative(name), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("suffix", [".pt2", ".npz"])
def test_a_refined_solution_is_exported(suffix: str, tmp_path: Path) -> None:
    """Kills: a program without the layer."""
    from pinn.exchange.programs import program

    solution = refined_once().solution
    points = solution.problem.domain.sample(9)
    if suffix == ".pt2":
        found = program(solution).module()(points)[:, 0]
        torch.testing.assert_close(found, solution(points)["u"])
    else:
        axes, fields = solution.on_grid(100)
        grid = np.stack(np.meshgrid(*axes.values(), indexing="ij"), axis=-1).reshape(-1, 2)
        # Another order of the points in memory, and so of sums.
        np.testing.assert_allclose(fields["u"].ravel(), solution(grid)["u"], atol=1e-12)
