"""`sciformer list` and `sciformer show`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sciformer.cli.main import main
from sciformer.cli.registry import KINDS
from sciformer.runs import Run


def test_list_shows_everything_or_one_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["kind", "name", "what", "it", "is"]
    assert any(line.split()[:2] == ["commands", "show"] for line in lines)
    assert any(line.split()[:2] == ["problems", "burgers"] for line in lines)
    assert main(["list", "problems"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]} == {"problems"}


def test_list_as_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert tuple(found) == KINDS
    summary = "Show a run directory: configuration, summary, last metrics, files."
    assert found["commands"]["show"] == {"summary": summary, "distribution": "sciformer"}


def test_list_of_an_unknown_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "problem"]) == 2
    wanted = "sciformer list: unknown kind 'problem'. Did you mean 'problems'? Known: claims, "
    assert capsys.readouterr().err.startswith(wanted)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "run", "burgers", {"seed": 3, "viscosity": 0.0031830988618})
    run.log(step=1, residual=0.5)
    run.log(step=2, residual=0.25)
    run.save_checkpoint({"w": torch.ones(2)}, {"step": 2})
    run.write_json("summary.json", {"relative_l2": 2.5e-5})
    return run


def test_show_as_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(run.path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["path"], shown["kind"]) == (str(run.path), "burgers")
    assert shown["config"] == run.config
    assert shown["summary"] == {"relative_l2": 2.5e-5}
    assert (shown["metrics_count"], shown["last_metrics"]) == (2, {"step": 2, "residual": 0.25})
    assert shown["files"]["summary.json"] == (run.path / "summary.json").stat().st_size
    assert "checkpoint/000001/state.json" in shown["files"]


def test_show_for_a_person(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: rounding the configuration; leaving a part out."""
    assert main(["show", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{run.path}: burgers, created ")
    for part in (
        "0.0031830988618",
        "relative_l2  2.5e-05",
        "residual      0.25",
        "metrics.jsonl",
        "torch",
    ):
        assert part in out


def test_show_of_a_run_that_has_only_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: expecting a summary or metrics."""
    path = Run.create(tmp_path / "run", "burgers", {}).path
    assert main(["show", str(path)]) == 0
    assert "summary" not in capsys.readouterr().out


def test_show_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(tmp_path / "nothing")]) == 2
    assert "nothing is not a run directory, config.json cannot be read" in capsys.readouterr().err
