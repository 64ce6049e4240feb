"""The end of a training: by computing time and not by the wall, and early where it rests."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import pinn
from pinn.assembly import build_trial
from pinn.networks import MLP
from pinn.optimisers import FlatParameters
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.stages.digits import training_limits
from pinn.trainers import make_trainer
from pinn.training.history import History
from pinn.training.plateau import Plateau
from pinn.training.trainer import Limits, Trainer
from sciformer.runs.clock import clock_of

if TYPE_CHECKING:
    from pinn.problem.problem import Problem

TINY: dict[str, Any] = {"network": MLP.Sizes(width=4, layers=1), "points": 0.1, "digits": None}


@pytest.fixture(scope="module")
def heat() -> Problem:
    return pinn.find_problem("heat")


def test_a_budget_counts_the_seconds_of_its_clock(heat: Problem) -> None:
    """Kills: another clock than the given one, a budget that is looked at before the step."""
    settings = Settings(**TINY)
    solution = Solution(heat, build_trial(heat, settings), settings)
    made = make_trainer(solution, Limits())
    ticks = itertools.count(0.0, 2.0)
    trainer = Trainer(
        FlatParameters(list(solution.trial.parameters())),
        made.optimiser,
        made.objectives,
        Limits(budget=10.0),
        clock=lambda: next(ticks),
    )
    assert trainer.run() == "budget of 10 s spent"
    assert trainer.progress.iteration == 5
    assert trainer.progress.elapsed == 10.0


def test_a_busy_machine_gives_the_same_steps(
    heat: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: time on the wall, which other programs take their share of."""
    ticks, wall = itertools.count(0.0, 0.125), itertools.count(0.0, 1e6)
    monkeypatch.setattr(time, "thread_time", lambda: next(ticks))
    monkeypatch.setattr(time, "monotonic", lambda: next(wall))
    settings = Settings(**TINY)
    solution = Solution(heat, build_trial(heat, settings), settings)
    trainer = make_trainer(solution, Limits(budget=1.0))
    trainer.run()
    assert trainer.progress.iteration == 8


def test_sleep_is_no_computing() -> None:
    """Kills: the wall's clock on a CPU; the host's own seconds on an accelerator."""
    clock = clock_of(torch.device("cpu"))
    begun = clock()
    time.sleep(0.05)
    assert clock() - begun < 0.04
    assert clock_of(torch.device("cuda")) is time.monotonic


def rest(fall: float, steps: int) -> History:
    """Residuals that fall by a factor every five steps, from far below the first one."""
    return History([(0, 1e9), *((5 * i, 1e3 * fall**-i) for i in range(1, steps // 5 + 1))])


def test_a_training_ends_at_rest_and_not_before() -> None:
    """Kills: no window, a window shorter than half of the steps, residuals on other points."""
    assert Plateau(100).reason(rest(1.0, 95)) is None
    assert "by less than 1.1 in 100 steps" in str(Plateau(100).reason(rest(1.0, 105)))
    assert Plateau(100).reason(rest(1.05, 1000)) is None
    falling = rest(1.05, 400).pairs
    paused = [*falling, *((400 + 5 * i, falling[-1][1]) for i in range(1, 40))]
    assert Plateau(100).reason(History(paused)) is None
    paused += [(600 + 5 * i, falling[-1][1]) for i in range(40, 60)]
    assert Plateau(100).reason(History(paused)) is not None
    assert Plateau(100).reason(History(paused, since=850)) is None
    assert Plateau(100).reason(History()) is None


def test_a_training_that_rests_where_it_began_goes_on() -> None:
    """Kills: Allen-Cahn given up at an error of one half, which it leaves after 300 steps."""
    flat = [(0, 1.0), *((5 * i, 2e-4) for i in range(1, 100))]
    assert Plateau(100).reason(History(flat)) is None
    assert Plateau(100, shape=1e-3).reason(History(flat)) is not None


@given(st.floats(1e-200, 1e200), st.floats(1.0, 1.5), st.integers(0, 60))
def test_units_do_not_decide_when_it_ends(unit: float, fall: float, count: int) -> None:
    """Kills: an absolute threshold."""
    pairs = [(5 * i, fall**-i * (1e-6 if i else 1.0)) for i in range(count)]
    scaled = History([(step, unit * value) for step, value in pairs])
    reasons = [Plateau(50).reason(history) for history in (History(pairs), scaled)]
    assert reasons[0] == reasons[1]


def test_a_training_that_comes_to_rest_says_so(heat: Problem) -> None:
    """Kills: an end that a solve without a wide layer never looks for."""
    settings = Settings(**{**TINY, "points": 0.05})
    solution = Solution(heat, build_trial(heat, settings), settings)
    limits = training_limits(solution, Limits(iterations=3000))
    assert limits.plateau is not None
    # So small a network never finds the shape.
    limits = replace(limits, plateau=replace(limits.plateau, shape=0.1))
    trainer = make_trainer(solution, limits)
    assert "no longer falls" in trainer.run()
    assert trainer.progress.iteration < 1500
