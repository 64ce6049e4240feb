"""Flows with known coefficients: the cavity against finite elements, the wake from its samples."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from pinn.identification.fit import Schedule, Stage
from pinn.identification.forward import CAVITY, WAKE, reconstruct_wake, solve_cavity
from pinn.networks import MLP
from pinn.networks.wave import PeriodicWave
from sciformer.cli.main import main


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
        schedule=Schedule((Stage(0, 150, 600, 10.0), Stage(15, 300, 1000, 3.0)), final_points=300),
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
    for bad, sentence in (
        (["--steps", "3"], "has no --steps"),
        (["--set", "form=vorticity"], "unknown form 'vorticity'"),
        (["--set", "width=3"], "unknown --set key 'width'"),
        (["--model", "lstm"], "unknown model 'lstm'"),
    ):
        assert main(["solve", "cavity", *bad]) == 2
        assert sentence in capsys.readouterr().err
