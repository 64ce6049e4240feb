"""Evolutions window after window: long, stiff and driven ones, whole runs, and honest ends."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
import torch

import pinn
from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.stages.window_length import WindowLength
from pinn.trial.windows import Windows
from sciformer.cli.main import main
from sciformer.errors import UsageError
from sciformer.runs.interrupts import INTERRUPTED

FILE = """
import sympy
from pinn import Box, Condition, Problem
t = sympy.Symbol("t")
u = sympy.Function("u")(t)
wave = Problem("wave", (t,), (u,), (sympy.Eq(u.diff(t, 2) + u, 0),), Box(t=(0, 6)),
    (Condition(sympy.Eq(u, 1), on="t=0"), Condition(sympy.Eq(u.diff(t), 0), on="t=0")),
    exact={u: sympy.cos(t)})
"""


def evolution(equation: Any, end: float, start: float = 1.0, name: str = "t") -> Problem:
    """u' = equation(u, t), u(0) = start."""
    t = sympy.Symbol(name)
    u = sympy.Function("u")(t)
    return Problem(
        "evolution",
        (t,),
        (u,),
        (sympy.Eq(u.diff(t), equation(u, t)),),
        Box(**{name: (0, end)}),
        (Condition(sympy.Eq(u, start), on=f"{name}=0"),),
    )


def test_an_oscillation_is_solved_and_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a state lost between windows, a saved window that is another one, a resumed start."""
    file, run = tmp_path / "long.py", tmp_path / "run"
    file.write_text(FILE)
    assert main(["solve", str(file), "--windows", "2", "--json", "--out", str(run)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["relative_l2"] < 1e-6
    assert told["training"]["windows"]["number"] == 2
    assert "windows in time are short" in told["choice"]
    loaded = pinn.Solution.load(run)
    times = np.linspace(0, 6, 61)[:, None]
    assert np.abs(loaded(times)["u"] - np.cos(times[:, 0])).max() < 1e-5
    assert main(["solve", "--resume", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["iterations"] == told["iterations"]


def test_time_goes_on_and_does_not_start_anew() -> None:
    """Kills: coefficients of time that begin at 0 in each window; N that is not N windows."""
    driven = evolution(lambda u, t: sympy.cos(t) * u, 6.0)
    solved = pinn.solve(driven, budget=20, windows=2)
    trial = solved.solution.trial
    assert isinstance(trial, Windows)
    assert trial.ends.tolist() == [3.0, 6.0]
    times = np.linspace(0, 6, 61)[:, None]
    expected = np.exp(np.sin(times[:, 0]))
    assert np.abs(solved.solution(times)["u"] - expected).max() < 1e-7
    assert solved.verdict.converged


@pytest.mark.slow
def test_a_stiff_decay_gets_short_windows_where_it_is_fast() -> None:
    """Kills: windows of one length, one that is accepted though it did not converge."""
    stiff = evolution(lambda u, s: -2000 * (u - sympy.cos(s)), 2.0, start=0.0, name="s")
    solved = pinn.solve(stiff, budget=20)
    trial = solved.solution.trial
    assert isinstance(trial, Windows)
    assert trial.ends[0] < 0.2
    s = np.linspace(0, 2, 201)
    k = 2000.0
    exact = k * (k * np.cos(s) + np.sin(s) - k * np.exp(-k * s)) / (k**2 + 1)
    assert np.abs(solved.solution(s[:, None])["u"] - exact).max() < 1e-6


def test_an_end_that_is_not_reached_is_said() -> None:
    """Kills: a calm answer over times that nothing was solved for."""
    blow_up = evolution(lambda u, t: u**2, 2.0)
    solved = pinn.solve(blow_up, iterations=200)
    assert not solved.verdict.converged
    assert "the solution ends at t = " in str(solved.verdict)
    trial = solved.solution.trial
    assert isinstance(trial, Windows)
    assert trial.ends[-1] == 2.0
    reached = float(trial.ends[-2])
    assert 0.3 < reached < 1.0
    times = np.linspace(0, min(reached, 0.9), 9)
    assert np.allclose(solved.solution(times[:, None])["u"], 1 / (1 - times), rtol=1e-5)


def test_an_interrupt_keeps_what_was_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: windows that are lost with Ctrl-C."""
    from pinn.training.trainer import Trainer

    runs, run = [], Trainer.run

    def interrupted(self: Trainer, *arguments: Any) -> str:
        runs.append(1)
        return INTERRUPTED if len(runs) == 2 else run(self, *arguments)

    monkeypatch.setattr(Trainer, "run", interrupted)
    solved = pinn.solve(evolution(lambda u, t: -u, 2.0), budget=20, windows=2)
    assert solved.stopped == INTERRUPTED
    assert "ends at t = 1 and not at 2, by an interrupt" in str(solved.verdict)
    assert solved.solution(torch.tensor([[1.0]]).double())["u"].item() == pytest.approx(
        math.exp(-1), rel=1e-7
    )


def test_what_has_no_windows_is_refused_or_solved_whole() -> None:
    """Kills: windows for fields of several coordinates, for values at both ends, for explicit
    settings that never asked for them."""
    with pytest.raises(UsageError, match="windows need fields of one coordinate"):
        pinn.solve("heat", windows=3, iterations=1)
    x = sympy.Symbol("x")
    u = sympy.Function("u")(x)
    ends = tuple(Condition(sympy.Eq(u, 0), on=f"x={end}") for end in (0, 1))
    rod = Problem("rod", (x,), (u,), (sympy.Eq(u.diff(x, 2), 1),), Box(x=(0, 1)), ends)
    with pytest.raises(UsageError, match="all of them at x=0; solve with windows=1"):
        pinn.solve(rod, windows=2, iterations=1)
    tiny: dict[str, Any] = {"network": MLP.Sizes(width=3, layers=1), "points": 0.1, "digits": None}
    for solved in (
        pinn.solve(rod, iterations=1, **tiny),
        pinn.solve(evolution(lambda u, t: -u, 1.0), Settings(**tiny), pinn.Limits(iterations=1)),
        pinn.solve(evolution(lambda u, t: -u, 1.0), iterations=1, windows=1, **tiny),
    ):
        assert not isinstance(solved.solution.trial, Windows)
    with pytest.raises(UsageError, match="windows must be >= 0"):
        Settings(windows=-1)


def test_lengths_shrink_and_grow() -> None:
    """Kills: growth into a length that has just failed, one that never grows again."""
    width = WindowLength(1.0)
    width.fails(1.0, 0.01)
    assert width.next == 0.2
    width.succeeds()
    assert width.next == 0.4
    width.succeeds()
    assert width.next == 0.8
    width.fails(0.8, 0.7)
    assert width.next == 0.8 / 25
    near = WindowLength(1.0, failed=1.5)
    near.succeeds()
    assert near.next == 1.0
    near.succeeds()
    assert near.next == 2.0


def test_a_window_that_division_does_not_mend_is_accepted() -> None:
    """Kills: windows divided down to nothing where the network is at its end, and a first failure
    accepted for being small."""
    width = WindowLength(8.0)
    assert width.accepts(9e-8)
    assert not width.accepts(2e-6)
    width.fails(8.0, 2e-6)
    assert not width.accepts(1.9e-7)  # ten times as good: a still shorter one may be better
    assert width.accepts(1e-6)
    width.succeeds(1e-6)
    assert width.accepts(2.9e-6)  # the next window is held to what this one could be
    assert not width.accepts(4e-6)
    width.fails(1.0, 0.5)
    assert not width.accepts(0.4)


@pytest.mark.slow
def test_what_has_decayed_does_not_hold_the_windows_short() -> None:
    """A -> B -> C with one fast step, long after it. Kills: a residual relative to what is left of
    A, 1e-400 in the end, and steps of b by the size of what feeds it."""
    t = sympy.Symbol("t")
    a, b, c = (sympy.Function(name)(t) for name in "abc")
    fast, slow = 100, sympy.Rational(1, 2)
    equations = (
        sympy.Eq(a.diff(t), -fast * a),
        sympy.Eq(b.diff(t), fast * a - slow * b),
        sympy.Eq(c.diff(t), slow * b),
    )
    kinetics = Problem(
        "kinetics",
        (t,),
        (a, b, c),
        equations,
        Box(t=(0, 10)),
        tuple(Condition(sympy.Eq(f, v), on="t=0") for f, v in ((a, 1), (b, 0), (c, 0))),
        exact={
            a: sympy.exp(-fast * t),
            b: fast * (sympy.exp(-slow * t) - sympy.exp(-fast * t)) / (fast - slow),
            c: 1 - (fast * sympy.exp(-slow * t) - slow * sympy.exp(-fast * t)) / (fast - slow),
        },
    )
    solved = pinn.solve(kinetics, progress=False)
    assert solved.verdict.converged
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 1e-8
    assert solved.training["windows"]["number"] < 20
