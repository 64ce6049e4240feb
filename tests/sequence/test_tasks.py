"""Numbers and frames to come: losses by hand, any unit, from the file to the stream."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import sciformer
from sciformer.cli.main import main
from sciformer.errors import DataError
from sciformer.sequence.data.own import load_own
from sciformer.sequence.data.targets import NextFrames, Numbers
from sciformer.sequence.folding import fold
from sciformer.sequence.pooling import Last
from sciformer.sequence.presets import make_model
from sciformer.sequence.saved import load_model
from sciformer.sequence.tasks import Regress
from sciformer.sequence.training import evaluate

OFFSET, SCALE = -3e5, 2e3


def waves(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy sines (N, 16); their frequency and height, the height in a unit far from 1."""
    draw = np.random.default_rng(3)
    frequency, height = draw.uniform(0.2, 1.2, count), draw.uniform(0.5, 2.0, count)
    times = np.arange(16)
    x = height[:, None] * np.sin(frequency[:, None] * times)
    x += 0.02 * draw.standard_normal(x.shape)
    return x, np.stack([frequency, OFFSET + SCALE * height], 1)


def test_loss_and_score_by_hand() -> None:
    """Kills: the mean of one output for the other, a deviation not squared, n - 1."""
    torch.manual_seed(0)
    model = make_model("lmuformer", "small", classes=2, length=5, theta=5.0).double()
    train = sciformer.Split(
        torch.zeros(2, 5, 1, dtype=torch.float64),
        torch.tensor([[1.0, 10.0], [5.0, 40.0]], dtype=torch.float64),
    )
    Regress().prepare(model, train)  # means 3 and 25, deviations 2 and 15
    outputs = torch.tensor([[2.0, 25.0]], dtype=torch.float64)
    labels = torch.tensor([[1.0, 40.0]], dtype=torch.float64)
    score = model.task.score(model, outputs, labels)
    assert score.loss == pytest.approx(((1 / 2) ** 2 + (15 / 15) ** 2) / 2)
    assert score.value == pytest.approx(1 - score.loss)
    model.head.weight.data.zero_()
    model.head.bias.data.zero_()
    model.eval()
    assert evaluate(model, train).value == pytest.approx(0.0)  # it says the means
    model.head.bias.data[:] = torch.tensor([1.0, -2.0])
    x = torch.randn(1, 5, 1, dtype=torch.float64)
    wanted = torch.tensor([[5.0, -5.0]], dtype=torch.float64)
    torch.testing.assert_close(model(x), wanted)
    torch.testing.assert_close(fold(model)(x), wanted)


def test_constant_targets_are_refused() -> None:
    data = sciformer.own_data(np.eye(10), np.full((10, 1), 1e6), targets=Numbers())
    with pytest.raises(DataError, match="target 0 is the same for all training sequences"):
        sciformer.train(data, task="regress", epochs=1)


def test_the_last_frames_are_what_is_asked(tmp_path: Path) -> None:
    """Kills: frames that the model reads and is asked, features and frames exchanged."""
    lengths = [4, 6, 5, 4, 6, 5, 4, 6]
    frames = [np.array([[10 * t + c for c in range(2)] for t in range(n)]) for n in lengths]
    offsets = np.cumsum([0, *lengths])
    np.savez(tmp_path / "own.npz", x=np.concatenate(frames), offsets=offsets)
    data = load_own(tmp_path / "own.npz", 0, NextFrames(2))
    assert data.classes == ("t+1:0", "t+1:1", "t+2:0", "t+2:1")
    assert data.train.lengths is not None
    for read, asked in zip(data.train.lengths.tolist(), data.train.labels.tolist(), strict=True):
        assert asked == [10 * read, 10 * read + 1, 10 * read + 10, 10 * read + 11]
    with pytest.raises(DataError, match=r"needs sequences of more frames, .* has one of 4"):
        load_own(tmp_path / "own.npz", 0, NextFrames(4))


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (np.array(["a"] * 8), "are not numbers to regress"),
        (np.array([np.nan] * 8), "targets that are not finite"),
    ],
)
def test_targets_that_are_no_numbers_are_refused(
    y: np.ndarray, sentence: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "own.npz", x=np.ones((8, 3)), y=y)
    with pytest.raises(DataError, match=sentence):
        load_own(tmp_path / "own.npz", 0, Numbers())


@pytest.fixture(scope="module")
def regressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("regress")
    x, y = waves(240)
    np.savez(folder / "own.npz", x=x, y=y)
    words = ["--data", str(folder / "own.npz"), "--task", "regress", "--epochs", "12"]
    words += ["--batch", "20", "--threads", "1", "--json", "--out", str(folder / "run")]
    assert main(["train", "lmuformer", *words]) == 0
    return folder / "run"


def test_regression_in_any_unit(regressed: Path) -> None:
    """Kills: targets that are not standardised, statistics lost with the file; the mean has 0."""
    summary = json.loads((regressed / "summary.json").read_text())
    assert summary["r2"] > 0.8
    model, choice = load_model(regressed)
    data = load_own(Path(choice.source), choice.seed, Numbers())
    assert evaluate(model, data.test).value == pytest.approx(summary["r2"], rel=1e-5)
    off = (model(data.test.inputs) - data.test.labels).detach().abs().mean(0)
    assert float(off[1]) < 0.4 * SCALE


def test_a_stream_says_the_numbers(
    regressed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a softmax of numbers, a kernel that leaves out the units."""
    x = waves(1)[0]
    np.savetxt(tmp_path / "x.csv", x.T)
    assert main(["stream", str(regressed), "--input", str(tmp_path / "x.csv"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    model, _ = load_model(regressed)
    wanted = model(torch.tensor(x, dtype=torch.float32).unsqueeze(-1))[0].tolist()
    assert list(report["values"]) == ["y0", "y1"]
    assert list(report["values"].values()) == pytest.approx(wanted, rel=1e-5)
    assert main(["stream", "--until", "0.9", "--input", "-", str(regressed)]) == 2
    assert "--until is for classes, not to regress" in capsys.readouterr().err


def test_ten_lines_of_python(tmp_path: Path) -> None:
    """A forecast of the next two frames, by the last token. Kills: a mean over time, no memory."""
    x, _ = waves(240)
    data = sciformer.own_data(x, targets=NextFrames(2))
    trained = sciformer.train(
        data, task="forecast", horizon=2, epochs=8, batch=20, out=tmp_path / "run"
    )
    assert isinstance(trained.model.pooling, Last)
    assert trained.summary["r2"] > 0.8
    again, choice = load_model(trained.path)
    assert (choice.task, choice.horizon) == ("forecast", 2)
    torch.testing.assert_close(again(data.test.inputs), trained.model(data.test.inputs))
    streamer = sciformer.Streamer(again)
    for frame in data.test.inputs[0]:
        said = streamer.push(frame.unsqueeze(0))
    torch.testing.assert_close(said, again(data.test.inputs[:1]), atol=1e-4, rtol=1e-4)


def test_a_budget_ends_a_training(tmp_path: Path) -> None:
    """Kills: a budget that is only looked at between epochs, or not written into the run."""
    x, _ = waves(240)
    data = sciformer.own_data(x, x.sum(1) > 0)
    start = time.perf_counter()
    trained = sciformer.train(data, epochs=10_000, batch=20, budget=0.5, out=tmp_path / "run")
    assert trained.summary["best_epoch"] < 10_000
    assert trained.summary["wall_seconds"] >= 0.5
    assert time.perf_counter() - start < 60  # not the hours of all epochs
    assert load_model(trained.path)[1].budget == 0.5


def test_a_task_that_the_targets_do_not_fit_is_refused(tmp_path: Path) -> None:
    data = sciformer.own_data(np.eye(10), np.arange(10) % 2)
    with pytest.raises(DataError, match="are classes, which the task regress does not take"):
        sciformer.train(data, task="regress", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
