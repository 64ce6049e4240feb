"""Ctrl-C in fits, races and learning: what was found is kept, and commands end with 130."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

import pinn
from pinn.families import training
from pinn.families.networks.shared_trunk import SpectralBranch
from pinn.families.registry import find_family
from pinn.families.saved import load
from pinn.families.training import Schedule
from pinn.networks import MLP, Race
from pinn.stages import race
from pinn.training.progress import Progress
from sciformer.cli.main import main

PROBLEM = """
import pinn, sympy
t, k = sympy.symbols("t k")
y = sympy.Function("y")(t)
decay = pinn.Problem(name="decay", coordinates=t, fields=y, domain=pinn.Box(t=(0, 3)),
    equations=sympy.Eq(y.diff(t), -k * y), parameters={k: 0.4})
"""
TIMES = np.linspace(0, 3, 20)
READINGS = np.exp(-0.7 * TIMES)


@pytest.fixture(autouse=True)
def heeded() -> Any:
    """A suite that was started in the background of a shell ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def decay() -> pinn.Problem:
    t, k = sympy.symbols("t k")
    y = sympy.Function("y")(t)
    return pinn.Problem(
        name="decay",
        coordinates=t,
        fields=y,
        equations=sympy.Eq(y.diff(t), -k * y),
        domain=pinn.Box(t=(0, 3)),
        unknown={k: pinn.Unknown(1.0, 0.4)},
    )


def test_an_interrupted_fit_returns_what_it_found() -> None:
    """Kills: KeyboardInterrupt with nothing kept; a calm verdict on a fit that was cut short."""

    def after_six(progress: Progress) -> None:
        if progress.iteration == 6 and progress.stopped is None:
            press()

    data = pinn.Cloud(TIMES[:, None], {"y": READINGS}, noise={"y": 0.01})
    small: dict[str, Any] = {"network": MLP.Sizes(width=5, layers=1), "points": 0.1}
    found = pinn.identify(decay(), data, iterations=500, observers=[after_six], **small)
    assert (found.stopped, found.iterations) == ("interrupted", 7)
    assert not found.verdict.converged
    assert "the fit was interrupted after 7 steps" in str(found.verdict)
    assert found.values["k"] != 0.4
    assert np.isfinite(found.interval("k")).all()


def test_an_interrupted_fit_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: further seeds after Ctrl-C, values that are lost, exit status 0 or 3."""
    (tmp_path / "decay.py").write_text(PROBLEM)
    table = np.column_stack([TIMES, READINGS])
    np.savetxt(tmp_path / "s.csv", table, header="t,y", delimiter=",", comments="")
    pressed = []

    def shower(*_: Any) -> Any:
        pressed.append(0)
        return lambda progress: press() if progress.iteration == 3 else None

    monkeypatch.setattr("pinn.commands.fit_arguments.shower", shower)
    words = ["identify", str(tmp_path / "decay.py"), "--data", str(tmp_path / "s.csv")]
    assert main([*words, "--unknown", "k", "--seeds", "3", "--threads", "1"]) == 130
    said = capsys.readouterr()
    assert "k = " in said.out
    assert "(95 %)" in said.out
    assert "NOT CONVERGED: the fit was interrupted after 4 steps" in said.err
    assert len(pressed) == 1


def test_an_interrupted_race_returns_its_best_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: KeyboardInterrupt out of the race, a run directory for what never started."""
    first = MLP.Sizes(width=4, layers=1)
    monkeypatch.setattr(Race, "candidates", ((first, 5), (MLP.Sizes(width=3, layers=1), 5)))
    make, made = race.make_trainer, []

    def interrupting(*arguments: Any) -> Any:
        trainer = make(*arguments)
        made.append(trainer)
        if len(made) == 2:
            step = trainer._step
            trainer._step = lambda: (step(), press())
        return trainer

    monkeypatch.setattr(race, "make_trainer", interrupting)
    x = sympy.Symbol("x")
    u = sympy.Function("u")(x)
    ends = [pinn.Condition(sympy.Eq(u, 0), on=f"x={end}") for end in (0, 1)]
    rod = pinn.Problem(
        "rod", x, u, sympy.Eq(u.diff(x, 2), sympy.exp(3 * x)), pinn.Box(x=(0, 1)), ends
    )

    def start(_: Any) -> Any:
        raise AssertionError("a run was started")

    solved = pinn.solve(rod, points=0.05, budget=60, run=start)
    assert solved.stopped == "interrupted"
    assert len(made) == 2
    assert solved.solution.settings.network in (first, MLP.Sizes(width=3, layers=1))
    assert solved.iterations > 0
    assert np.isfinite(solved.solution(np.array([[0.5]]))["u"]).all()


def test_interrupted_learning_keeps_the_best_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: minutes of training lost by Ctrl-C, the second stage begun after it."""
    observed = []

    def observe(share: float, metrics: dict[str, float]) -> None:
        observed.append(share)
        if len(observed) == 2:
            press()

    schedule = Schedule(members=8, points=32, steps=400)
    small = SpectralBranch(width=8, depth=1)
    learned = pinn.learn("burgers-family", network=small, schedule=schedule, observe=observe)
    assert learned.about["is_interrupted"]
    assert 0 < learned.about["steps"] < 40
    assert observed[-1] < 1

    def pressing(*arguments: Any) -> Any:
        press()
        return original(*arguments)

    original = training._step
    monkeypatch.setattr(training, "_step", pressing)
    run = tmp_path / "run"
    words = ["learn", "burgers-family", "--network", "spectral", "--set", "width=8"]
    assert main([*words, "--set", "members=8", "--budget", "60", "--out", str(run)]) == 130
    assert f"the best network so far is kept in {run}" in capsys.readouterr().err
    assert not (run / "summary.json").exists()
    member = find_family("burgers-family").draw(1, 5)

    assert np.isfinite(load(run).solution(member)(np.array([[0.2, 0.5]]))["u"]).all()
