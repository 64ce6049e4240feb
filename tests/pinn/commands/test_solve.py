"""`sciformer solve` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pinn
from sciformer.cli.main import main

QUICK = ["--iterations", "6", "--threads", "1", "--set", "points=0.1", "--set", "width=4"]


def sciformer(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sciformer", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_from_the_shell_to_a_solution(tmp_path: Path) -> None:
    done = sciformer("solve", "burgers", *QUICK, "--json", cwd=tmp_path)
    assert done.returncode == 3, done.stderr  # six steps do not converge
    result = json.loads(done.stdout)
    wanted = "problem model seed parameters wall_seconds relative_l2 mse max_error run"
    assert set(wanted.split()) <= set(result)
    run = tmp_path / result["run"]
    for name in ("config.json", "metrics.jsonl", "solution.npz", "figure.png", "summary.json"):
        assert (run / name).stat().st_size > 0
    solution = pinn.Solution.load(run)
    grid = np.load(run / "solution.npz")
    points = np.stack(np.meshgrid(grid["x"], grid["t"], indexing="ij"), -1).reshape(-1, 2)
    values = solution(points)["u"].reshape(grid["u"].shape)
    assert np.abs(values - grid["u"]).max() < 1e-13
    assert "burgers" in done.stderr


def test_resume_continues_and_refuses_other_choices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: defaults of the command line taking the place of the run's own choices."""
    whole, cut = str(tmp_path / "whole"), str(tmp_path / "cut")
    longer = ["--iterations", "9"]
    start = [*QUICK, "--seed", "7", "--json"]
    assert main(["solve", "burgers", *start, *longer, "--out", whole]) == 3
    expected = json.loads(capsys.readouterr().out)
    assert main(["solve", "burgers", *start, "--out", cut]) == 3
    capsys.readouterr()
    assert main(["solve", "--resume", cut, *longer, "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["relative_l2"] == expected["relative_l2"]
    assert main(["solve", "--resume", cut, *longer, "--seed", "8"]) == 2
    assert "seed 7 -> 8" in capsys.readouterr().err


def test_the_table_and_the_ablation_stand_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["solve", "burgers", *QUICK, "--ablation", "--dtype", "float32"]) == 3
    shown = capsys.readouterr().out
    assert shown.count("float32") == 2
    assert "one token" in shown
    assert "entropy/log k" in shown
    assert len(list((tmp_path / "runs").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["burger"], "unknown problem 'burger'. Did you mean 'burgers'"),
        (["burgers", "--set", "viscosity=-1"], "viscosity must be > 0"),
        (["burgers", "--budget", "0"], "must be a number > 0"),
        (["burgers", "--set", "viscosty=1"], "unknown --set key 'viscosty'. Did you mean 'visc"),
        (["burgers", "--set", "width=many"], "expects a whole number"),
        (["burgers", "--model", "mpl"], "unknown model 'mpl'. Did you mean 'mlp'"),
        (["burgers", "--resume", "nowhere"], "is not a run directory"),
        (["burgers", "--device", "cuda:7"], "not available here"),
        (["burgers", "--optimiser", "lbgfs"], "unknown optimiser 'lbgfs'"),
        (["burgers", "--model", "mlp", "--ablation"], "needs a network with tokens"),
        ([], "which problem"),
        ([""], "unknown problem ''"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["solve", *arguments]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (tmp_path / "runs").exists()
