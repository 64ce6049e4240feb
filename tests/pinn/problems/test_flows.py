"""Cavity and cylinder wake as problems like any other, against finite elements and the wake."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pinn
from pinn.data.embedded import embedded_wake_data
from pinn.data.flow import FlowData
from pinn.networks import MLP
from pinn.problems.cavity import cavity
from pinn.problems.cylinder_wake import cylinder_wake
from pinn.references.cavity import embedded_cavity
from pinn.sampling.schedule import Schedule, Stage
from pinn.settings import Settings
from pinn.solved import Solved
from pinn.trial.inputs import PeriodicWave
from sciformer.cli.main import main
from sciformer.errors import DomainError, UnknownNameError
from sciformer.runs import Run


@pytest.mark.parametrize(
    "form", [pytest.param("streamfunction", marks=pytest.mark.slow), "velocity"]
)
def test_the_cavity_in_seconds(form: str) -> None:
    """Kills: a sign or factor of the corner flow, of a wall, or of an equation in either form."""
    schedule = Schedule((Stage(0, 150), Stage(15, 300)), final=Stage(0, 300))
    network = MLP.Sizes(width=10, layers=3)
    problem = cavity(form=form)
    choices = {"network": network, "schedule": schedule, "spread": True, "digits": None}
    solved = pinn.solve(problem, **choices, iterations=45)
    line = np.linspace(0, 1, 401)[1:-1]
    middle = np.full_like(line, 0.5)
    for name, columns in (("u", (middle, line)), ("v", (line, middle))):
        points = np.column_stack(columns)
        gap = solved.solution(points)[name] - embedded_cavity()(points)[name]
        assert np.abs(gap).max() < 3e-2
    assert solved.errors is not None
    assert solved.errors.relative_l2_by_field["p"] < 0.15
    assert solved.iterations == 45
    # On the walls the solution is exact, whatever the network gives.
    lid = np.column_stack([np.linspace(0.1, 0.9, 9), np.full(9, 1.0)])
    assert solved.solution(lid)["u"] == pytest.approx(np.ones(9), abs=1e-9)


def test_the_cavity_says_nothing_of_its_corners() -> None:
    """Kills: a spline through the jump taken for a reference, or left out elsewhere."""
    reference = cavity().reference
    assert reference is not None
    found = reference(np.array([[0.01, 0.99], [0.99, 0.995], [0.03, 0.99], [0.01, 0.01]]))
    for values in found.values():
        assert np.isnan(values).tolist() == [True, True, False, False]


def test_the_channel_keeps_its_mass() -> None:
    """What enters leaves, through every section, and is developed at the open end.

    Kills: a wall that leaks, continuity left out, a condition of the open end on the wrong face.
    """
    schedule = Schedule((Stage(0, 150), Stage(15, 300)), final=Stage(0, 300))
    network = MLP.Sizes(width=10, layers=2)
    choices = {"network": network, "schedule": schedule, "iterations": 40, "digits": None}
    solution = pinn.solve("channel", progress=False, **choices).solution
    nodes, weights = np.polynomial.legendre.leggauss(24)
    y = (nodes + 1) / 2
    for x in (0.0, 0.4, 1.0, 2.0, 3.0):
        speed = solution(np.column_stack([np.full_like(y, x), y]))["u"]
        assert speed @ weights / 2 == pytest.approx(1.0, rel=0.01)
    assert speed == pytest.approx(6 * y * (1 - y), abs=0.02)


def test_a_wake_of_ones_own_leaves_out_a_snapshot_that_came_late() -> None:
    """Kills: the package's reference compared with another wake, or the first snapshot kept."""
    whole = embedded_wake_data()
    late = np.delete(np.arange(len(whole.time)), 1)
    data = FlowData(
        "late",
        whole.points,
        whole.time[: len(late)],
        whole.velocity[..., late],
        whole.pressure[:, late] if whole.pressure is not None else None,
    )
    assert data.has_late_start
    problem = cylinder_wake(samples=300, data=data)
    assert problem.reference is None
    assert problem.domain.intervals["t"] == (data.time[1], data.time[-1])
    assert problem.data[0].points[:, 2].min() >= data.time[1]
    punctual = cylinder_wake(samples=300, data=whole)
    assert punctual.domain.intervals["t"] == (whole.time[0], whole.time[-1])


def test_the_wake_is_reconstructed_from_what_is_seen() -> None:
    """A few steps on few samples fit velocity; pressure, which only the equations know, is found to
    its order of magnitude (.55 to 1.1 over seeds, 2.4 and more against a forgotten gauge).

    Kills: samples of the wrong component, a trained coefficient, a gauge that is forgotten.
    """
    schedule = Schedule(
        (
            Stage(0, 150, samples=600, tolerance=0.01),
            Stage(15, 300, samples=1000, tolerance=0.003),
        ),
        final=Stage(0, 300, tolerance=0.003, is_trusting=True),
    )
    solved = pinn.solve(
        cylinder_wake(samples=1000),
        network=MLP.Sizes(width=10, layers=3),
        wave=PeriodicWave,
        schedule=schedule,
        iterations=150,
    )
    assert solved.errors is not None
    by_field = solved.errors.relative_l2_by_field
    assert by_field["u"] < 0.02
    assert by_field["v"] < 0.05
    assert by_field["p"] < 1.5
    assert solved.solution.parameters == {"lambda_1": 1.0, "lambda_2": 0.01}


@pytest.mark.slow
def test_a_continued_flow_is_the_flow_that_was_not_interrupted(tmp_path: Path) -> None:
    """Kills: points drawn anew, the age of points or the damping forgotten."""
    # A final stage would come at another step of the shorter run.
    schedule = Schedule((Stage(0, 100, every=4, tolerance=0.01),))
    problem = cylinder_wake(samples=200, draw=3)
    settings = replace(
        Settings.advised(problem), network=MLP.Sizes(width=6, layers=2), schedule=schedule, seed=3
    )

    def solve(run: Run | None, iterations: int) -> Solved:
        return pinn.solve(problem, settings, pinn.Limits(iterations=iterations), run=run)

    run = Run.create(tmp_path / "run", "cylinder-wake", {})
    whole, first, rest = solve(None, 11), solve(run, 6), solve(run, 11)
    assert (first.iterations, rest.iterations) == (6, 11)
    assert rest.errors == whole.errors


def test_a_wake_that_cannot_be() -> None:
    with pytest.raises(DomainError, match="samples must be >= 1 and noise >= 0"):
        cylinder_wake(samples=0)
    with pytest.raises(UnknownNameError, match="unknown form 'vorticity'"):
        cylinder_wake(form="vorticity")


@pytest.mark.slow
def test_the_commands_know_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the shell to a run directory, its export, and a figure of u, v and p."""
    out = tmp_path / "run"
    quick = ["--set", "width=6", "--set", "points=0.2", "--device", "cpu", "--optimiser", "lbfgs"]
    quick += ["--set", "digits=off"]
    words = ["solve", "cavity", *quick, "--set", "form=velocity", "--iterations", "2"]
    assert main([*words, "--out", str(out), "--json"]) == 3  # two steps do not converge
    result = json.loads(capsys.readouterr().out)
    assert result["model"] == "mlp"
    assert set(result["mse_by_field"]) == {"u", "v", "p"}
    stored = json.loads((out / "summary.json").read_text())
    assert stored["mse_by_field"] == result["mse_by_field"]
    grid = np.load(out / "solution.npz")
    assert grid["u"].shape == (len(grid["x"]), len(grid["y"]))
    assert grid["u"][len(grid["x"]) // 2, -1] == pytest.approx(1.0, abs=1e-6)
    assert (out / "figure.png").stat().st_size > 20_000
    assert main(["export", str(out), "--format", "npz", "--points", "500", "--json"]) == 0
    capsys.readouterr()
    exported = np.load(out / "export.npz")
    assert np.nanmax(np.abs(exported["u"][5:-5, -1] - 1)) < 1e-6
    assert main(["list", "problems", "--json"]) == 0
    assert {"cavity", "cylinder-wake"} <= set(json.loads(capsys.readouterr().out)["problems"])
    for bad, sentence in (
        (["--set", "form=vorticity"], "unknown form 'vorticity'"),
        (["--model", "lstm"], "unknown model 'lstm'"),
    ):
        assert main(["solve", "cavity", *bad]) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.slow
def test_resume_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: a run continued from the start, or with another seed."""
    out = str(tmp_path / "run")
    quick = ["--set", "width=6", "--set", "points=0.2", "--set", "digits=off"]
    words = ["solve", "cavity", *quick, "--iterations", "1", "--out", out, "--seed", "3"]
    assert main(words) == 3
    capsys.readouterr()
    assert main(["solve", "--resume", out, "--iterations", "2", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert (found["iterations"], found["seed"]) == (2, 3)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines][-1] == 2
    assert main(["solve", "--resume", out, "--seed", "4"]) == 2
    assert "seed 3 -> 4" in capsys.readouterr().err
