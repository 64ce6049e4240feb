"""`sciformer compress`: a smaller run like any other, judged by splits that are what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sciformer.cli.main import main
from sciformer.compression import Prune
from sciformer.sequence import data as data_room
from sciformer.sequence.chosen_data import load_trained_on
from sciformer.sequence.commands import compress as command
from sciformer.sequence.compressing import metrics, shrink
from sciformer.sequence.data.dataset import Split
from sciformer.sequence.saved import load_model
from sciformer.sequence.tasks import wilson
from sciformer.sequence.training import evaluate
from tests.sequence.test_training import DATA, model

TRAIN = ["--dataset", "digits", "--epochs", "6", "--batch", "16", "--threads", "1", "--json"]


@pytest.fixture(autouse=True)
def toy_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_room, "load_data", lambda *_: DATA)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = str(tmp_path_factory.mktemp("train") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_room, "load_data", lambda *_: DATA)
        assert main(["train", "lmuformer", *TRAIN, "--out", directory]) == 0
    return directory


def test_the_result_is_a_run_like_any_other(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Recomputed from its files; streams, costs, is exported and compressed again.

    Kills: figures of another model, edits that are lost, a budget of the first model the second
    time.
    """
    first, second = str(tmp_path / "half"), str(tmp_path / "less")
    words = ["--how", "prune", "--budget", "0.5", "--tune", "1", "--json"]
    assert main(["compress", run, *words, "--out", first]) == 0
    report = json.loads(capsys.readouterr().out)
    whole, _ = load_model(run)
    half, choice = load_model(first)
    assert report["accuracy_before"] == evaluate(whole, DATA.test).accuracy
    assert report["accuracy_after"] == evaluate(half, DATA.test).accuracy
    assert report["validation_after"] == evaluate(half, DATA.validation).accuracy
    assert report["parameters"] == half.parameter_count() < whole.parameter_count()
    assert report["macs"] == half.operations(12).macs <= whole.operations(12).macs / 2
    assert report["bytes"] == (Path(first) / "model.safetensors").stat().st_size
    assert report["accuracy_after_low"] < report["accuracy_after"] <= report["accuracy_after_high"]
    assert report["run"] == first

    np.savetxt(tmp_path / "x.csv", DATA.test.inputs[0].numpy())
    assert main(["stream", first, "--input", str(tmp_path / "x.csv"), "--json"]) == 0
    streamed = json.loads(capsys.readouterr().out)
    with torch.no_grad():
        probabilities = half(DATA.test.inputs[:1]).softmax(1)[0]
    assert streamed["probability"] == pytest.approx(float(probabilities.max()), abs=1e-5)
    assert streamed["class"] == choice.classes[int(probabilities.argmax())]
    assert main(["cost", run, first, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[1]["macs"] == report["macs"]
    assert main(["export", first, "--format", "torch", "--json"]) == 0
    program = torch.export.load(json.loads(capsys.readouterr().out)["path"]).module()
    torch.testing.assert_close(program(DATA.test.inputs[:1]), half(DATA.test.inputs[:1]))

    words = ["--how", "low-rank", "--budget", "0.9", "--json"]
    assert main(["compress", first, *words, "--out", second]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["macs_before"] == report["macs"]
    assert load_model(second)[0].operations(12).macs == again["macs"] <= 0.9 * report["macs"]
    assert main(["train", "--resume", first]) == 2
    assert "is a run of 'compress', not of `sciformer train`" in capsys.readouterr().err


def test_one_training_serves_many_budgets(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Recomputed from the files; every smaller model is a slice of the one that was trained.

    Kills: a training for each budget, masks that are saved, one run for all.
    """
    out = tmp_path / "widths"
    words = ["--how", "elastic", "--tune", "1", "--at", "0.8,0.5", "--json", "--out", str(out)]
    assert main(["compress", run, *words]) == 0
    reports = json.loads(capsys.readouterr().out)
    whole, _ = load_model(out / "whole")
    for share, report in zip((0.8, 0.5), reports, strict=True):
        small, _ = load_model(out / f"{share:g}")
        assert report["budget"] == share
        assert report["macs"] == small.operations(12).macs <= share * whole.operations(12).macs
        assert report["accuracy_after"] == evaluate(small, DATA.test).accuracy
        for name, parameter in small.named_parameters():
            if "readout" not in name:
                slices = tuple(slice(size) for size in parameter.shape)
                assert torch.equal(whole.get_parameter(name)[slices], parameter)
    assert main(["compress", run, "--at", "0.5,0.5"]) == 2
    assert "expects each budget once" in capsys.readouterr().err


def test_sparse_maps_are_saved(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file holds the numbers that are said, and rows of one byte each."""
    out = str(tmp_path / "sparse")
    words = ["--how", "dense-sparse", "--budget", "0.6", "--json", "--out", out]
    assert main(["compress", run, *words]) == 0
    report = json.loads(capsys.readouterr().out)
    small, choice = load_model(out)
    assert any(edit.kind == "sparse" for edit in choice.edits)
    assert report["accuracy_after"] == evaluate(small, DATA.test).accuracy
    assert report["parameters"] == small.parameter_count()
    assert report["macs"] == small.operations(12).macs


@pytest.mark.parametrize("words", [["prune"], ["elastic", "--tune", "1"]])
def test_a_full_disk_leaves_nothing_begun(
    run: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit on the file size stands for the full disk; afterwards the same command works.

    Kills: a configuration without weights, which keeps the directory from being used again.
    """
    resource = pytest.importorskip("resource")
    command = ["compress", run, "--how", *words, "--out", str(tmp_path / "small")]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, hard))
    try:
        assert main(command) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "run: cannot write" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert main(command) == 0


def test_a_loss_beyond_drop_is_a_failure(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: --drop ignored, a gain taken for a loss."""
    words = ["--how", "low-rank", "--budget", "0.3", "--json", "--out"]
    assert main(["compress", run, *words, str(tmp_path / "a")]) == 0
    report = json.loads(capsys.readouterr().out)
    lost = report["validation_before"] - report["validation_after"]
    assert lost > 0.02, "the test needs a loss"
    drop = ["--drop", str(lost / 2)]
    assert main(["compress", run, *drop, *words, str(tmp_path / "b")]) == 1
    assert "more than --drop" in capsys.readouterr().err
    drop = ["--drop", str(2 * lost)]
    assert main(["compress", run, *drop, *words, str(tmp_path / "c")]) == 0


def test_every_way_side_by_side(
    run: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "BUDGETS", (0.5,))
    assert main(["compress", run, "--compare", "--at", "0.7", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    ways = ["whole", "dense-sparse", "elastic", "low-rank", "prune", "plain-cut"]
    assert [row["how"] for row in rows] == ways
    assert {row["budget"] for row in rows} == {1.0, 0.7}
    whole = rows[0]["metrics"]
    for row in rows[1:]:
        if row["metrics"] is not None:
            assert row["metrics"]["macs"] <= row["budget"] * whole["macs"]
    assert main(["compress", run, "--compare"]) == 0
    assert "plain-cut" in capsys.readouterr().out
    for words in (["--out", "small"], ["--tune", "1"], ["--drop", "0.1"]):
        assert main(["compress", run, "--compare", *words]) == 2
        assert "--compare trains nothing and writes no run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "how", "options"),
    [("regress", "prune", []), ("forecast", "low-rank", ["--horizon", "2"])],
)
def test_models_that_answer_with_numbers_are_made_smaller(
    task: str,
    how: str,
    options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the loss of their task, with r2 and its interval, recomputed from the files.

    Kills: cross-entropy for every task, an interval of shares, a budget that is not met.
    """
    monkeypatch.undo()
    draw = np.random.default_rng(0)
    phase = draw.uniform(0, 6, (60, 1))
    x = np.sin(0.4 * np.arange(12) + phase)
    np.savez(tmp_path / "own.npz", x=x, y=1e6 * np.cos(phase[:, 0]))
    whole, half = str(tmp_path / "whole"), str(tmp_path / "half")
    own = ["--data", str(tmp_path / "own.npz"), "--task", task, *options, "--threads", "1"]
    assert main(["train", "lmuformer", *own, "--epochs", "2", "--out", whole]) == 0
    capsys.readouterr()
    words = ["--how", how, "--budget", "0.5", "--tune", "1", "--json", "--out", half]
    assert main(["compress", whole, *words]) == 0
    report = json.loads(capsys.readouterr().out)
    before, choice = load_model(whole)
    after, _ = load_model(half)
    test = load_trained_on(choice).test
    assert report["r2_before"] == evaluate(before, test).value
    assert report["r2_after"] == evaluate(after, test).value
    with torch.no_grad():
        scale = after.outputs.deviation
        losses = ((after(test.inputs) - test.labels) / scale).double().square().mean(1)
    radius = 1.959964 * float(losses.std(correction=0)) / len(losses) ** 0.5
    assert report["r2_after"] == pytest.approx(1 - float(losses.mean()), rel=1e-5)
    assert report["r2_after_high"] - report["r2_after_low"] == pytest.approx(2 * radius, rel=1e-4)
    assert report["macs"] <= report["macs_before"] / 2
    (tmp_path / "x.csv").write_text("\n".join(map(str, x[0])))
    assert main(["stream", half, "--input", str(tmp_path / "x.csv"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["values"]) == len(choice.classes)


def test_what_is_not_a_run_is_said_before_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: an option of the command for runs that is unknown because the path is wrong."""
    assert main(["compress", "nowhere", "--json"]) == 2
    assert "nowhere is not a run directory" in capsys.readouterr().err


def test_the_test_split_is_not_touched() -> None:
    """Kills: units chosen, or normalisations measured, on what judges them."""

    class Untouchable(Split):
        def select(self, index: torch.Tensor) -> Split:
            raise AssertionError("the test split was read")

    sealed = replace(DATA, test=Untouchable(DATA.test.inputs, DATA.test.labels))
    small, edits = shrink(model().eval(), Prune(), 0.6, sealed)
    assert edits
    with pytest.raises(AssertionError, match="the test split was read"):
        metrics(small, sealed)


@pytest.mark.parametrize(
    ("right", "count", "interval"),
    [  # by the quadratic that defines it, solved by hand to four digits
        (0, 10, (0.0, 0.2775)),
        (10, 10, (0.7225, 1.0)),
        (5, 10, (0.2366, 0.7634)),
        (990, 1000, (0.9817, 0.9946)),
    ],
)
def test_wilson_intervals(right: int, count: int, interval: tuple[float, float]) -> None:
    """Also the definition itself: both ends are z deviations from what was seen.

    Kills: the normal interval, z of another level.
    """
    assert wilson(right, count) == pytest.approx(interval, abs=6e-5)
    for end in wilson(right, count):
        if 1e-9 < end < 1 - 1e-9:
            deviation = (end * (1 - end) / count) ** 0.5
            assert abs(right / count - end) == pytest.approx(1.959964 * deviation, rel=1e-9)


def test_unknown_ways_are_named(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compress", run, "--how", "prun"]) == 2
    assert "unknown way 'prun'. Did you mean 'prune'?" in capsys.readouterr().err
