"""Flows with known coefficients: the cavity against finite elements, the wake from its samples."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from pinn.identification.forward import (
    CAVITY,
    WAKE,
    FlowSolved,
    reconstruct_wake,
    solve_cavity,
)
from pinn.identification.schedule import ALL, Schedule, Stage
from pinn.networks import MLP
from pinn.trial.inputs import PeriodicWave
from sciformer.cli.main import main
from sciformer.runs import Run


@pytest.mark.parametrize("form", ["streamfunction", "velocity"])
def test_the_cavity_in_seconds(form: str) -> None:
    """Kills: a sign or factor of the corner flow, of a wall, or of an equation in either form."""
    settings = replace(
        CAVITY,
        network=partial(MLP, width=10, layers=3),
        schedule=Schedule((Stage(0, 150, 0, 1.0), Stage(15, 300, 0, 1.0)), final_points=300),
        iterations=25,
    )
    solved = solve_cavity(form, settings)
    assert max(solved.centre_lines.values()) < 3e-2
    assert solved.errors["p"].relative_l2 < 0.15
    assert solved.iterations == 25
    # On the walls the solution is exact, whatever the network gives.
    wall = np.column_stack([np.linspace(0.1, 0.9, 9), np.full(9, 1.0)])
    assert solved.fields(wall)["u"] == pytest.approx(np.ones(9), abs=1e-9)


def test_the_wake_is_reconstructed_from_what_is_seen() -> None:
    """A few steps on few samples fit velocity, and pressure follows from the equations.

    Kills: samples of the wrong component, a trained coefficient, errors of the wrong snapshots.
    """
    settings = replace(
        WAKE,
        network=partial(MLP, width=10, layers=3),
        wave=PeriodicWave,
        schedule=Schedule(
            (Stage(0, 150, 600, 0.01), Stage(15, 300, 1000, 0.003)), final_points=300
        ),
        iterations=38,
    )
    solved = reconstruct_wake(settings=settings, samples=1000)
    assert solved.errors["u"].relative_l2 < 0.05
    assert solved.errors["v"].relative_l2 < 0.15
    assert solved.errors["p"].relative_l2 < 0.7
    assert "centre_line_u" not in solved.summary()


def test_solve_command(tmp_path, capsys) -> None:
    """From the shell to a run directory; options without a meaning here are refused."""
    out = str(tmp_path / "run")
    assert main(["solve", "cavity", "--iterations", "2", "--out", out, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    wanted = "problem form seed wall_seconds relative_l2_u mse_p centre_line_v run"
    assert set(wanted.split()) <= set(result)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["mse_u"] == result["mse_u"]
    grid = np.load(tmp_path / "run" / "solution.npz")
    assert grid["u"].shape == (len(grid["x"]), len(grid["y"]))
    assert grid["u"][len(grid["x"]) // 2, -1] == pytest.approx(1.0, abs=1e-6)
    assert (tmp_path / "run" / "figure.png").stat().st_size > 20_000
    for bad, sentence in (
        (["--steps", "3"], "has no --steps"),
        (["--set", "form=vorticity"], "unknown form 'vorticity'"),
        (["--set", "width=3"], "unknown --set key 'width'"),
        (["--model", "lstm"], "unknown model 'lstm'"),
    ):
        assert main(["solve", "cavity", *bad]) == 2
        assert sentence in capsys.readouterr().err


def test_a_continued_flow_is_the_flow_that_was_not_interrupted(tmp_path) -> None:
    """Kills: points drawn anew, the age of points or the damping forgotten."""
    # The last third would come at another step of the shorter run.
    schedule = Schedule((Stage(0, 100, ALL, 0.01),), final_points=100, every=4, late=2.0)
    settings = replace(WAKE, network=partial(MLP, width=6, layers=2), schedule=schedule, seed=3)

    def solve(run: Run | None, iterations: int) -> FlowSolved:
        now = replace(settings, iterations=iterations, budget=1e9)
        return reconstruct_wake(settings=now, run=run, samples=200)

    run = Run.create(tmp_path / "run", "cylinder-wake", {})
    whole, first, rest = solve(None, 11), solve(run, 6), solve(run, 11)
    assert (first.iterations, rest.iterations) == (6, 11)
    assert rest.errors == whole.errors
    assert rest.loss == whole.loss


def test_resume_by_the_command(tmp_path, capsys) -> None:
    """Kills: a run continued from the start, or with another seed."""
    out = str(tmp_path / "run")
    assert main(["solve", "cavity", "--iterations", "1", "--out", out, "--seed", "3"]) == 0
    capsys.readouterr()
    assert main(["solve", "--resume", out, "--iterations", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["iterations"], found["seed"]) == (2, 3)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [1, 2]
    assert main(["solve", "--resume", out, "--seed", "4"]) == 2
    assert "seed 3 -> 4" in capsys.readouterr().err
