"""Bounds of learned answers hold, in every norm, whatever was learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pinn.bounds.bounding import bound_errors
from pinn.bounds.error_bound import Norm
from pinn.families.answer import Answer
from pinn.families.learned import Learned
from pinn.families.learning import learn
from pinn.families.networks.shared_trunk import DeepONet, SpectralBranch
from pinn.families.registry import find_family
from pinn.families.solutions import grid
from pinn.families.starts import find_start
from pinn.families.training import Schedule
from tests.pinn.families.conftest import decaying


def started(name: str, start: str) -> Learned:
    """The start of a family alone."""
    family = find_family(name)
    return Learned(Answer(family, find_start(start, family), None), False, {"network": None})


def true_error(learned: Learned, seed: int, norm: str) -> float:
    """The largest over time of the norm of the error over space, on the grid of errors."""
    family = learned.family
    member, points = family.draw(1, seed), grid(family)
    exact = family.exact(member, points.numpy())[family.problem.field_names[0]][0]
    gap = (learned.solution(member).trial.at(points)[:, 0] - exact).abs()
    time = family.problem.domain.coordinates.index(str(family.problem.time))
    moments = points[:, time].unique()
    (low, high) = family.problem.domain.intervals[family.problem.domain.coordinates[1 - time]]
    found = []
    for moment in moments:
        here = gap[points[:, time] == moment]
        power = {"L1": 1.0, "L2": 2.0, "max": torch.inf}[norm]
        size = here.norm(power) * (
            1 if norm == "max" else ((high - low) / len(here)) ** (1 / power)
        )
        found.append(float(size))
    return max(found)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("burgers-family", "linear-flow"),
        ("burgers-family", "faded"),
        ("forced-burgers-family", "linear-flow"),
        ("diffusion-reaction-family", "linear-flow"),
        ("heat-family", "faded"),
        ("advection-family", "faded"),
    ],
)
def test_bounds_of_starts_are_never_below_the_error(name: str, start: str) -> None:
    """Kills: a residual of another member, a member that is not moved back to its place, walls
    that are taken as met, an initial gap that is left out."""
    learned = started(name, start)
    solution = learned.solution(learned.family.draw(1, 3))
    bounds, _ = bound_errors(solution.problem, solution.measured(), [Norm.L1, Norm.L2])
    for norm in (Norm.L1, Norm.L2):
        error, bound = true_error(learned, 3, norm.value), bounds[norm]
        assert error <= bound.bound * (1 + 1e-9)
        assert bound.kind == "estimate"
        if name != "advection-family":  # whose slopes may grow as fast as they like
            assert bound.bound < 40 * error


def test_the_bound_by_way_of_a_refined_answer_is_nearly_the_error() -> None:
    """Kills: a distance left out, a bound of the answer in place of the refined one."""
    learned = started("burgers-family", "faded")
    solution = learned.solution(learned.family.draw(1, 3))
    error, bound = true_error(learned, 3, "L2"), solution.error_bound("L2").bound
    assert error <= bound * (1 + 1e-9)
    assert bound < 1.2 * error


def test_the_bound_of_a_network_holds_and_is_said_by_its_readings() -> None:
    """Kills: single precision whose rounding is the residual, the network left out."""
    family = find_family("burgers-family")
    learned = learn(
        family,
        network=SpectralBranch(width=16, depth=2),
        start=find_start("linear-flow", family),
        schedule=Schedule(members=8, points=64, steps=20),
    )
    solution = learned.solution(family.draw(1, 3))
    bound = solution.error_bound("L1")
    assert true_error(learned, 3, "L1") <= bound.bound
    assert (
        bound.bound
        != started("burgers-family", "linear-flow")
        .solution(family.draw(1, 3))
        .error_bound("L1")
        .bound
    )
    assert bound.constants["rounding"] < 1e-5 * bound.size
    assert next(learned.answer.parameters()).dtype == torch.float32
    places = np.linspace(0, 1, 5)[:-1]
    with pytest.warns(UserWarning, match="start"):
        told = learned(start=(places, 0.3 * np.sin(2 * np.pi * places)))
    assert any("readings leave open" in line for line in told.error_bound("L1").assumptions)


def test_a_family_of_ones_own_has_bounds() -> None:
    """Kills: bounds of registered families only. A better network has a smaller one."""
    family = decaying()
    few, many = (
        learn(family, network=DeepONet(width=24, depth=2), schedule=Schedule(16, 96, steps=steps))
        for steps in (1, 60)
    )
    first, last = (one.solution(family.draw(1, 0)).error_bound("L2") for one in (few, many))
    assert last.bound < 0.9 * first.bound
