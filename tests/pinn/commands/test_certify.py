"""`sciformer solve --certify` and `sciformer verify`, from the command line to the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sciformer.cli.main import main

QUICK = ["--set", "width=6", "--set", "layers=1", "--set", "digits=off", "--iterations", "8"]


def test_a_solve_is_proven_and_its_certificate_confirmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    status = main(["solve", "heat", *QUICK, "--certify", "50", "--json", "--out", str(run)])
    found = json.loads(capsys.readouterr().out)
    assert found["proven"]["kind"] == "proven"
    assert found["proven"]["bound"] <= 50
    assert found["not_proven"] == ""
    assert status == (3 if found["verdict"] == "not converged" else 0)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["proven"] == found["proven"]
    assert main(["verify", found["certificate"], "--json"]) == 0
    confirmed = json.loads(capsys.readouterr().out)
    assert confirmed["derived"] <= confirmed["bound"] <= found["proven"]["bound"]


def test_a_bound_that_is_not_reached_is_said_and_has_its_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a bound beyond the tolerance under status 0."""
    out = ["--json", "--out", str(tmp_path / "run")]
    assert main(["solve", "heat", *QUICK, "--certify", "0.01", *out]) == 3
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["proven"]["bound"] > 0.01
    assert "is more than the 0.01 requested" in found["not_proven"]
    assert "NOT PROVEN" in captured.err


def test_what_cannot_be_proven_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    for words in (["heat", "--model", "physicsformer"], ["poisson"]):
        assert main(["solve", *words, "--certify", "1e-3", "--out", str(run)]) == 2
        assert "no proof of its error" in capsys.readouterr().err
    assert not run.exists()


def test_a_part_of_a_certificate_is_not_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "solution.json").write_text("{}")
    assert main(["verify", str(tmp_path), "--share", "0.5"]) == 2
    assert "leave it out" in capsys.readouterr().err
