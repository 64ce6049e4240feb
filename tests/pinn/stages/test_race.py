"""The race of networks: the better one is kept, time is counted, and a user's word decides."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import sympy

import pinn
from pinn.geometry.box import Box
from pinn.networks import MLP, PhysicsFormer, Race
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.stages import race
from pinn.stages.race import decide
from sciformer.cli.main import main
from sciformer.runs import Run

FEW: dict[str, Any] = {"points": 0.05, "digits": None}
FILE = """
import sympy
from pinn import Box, Condition, Problem
x = sympy.Symbol("x")
u = sympy.Function("u")(x)
rod = Problem("rod", (x,), (u,), (sympy.Eq(u.diff(x, 2), sympy.exp(x)),), Box(x=(0, 1)),
    (Condition(sympy.Eq(u, 0), on="x=0"), Condition(sympy.Eq(u, 1), on="x=1")))
"""


def rod(**more: Any) -> Problem:
    x = sympy.Symbol("x")
    u = sympy.Function("u")(x)
    return Problem(
        "rod",
        (x,),
        (u,),
        (sympy.Eq(u.diff(x, 2), sympy.exp(3 * x) * sympy.sin(9 * x)),),
        Box(x=(0, 1)),
        (Condition(sympy.Eq(u, 0), on="x=0"), Condition(sympy.Eq(u, 1), on="x=1")),
        **more,
    )


def racing(monkeypatch: pytest.MonkeyPatch, *candidates: tuple[Any, int]) -> Settings:
    monkeypatch.setattr(Race, "candidates", candidates)
    return Settings.advised(rod(), **FEW)


@pytest.mark.parametrize("first", [0, 1])
def test_the_network_with_the_least_residual_wins(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: the first, the last, the one with the largest residual."""
    weak, strong = (MLP.Sizes(width=1, layers=1), 12), (MLP.Sizes(width=6, layers=2), 12)
    candidates = (weak, strong) if first == 0 else (strong, weak)
    choice = decide(rod(), racing(monkeypatch, *candidates), None)
    assert choice.settings.network == strong[0]
    assert choice.why.startswith("mlp by a race: validation residual ")
    assert choice.why.count("after 12 steps") == 2
    assert choice.seconds > 0
    assert choice.settings == dataclasses.replace(choice.settings, **FEW, seed=0, network=strong[0])


def test_a_network_at_its_goal_wins_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: time spent on candidates that could win nothing."""
    settings = racing(monkeypatch, (MLP.Sizes(width=9, layers=2), 200), (PhysicsFormer.Sizes(), 99))
    choice = decide(rod(), settings, None)
    assert "physicsformer" not in choice.why
    assert int(choice.why.rpartition("after ")[2].split()[0]) < 200


def test_nothing_moves_along_a_sequence_where_there_is_no_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills: a pseudo-sequence along the last coordinate of a static problem."""
    choice = decide(rod(), racing(monkeypatch, (PhysicsFormer.Sizes(), 1)), None)
    assert choice.settings.network == PhysicsFormer.Sizes(steps=1)


def test_what_user_or_problem_says_is_not_raced() -> None:
    """Kills: a race against advice, or against a choice."""
    own = Settings.advised(rod(), network=MLP.Sizes(width=3))
    assert decide(rod(), own, None).settings is own
    advised = rod(advice={"network": MLP.Sizes(width=5)})
    assert Settings.advised(advised).network == MLP.Sizes(width=5)
    assert Settings.advised(pinn.find_problem("burgers")).network == PhysicsFormer.Sizes()


def test_a_race_counts_against_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: a solve that takes its budget once more after the race, or no step at all."""
    monkeypatch.setattr(race, "SHARE", 1.0)
    settings = racing(monkeypatch, (MLP.Sizes(width=2, layers=1), 10**6))
    solved = pinn.solve(rod(), settings, pinn.Limits(budget=0.1))
    assert solved.choice
    assert solved.iterations == 1
    assert solved.train_seconds >= 0.1


def test_a_run_keeps_the_network_that_won(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: a configuration with a race in it, a resumed run that races again."""
    monkeypatch.setattr(Race, "candidates", ((MLP.Sizes(width=4, layers=1), 3),))
    file = tmp_path / "rod.py"
    file.write_text(FILE)
    quick = ["--iterations", "6", "--set", "points=0.05", "--json"]
    main(["solve", str(file), *quick, "--out", str(tmp_path / "run")])
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == "mlp"
    assert "by a race" in told["choice"]
    assert Run.open(tmp_path / "run").config["settings"]["network"]["name"] == "mlp"
    solution = pinn.Solution.load(tmp_path / "run")
    assert solution.settings.network == MLP.Sizes(width=4, layers=1)
    main(["solve", "--resume", str(tmp_path / "run"), "--iterations", "8", "--json"])
    assert "choice" not in json.loads(capsys.readouterr().out)


def test_sizes_on_the_command_line_are_those_of_a_physicsformer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: width= refused because nobody has said of which network."""
    file = tmp_path / "rod.py"
    file.write_text(FILE)
    quick = ["--iterations", "2", "--set", "points=0.05", "--json"]
    main(["solve", str(file), *quick, "--set", "width=4", "--out", str(tmp_path / "run")])
    assert json.loads(capsys.readouterr().out)["model"] == "physicsformer"
