"""A second look estimates the error of a solution, by a correction or by another solve."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

import pinn
from pinn.networks import MLP
from pinn.problem.registry import find_problem
from pinn.refinement.refine import Refiner
from pinn.solution import Solution
from pinn.solved import Solved
from pinn.stages import at_once
from pinn.stages.second_opinion import distance, second_opinion
from pinn.training.verdict import Verdict

QUICK: dict[str, Any] = {
    "network": MLP.Sizes(width=8, layers=2),
    "digits": None,
    "iterations": 25,
    "progress": False,
}
LAYER = Refiner(neurons=200, scales=(1.0,))


@pytest.fixture(scope="module")
def solved() -> Solved:
    return pinn.solve(find_problem("heat", {}), **QUICK)


def never() -> Solution:
    raise AssertionError("no second solve is needed")


def with_settings(solution: Solution, **choices: Any) -> Solution:
    settings = dataclasses.replace(solution.settings, **choices)
    return Solution(solution.problem, solution.trial, settings)


def test_a_correction_finds_the_error_and_changes_nothing(solved: Solved) -> None:
    """Kills: the distance to the wrong solution, a solution that is corrected in place."""
    solution = with_settings(solved.solution, digits=LAYER)
    before = {name: value.clone() for name, value in solution.trial.state_dict().items()}
    found = second_opinion(solution, never)
    assert found is not None
    assert solved.errors is not None
    assert found.error_estimate == pytest.approx(solved.errors.relative_l2, rel=0.1)
    assert found.basis == "a correction of the residual"
    after = solution.trial.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_solve_has_the_estimate_that_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: a second solve that looks for further solutions too, of which nobody reads."""
    searched = []

    def search(verdict: Verdict, solution: Solution) -> Verdict:
        searched.append(solution)
        return verdict

    monkeypatch.setattr(at_once, "remarked", search)
    choices = {**QUICK, "digits": Refiner(neurons=1, steps=1, scales=(1.0,)), "iterations": 12}
    solved = pinn.solve(find_problem("heat", {}), estimate_error=True, **choices)
    assert solved.errors is not None
    assert solved.error_estimate is not None
    assert solved.training["error_estimate"] == "a second solve from another seed"
    assert len(searched) == 1
    assert 1 / 10 <= solved.error_estimate / solved.errors.relative_l2 <= 10
    assert solved.summary()["training"]["error_estimate"] == "a second solve from another seed"


def test_a_correction_that_does_not_convince_leads_to_a_second_solve(solved: Solved) -> None:
    """A layer of one neuron corrects nothing. Kills: its tiny change taken for the error."""
    solution = with_settings(solved.solution, digits=Refiner(neurons=1))
    other = pinn.solve(find_problem("heat", {}), seed=1, **QUICK).solution
    found = second_opinion(solution, lambda: other)
    assert found is not None
    assert found.basis == "a second solve from another seed"
    apart = distance(solution, other).relative_l2
    assert found.error_estimate == pytest.approx(apart / math.sqrt(2))


def test_the_distance_of_two_solutions_is_measured_as_errors_are(solved: Solved) -> None:
    problem = solved.solution.problem
    doubled = dataclasses.replace(
        problem, exact={}, reference=lambda points: {"u": 2 * solved.solution(points)["u"]}
    )
    other = Solution(doubled, solved.solution.trial, solved.solution.settings)

    class Twice(torch.nn.Module):
        def __init__(self, trial: torch.nn.Module) -> None:
            super().__init__()
            self.trial = trial

        def at(self, points: torch.Tensor) -> torch.Tensor:
            return 2 * solved.solution.trial.at(points)

    other.trial = Twice(solved.solution.trial)  # type: ignore[assignment]
    assert distance(solved.solution, other).relative_l2 == pytest.approx(0.5)


def test_a_network_that_was_given_is_not_solved_a_second_time(solved: Solved) -> None:
    choices = {"digits": Refiner(neurons=1), "network": torch.nn.Linear(2, 1)}
    assert second_opinion(with_settings(solved.solution, **choices), never) is None
