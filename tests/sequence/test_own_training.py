"""A user's own sequences from the file to the stream, in any unit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sciformer.cli.main import main
from sciformer.mixers import Pipeline
from sciformer.mixers.normalisation import Standardise
from sciformer.sequence.folding import fold
from sciformer.sequence.saved import load_model
from sciformer.sequence.streaming import Streamer

OFFSET, SCALE = 1e6, 1e4  # a sensor whose readings are far from 0 and 1


def sensor(frequency: float, length: int, generator: np.random.Generator) -> np.ndarray:
    wave = np.sin(frequency * np.arange(length) + generator.uniform(0, 6))
    return OFFSET + SCALE * np.stack([wave, generator.standard_normal(length)], 1)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ragged waves of three frequencies."""
    path = tmp_path_factory.mktemp("own") / "own.npz"
    generator = np.random.default_rng(0)
    lengths = generator.integers(20, 40, 180)
    sequences = [sensor(0.2 + 0.25 * (i % 3), n, generator) for i, n in enumerate(lengths)]
    np.savez(
        path,
        x=np.concatenate(sequences),
        offsets=np.cumsum([0, *lengths]),
        y=np.array(["slow", "middle", "fast"])[np.arange(180) % 3],
    )
    return path


@pytest.fixture(scope="module")
def run(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("run") / "run"
    arguments = ["--data", str(own), "--epochs", "5", "--threads", "1", "--json"]
    assert main(["train", "lmuformer", *arguments, "--out", str(directory)]) == 0
    return directory


def test_readings_far_from_one_are_learned(run: Path) -> None:
    """Kills: data that are not standardised, statistics that are not saved with the weights."""
    summary = json.loads((run / "summary.json").read_text())
    assert summary["accuracy"] >= 0.9  # chance: a third
    model, choice = load_model(run)
    assert choice.classes == ("fast", "middle", "slow")
    [stage] = [module for module in model.modules() if isinstance(module, Standardise)]
    assert stage.mean.tolist() == pytest.approx([OFFSET, OFFSET], rel=1e-2)
    assert stage.deviation.tolist() == pytest.approx([SCALE / 2**0.5, SCALE], rel=0.1)


def test_the_run_streams_raw_readings(run: Path) -> None:
    """Kills: a stream that skips the standardisation."""
    model, choice = load_model(run)
    generator = np.random.default_rng(7)
    for number, name in enumerate(("slow", "middle", "fast")):
        streamer = Streamer(model)
        for frame in sensor(0.2 + 0.25 * number, 40, generator):
            probabilities = streamer.push(torch.from_numpy(frame).float()[None])
        assert choice.classes[int(probabilities.argmax())] == name


def test_a_resumed_run_finds_its_data_again(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a run that forgets where its data lie."""
    out = str(tmp_path / "run")
    arguments = ["--data", str(own), "--epochs", "1", "--threads", "1", "--json"]
    assert main(["train", "lmuformer", *arguments, "--out", out]) == 0
    capsys.readouterr()
    assert main(["train", "--resume", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == out


def test_other_data_than_those_of_the_training_are_refused(
    own: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that grew, frames of another width, other names of the classes.

    Splits are drawn from the whole file, so sequences of the training would judge the model.
    Kills: a digest of the file's name, classes compared by their number.
    """
    with np.load(own) as file:
        arrays = dict(file)
    names = np.array(["slow", "middle", "quick"])[np.arange(180) % 3]
    grown = {
        "x": np.concatenate([arrays["x"], arrays["x"][:30]]),
        "offsets": np.append(arrays["offsets"], len(arrays["x"]) + 30),
        "y": np.append(arrays["y"], "slow"),
    }
    cases = [
        (grown, "holds other training sequences"),
        ({**arrays, "x": arrays["x"][:, :1]}, "has frames of 1 numbers"),
        ({**arrays, "y": names}, "the outputs 'middle', 'quick', 'slow'; the model was trained on"),
    ]
    (tmp_path / "x.csv").write_text("0,0\n")
    stream = ["stream", str(run), "--input", str(tmp_path / "x.csv"), "--until", "0.9"]
    for number, (changed, message) in enumerate(cases):
        path = tmp_path / f"{number}.npz"
        np.savez(path, **changed)
        for words in (stream, ["compress", str(run)], ["train", "--resume", str(run)]):
            assert main([*words, "--data", str(path)]) == 2
            assert message in capsys.readouterr().err


def test_a_model_without_data_is_asked_for_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "lmuformer"]) == 2
    assert "your own by --data FILE" in capsys.readouterr().err


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_statistics_are_those_of_the_data_in_any_unit(unit: float) -> None:
    """Kills: an absolute threshold for what is constant."""
    tokens = unit * torch.tensor([[3.0, 5.0], [7.0, 5.0], [8.0, 5.0]], dtype=torch.float64)
    stage = Standardise(2).double()
    stage.fit(tokens)
    found = stage(tokens)
    assert found[:, 0].mean().item() == pytest.approx(0, abs=1e-12)
    assert found[:, 0].std(correction=0).item() == pytest.approx(1, rel=1e-12)
    assert found[:, 1].abs().max().item() <= 5 * unit * 2.0**-50  # rounding of the mean


def test_folding_keeps_the_statistics() -> None:
    """Kills: a fold that drops the stage."""
    stage = Standardise(3).double()
    stage.fit(torch.tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 9.0]], dtype=torch.float64))
    model = Pipeline(standardise=stage, linear=torch.nn.Linear(3, 2).double())
    x = torch.randn(1, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(fold(model)(x)[0], model(x)[0], rtol=1e-13, atol=1e-13)
