"""Solves on a device other than the CPU: every stage, and what comes after."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pinn
from pinn.commands.choices import where_possible
from pinn.problem.problem import Problem
from pinn.refinement.refine import Refiner
from pinn.settings import Settings
from pinn.solved import Solved
from pinn.stages import digits
from pinn.stages.second_opinion import second_opinion
from pinn.trial.conditions import soft
from sciformer.cli.main import main
from tests.pinn.refinement.problems import (
    dispersive,
    flow_with_data,
    heat_with_unknown_diffusivity,
)


def heat_with_unknown() -> Problem:
    problem, _ = heat_with_unknown_diffusivity()
    return problem


ODE = """
import sympy
from pinn import Box, Condition, Problem
t = sympy.Symbol("t")
u = sympy.Function("u")(t)
wave = Problem("wave", (t,), (u,), (sympy.Eq(u.diff(t, 2) + u, 0),), Box(t=(0, 6)),
    (Condition(sympy.Eq(u, 1), on="t=0"), Condition(sympy.Eq(u.diff(t), 0), on="t=0")),
    exact={u: sympy.cos(t)})
"""


# Steady and in one dimension, where a bound of the error is cheap.
BEAM = """
import sympy
from pinn import Box, Condition, Problem
x = sympy.Symbol("x")
u = sympy.Function("u")(x)
beam = Problem("beam", (x,), (u,), (sympy.Eq(u.diff(x, 2), -sympy.sin(x)),), Box(x=(0, 1)),
    (Condition(sympy.Eq(u, 0), on="x=0"), Condition(sympy.Eq(u, 0), on="x=1")))
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide layer on networks that have hardly begun to learn."""
    monkeypatch.setattr(digits, "SHAPELESS", 1e9)


def solved(problem: Problem | str, device: torch.device | str, **choices: Any) -> Solved:
    return pinn.solve(
        problem,
        iterations=2,
        network=pinn.MLP.Sizes(width=4),
        digits=Refiner(neurons=40, steps=1),
        points=0.1,
        device=str(device),
        progress=False,
        **choices,
    )


@pytest.mark.parametrize("make", [dispersive, flow_with_data, heat_with_unknown])
def test_a_solution_of_a_card_is_that_of_the_cpu(
    make: Callable[[], Problem], card: torch.device
) -> None:
    """Kills: a stage that mixes devices, a wide layer that is left out, a Jacobian of other rows.

    Between them they have soft and hard conditions, a period, data and a coefficient.
    """
    choices = {"conditions": soft} if make is dispersive else {}
    there, here = solved(make(), card, **choices), solved(make(), "cpu", **choices)
    assert there.training["digits"]["scales"].keys() == {"1", "0.3"}
    points = here.solution.problem.domain.sample(50).numpy()
    found, expected = there.solution(points), here.solution(points)
    for field, values in expected.items():
        np.testing.assert_allclose(found[field], values, rtol=1e-6, atol=1e-7)
    assert there.verdict.outcome == here.verdict.outcome


def test_what_follows_a_solve_works_on_a_card(card: torch.device, tmp_path: Path) -> None:
    """Kills: a second look, a bound, a grid, a copy or a pickle that mixes devices."""
    file = tmp_path / "beam.py"
    file.write_text(BEAM)
    solution = solved(str(file), card).solution
    points = solution.problem.domain.sample(9)
    values = solution(points.to(card))["u"]
    assert values.device.type == card.type
    assert solution(points)["u"].device.type == "cpu"
    for other in (copy.deepcopy(solution), pickle.loads(pickle.dumps(solution))):
        np.testing.assert_array_equal(other(points.numpy())["u"], values.cpu().numpy())
    assert np.isfinite(solution.on_grid(50)[1]["u"]).all()
    assert solution.error_bound().bound > 0
    assert second_opinion(solution, lambda: solution, seconds=None) is not None


def test_runs_are_continued_on_another_device(
    card: torch.device, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a checkpoint that holds its device, a device that counts as another configuration."""
    file, run = tmp_path / "beam.py", tmp_path / "run"
    file.write_text(BEAM)
    words = ["solve", str(file), "--model", "mlp", "--set", "width=4", "--set", "points=0.1"]
    words += ["--set", "digits=off", "--iterations", "2", "--out", str(run)]
    assert main(words) in (0, 3)
    capsys.readouterr()
    more = ["--iterations", "4", "--device", str(card), "--json"]
    assert main(["solve", "--resume", str(run), *more]) in (0, 3)
    assert json.loads(capsys.readouterr().out)["iterations"] == 4


def test_a_run_goes_on_where_its_device_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: a run of a card that no other machine can continue; a silent change of device."""
    saved = dataclasses.replace(Settings(), device="cuda:99")
    assert where_possible(saved, None).device == "cpu"
    assert "cuda:99 is not available" in capsys.readouterr().err
    assert where_possible(saved, "cuda:0").device == "cuda:0"  # which is then refused


def test_windows_follow_each_other_on_a_card(card: torch.device, tmp_path: Path) -> None:
    """Kills: states and ends of windows on the CPU."""
    file, run = tmp_path / "long.py", tmp_path / "run"
    file.write_text(ODE)
    words = ["solve", str(file), "--windows", "2", "--iterations", "4"]
    assert main([*words, "--device", str(card), "--out", str(run)]) in (0, 3)
    values = pinn.Solution.load(run)(np.array([[0.0], [6.0]]))["u"]
    assert values[0] == pytest.approx(1, abs=1e-12)
