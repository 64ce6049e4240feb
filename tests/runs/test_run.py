"""The run directory as its users see it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import sciformer
from sciformer.errors import DataError, RunError, UsageError
from sciformer.runs import Run

CONFIG = {
    "problem": "burgers",
    "seed": 3,
    "network": {"width": 32, "steps": (5, 7)},
    "budget": None,
}


def test_the_config_says_what_a_number_depends_on(tmp_path: Path) -> None:
    """Kills: leaving out a version, the threads or the seed; writing another config."""
    run = Run.create(tmp_path / "run", "burgers", CONFIG)
    record = json.loads((run.path / "config.json").read_text())
    assert record["config"] == run.config == json.loads(json.dumps(CONFIG))
    assert record["kind"] == "burgers"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", record["created"])
    environment = record["environment"]
    assert environment["sciformer"] == sciformer.__version__
    assert (environment["torch"], environment["numpy"]) == (torch.__version__, np.__version__)
    assert environment["threads"] == torch.get_num_threads()
    assert {"python", "platform", "git"} <= environment.keys()
    assert Run.open(run.path) == run


def test_runs_without_a_directory_get_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: two runs of one second in one directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: "20260102-030405")
    names = [Run.create(None, "cavity", {}).path for _ in range(3)]
    stem = "runs/cavity-20260102-030405"
    assert [path.as_posix() for path in names] == [stem, f"{stem}-2", f"{stem}-3"]


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    """Kills: writing into somebody's files, or over an earlier run."""
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match=r"is not empty, it holds thesis\.tex; choose a new"):
        Run.create(tmp_path, "burgers", {})
    Run.create(tmp_path / "run", "burgers", {})
    with pytest.raises(UsageError, match=r"holds a run already; continue it with --resume"):
        Run.create(tmp_path / "run", "burgers", {})


def test_a_run_killed_before_its_config_can_be_created_again(tmp_path: Path) -> None:
    """Kills: taking the half-written config of a killed process for a file of the user."""
    (tmp_path / ".tmp-17-config.json").write_text('{"ki')
    assert Run.create(tmp_path, "burgers", {"seed": 1}).config == {"seed": 1}


def test_a_place_that_cannot_be_made_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match=r"cannot write .*run \(Not a directory\)"):
        Run.create(tmp_path / "runs" / "run", "burgers", {})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"cannot write runs/burgers-.* \(File exists\)"):
        Run.create(None, "burgers", {})


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"kind": 1'])
def test_a_directory_that_is_no_run_is_a_sentence(tmp_path: Path, content: str | None) -> None:
    """Kills: letting FileNotFoundError, JSONDecodeError, KeyError or TypeError through."""
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    wanted = r"is not a run directory" if content is None else r"is not what a run writes"
    with pytest.raises(DataError, match=wanted):
        Run.resume(tmp_path, {})


def test_resume_refuses_another_config_and_names_every_key(tmp_path: Path) -> None:
    """Kills: comparing top-level keys only; forgetting keys that one side lacks; stopping early."""
    run = Run.create(tmp_path / "run", "burgers", CONFIG)
    network = {"width": 64, "steps": (5, 7)}
    changed = {**CONFIG, "seed": 4, "network": network, "viscosity": 0.5}
    wanted = r"\(network\.width 32 -> 64, seed 3 -> 4, viscosity None -> 0\.5\)"
    with pytest.raises(UsageError, match=wanted):
        Run.resume(run.path, changed)
    assert Run.resume(run.path, CONFIG) == run


def test_resume_goes_back_to_the_checkpoint(tmp_path: Path) -> None:
    """Kills: keeping metrics that the continued run will write again; losing earlier ones."""
    run = Run.create(tmp_path / "run", "burgers", {"seed": 3})
    run.log(step=1)
    assert run.load_checkpoint() is None
    run.save_checkpoint({"w": torch.tensor([2.0, 3.0])}, {"step": 1})
    run.log(step=2)
    (run.path / ".tmp-17-figure.png").write_text("half")
    again = Run.resume(run.path, {"seed": 3})
    assert again.metrics() == [{"step": 1}]
    assert not list(run.path.glob(".tmp-*"))
    loaded = again.load_checkpoint()
    assert loaded is not None
    tensors, state = loaded
    assert torch.equal(tensors["w"], torch.tensor([2.0, 3.0]))
    assert state == {"step": 1}


def test_checkpoints_of_another_run_are_refused(tmp_path: Path) -> None:
    """Kills: files that are swapped between runs of equal shapes."""
    runs = [Run.create(tmp_path / name, "burgers", {"seed": len(name)}) for name in ("a", "bb")]
    for run in runs:
        run.save_checkpoint({"w": torch.ones(2)}, {"step": 1})
    shutil.rmtree(runs[0].path / "checkpoint")
    shutil.copytree(runs[1].path / "checkpoint", runs[0].path / "checkpoint")
    with pytest.raises(DataError, match=r"was written by another run"):
        Run.resume(runs[0].path, {"seed": 1})
    shutil.rmtree(runs[0].path / "checkpoint")
    (runs[0].path / "checkpoint").symlink_to(runs[1].path / "checkpoint")
    with pytest.raises(DataError, match=r"leads out of"):
        Run.resume(runs[0].path, {"seed": 1})


def test_resume_without_a_checkpoint_starts_over(tmp_path: Path) -> None:
    """Kills: keeping the metrics of the attempt that left no checkpoint."""
    run = Run.create(tmp_path / "run", "burgers", {})
    run.log(step=1)
    assert Run.resume(run.path, {}).metrics() == []


def test_metrics_take_scalars_of_torch_and_numpy(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", "burgers", {})
    run.log(step=np.int64(2), residual=torch.tensor(0.25), error=float("nan"))
    assert run.metrics() == [{"step": 2, "residual": 0.25, "error": None}]


def test_arrays_come_back(tmp_path: Path) -> None:
    """Kills: refusing a tensor that requires a gradient; casting to float32."""
    run = Run.create(tmp_path / "run", "burgers", {})
    u = torch.tensor([0.1, 0.2], dtype=torch.float64, requires_grad=True)
    run.write_array("solution.npz", u=u, x=np.arange(3))
    with np.load(run.path / "solution.npz") as arrays:
        assert arrays["u"].dtype == np.float64
        assert arrays["u"].tolist() == [0.1, 0.2]
        assert arrays["x"].tolist() == [0, 1, 2]


def test_files_and_json(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", "burgers", {})
    assert run.read_json("summary.json") is None
    run.write_json("summary.json", {"relative_l2": np.float64(2e-5), "worst": float("inf")})
    assert run.read_json("summary.json") == {"relative_l2": 2e-5, "worst": None}
    with run.file("figure.png") as path:
        path.write_bytes(b"png")
    assert (run.path / "figure.png").read_bytes() == b"png"


def test_a_configuration_changed_by_other_hands_is_refused(tmp_path: Path) -> None:
    """Kills: no checksum; one that depends on the order of keys or on spaces."""
    run = Run.create(tmp_path / "run", "burgers", CONFIG)
    path = run.path / "config.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(record.items()))))
    assert Run.open(run.path).config == run.config
    record["config"]["seed"] = 99
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"config\.json is damaged or was edited"):
        Run.open(run.path)
