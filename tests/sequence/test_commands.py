"""The commands train and stream, as a person uses them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from sciformer.cli.main import main
from sciformer.sequence import data as data_room
from sciformer.sequence.saved import load_model
from tests.sequence.test_training import DATA

TRAIN = ["--dataset", "digits", "--epochs", "2", "--threads", "1", "--json"]


@pytest.fixture(autouse=True)
def toy_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every data set is the toy task."""
    monkeypatch.setattr(data_room, "load_data", lambda *_: DATA)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run directory that tests only read."""
    directory = str(tmp_path_factory.mktemp("train") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_room, "load_data", lambda *_: DATA)
        assert main(["train", "lmuformer", *TRAIN, "--out", directory]) == 0
    return directory


def trained(tmp_path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict:
    assert main(["train", "lmuformer", *TRAIN, "--out", str(tmp_path / "run"), *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_training_reports_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: a figure missing from the report, a file missing from the run."""
    report = trained(tmp_path, capsys)
    wanted = {"accuracy", "parameters", "macs", "acs", "wall_seconds", "run"}
    assert wanted <= {*report}
    model, choice = load_model(report["run"])
    assert report["parameters"] == model.parameter_count()
    assert report["macs"] == model.operations(12).macs
    assert choice.classes == ("slow", "fast")
    right = (model(DATA.test.inputs).argmax(1) == DATA.test.labels).double().mean()
    assert report["accuracy"] == pytest.approx(float(right))
    written = {path.name for path in Path(report["run"]).iterdir()}
    pictures = {"learning_curve.png", "confusion.png", "early_exit.png"}
    assert pictures | {"summary.json", "model.safetensors", "early_exit.npz"} <= written


def test_a_finished_run_can_be_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: a resumed run that trains anew."""
    first = trained(tmp_path, capsys)
    assert main(["train", "--resume", first["run"], "--json"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["accuracy"] == first["accuracy"]
    assert second["wall_seconds"] == first["wall_seconds"]


@pytest.mark.parametrize("suffix", [".csv", ".npy", "-"])
def test_streaming_gives_the_models_answers(
    suffix: str,
    finished: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also cut in two. Kills: another prediction than the parallel model's, a state not saved."""
    run = finished
    model, choice = load_model(run)
    x = DATA.test.inputs[:1]
    expected = model.beginnings(x).softmax(-1)[0].detach()

    def stream(part: torch.Tensor, *more: str) -> list[str]:
        name = suffix if suffix == "-" else str(tmp_path / f"frames{suffix}")
        text = "\n".join(str(float(value)) for value in part.flatten())
        if suffix == ".npy":
            np.save(name, part[0].numpy())
        elif suffix == ".csv":
            Path(name).write_text(text)
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert main(["stream", run, "--input", name, *more]) == 0
        return capsys.readouterr().out.splitlines()

    state = str(tmp_path / "state.safetensors")
    lines = stream(x[:, :5], "--save-state", state) + stream(x[:, 5:], "--load-state", state)
    for t, line in enumerate(lines):
        number, name, probability = line.split("\t")
        assert int(number) == t + 1
        assert name == choice.classes[int(expected[t].argmax())]
        assert float(probability) == pytest.approx(float(expected[t].max()), abs=2e-6)
    report = json.loads("\n".join(stream(x, "--json")))
    assert report["frames"] == 12
    assert 0 < report["latency_us_median"] <= report["latency_us_99"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.csv", b"1.0\ntwo\n", r"line 2 of .* must be 1 finite numbers .* got 'two'"),
        ("x.csv", b"1.0,2.0\n", r"line 1 of .* must be 1 finite numbers"),
        ("x.csv", b"nan\n", r"must be 1 finite numbers"),
        ("x.csv", b"\xff\xfe", r"cannot be read"),
        ("x.npy", b"no array", r"x.npy cannot be read"),
        ("x.wav", b"RIFF", r"gives frames of 128 numbers, the model reads 1"),
        ("x.txt", b"", r"--input wants a .csv, .npy or .wav file or -"),
    ],
)
def test_bad_streams_are_refused(
    name: str,
    content: bytes,
    sentence: str,
    finished: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main(["stream", finished, "--input", str(tmp_path / name)]) == 2
    assert re.search(sentence, capsys.readouterr().err)


def test_bad_arrays_are_refused(
    finished: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for array, sentence in (
        (np.zeros((3, 2)), "must hold frames of shape (n, 1); got (3, 2)"),
        (np.full((3, 1), np.inf), "frame 0 of"),
    ):
        np.save(tmp_path / "x.npy", array)
        assert main(["stream", finished, "--input", str(tmp_path / "x.npy")]) == 2
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train"], "name a model and a data set"),
        (["train", "lmuform", *TRAIN], "unknown model 'lmuform'. Did you mean 'lmuformer'?"),
        (["train", "lmuformer", *TRAIN, "--mixer", "lmi"], "Did you mean 'lmu'?"),
        (["train", "lmuformer", *TRAIN, "--preset", "smal"], "Did you mean 'small'?"),
        (["stream", "nowhere", "--input", "-"], "nowhere is no run directory"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills: a traceback, a run directory left behind by a refused command."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert sentence in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_an_unfinished_training_cannot_be_streamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(trained(tmp_path, capsys)["run"])
    (run / "model.safetensors").unlink()
    assert main(["stream", str(run), "--input", "-"]) == 2
    assert "finish the training by `sciformer train --resume`" in capsys.readouterr().err


def test_nir_carries_the_spiking_memory(tmp_path: Path) -> None:
    """A round trip, run by the equations of the graph, gives our spikes.

    Kills: a transposed matrix, a delay of two steps, a threshold or time constant lost.
    """
    nir = pytest.importorskip("nir")
    from sciformer.sequence.nir_export import write_nir
    from sciformer.sequence.presets import make_model
    from tests.oracles.nir_graph import run_graph

    torch.manual_seed(0)
    model = make_model("spiking-lmuformer", "psmnist").double().eval()
    write_nir(model, tmp_path / "model.nir")
    graph = nir.read(tmp_path / "model.nir")
    x = 3 * torch.randn(1, 25, 1, dtype=torch.float64)
    expected = model.body(x)[0][0].detach().numpy()
    assert 0.01 < expected.mean() < 0.9
    assert np.array_equal(run_graph(graph, x[0].numpy()), expected)


def test_what_nir_cannot_carry_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nir")
    arguments = ["train", "lmuformer", *TRAIN, "--out", str(tmp_path / "run"), "--export", "nir"]
    assert main(arguments) == 2
    assert "it can carry the spiking model of the preset psmnist only" in capsys.readouterr().err
