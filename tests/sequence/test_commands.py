"""The commands train and stream, as a person uses them."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from sciformer.cli.main import main
from sciformer.errors import DataError
from sciformer.mixers import Pipeline, Window, WindowAttention
from sciformer.sequence import data as data_room
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.data.speech import log_mel, read_wav
from sciformer.sequence.presets import make_model
from sciformer.sequence.saved import load_model
from sciformer.sequence.sources import frames
from sciformer.sequence.streaming import Streamer
from sciformer.sequence.summary import labelled
from sciformer.spiking import LinearReadoutLMU
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


def test_a_table_has_names_for_a_reader() -> None:
    """Kills: keys of the JSON in the table; a key whose value is lost."""
    rows = labelled({"r2": 0.5, "macs": 3, "energy_nj": 1.0, "seed_of_it": 7})
    assert rows == [
        ("r2 on the test split", 0.5),
        ("multiply-accumulates a sequence", 3),
        ("energy of the arithmetic, nJ", 1.0),
        ("seed of it", 7),
    ]


def test_a_finished_run_can_be_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: a resumed run that trains anew."""
    first = trained(tmp_path, capsys)
    assert main(["train", "--resume", first["run"], "--json"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["accuracy"] == first["accuracy"]
    assert second["wall_seconds"] == first["wall_seconds"]


def content(part: torch.Tensor, kind: str) -> bytes:
    """Frames (n, c) as a csv or npy file."""
    if kind == "csv":
        rows = [",".join(str(float(value)) for value in row) for row in part]
        return ("\n".join(rows) + "\n\n").encode()
    file = io.BytesIO()
    np.save(file, part.numpy())
    return file.getvalue()


@pytest.mark.parametrize("kind", ["csv", "npy"])
@pytest.mark.parametrize("stdin", [False, True])
def test_streaming_gives_the_models_answers(
    kind: str,
    stdin: bool,
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
        path = tmp_path / "frames"
        path.write_bytes(content(part[0], kind))
        with path.open() as file:
            monkeypatch.setattr("sys.stdin", file)
            assert main(["stream", run, "--input", "-" if stdin else str(path), *more]) == 0
        return capsys.readouterr().out.splitlines()

    state = str(tmp_path / "state.safetensors")
    lines = stream(x[:, :5], "--save-state", state) + stream(x[:, 5:], "--load-state", state)
    assert len(lines) == 12
    for t, line in enumerate(lines):
        number, name, probability = line.split("\t")
        assert int(number) == t + 1
        assert name == choice.classes[int(expected[t].argmax())]
        assert float(probability) == pytest.approx(float(expected[t].max()), abs=2e-6)
    report = json.loads("\n".join(stream(x, "--json")))
    assert report["frames"] == 12
    assert 0 < report["latency_us_median"] <= report["latency_us_99"]


@pytest.mark.parametrize("seconds", [0.01, 0.3])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_streams_as_it_is_trained_on(seconds: float, channels: int, tmp_path: Path) -> None:
    """Window by window as all at once. Kills: a window from the wrong sample, channels as time."""
    samples = np.random.default_rng(0).integers(-9000, 9000, (int(16000 * seconds), channels))
    wavfile.write(tmp_path / "x.wav", 16000, samples.astype(np.int16))
    streamed = torch.stack(list(frames(str(tmp_path / "x.wav"), 128)))
    expected = log_mel(read_wav(tmp_path / "x.wav"))
    assert streamed.shape == expected.shape
    assert torch.allclose(streamed, expected, atol=1e-5)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def wav(rate: int, dtype: type) -> bytes:
    file = io.BytesIO()
    wavfile.write(file, rate, np.zeros(999, dtype))
    return file.getvalue()


@pytest.mark.parametrize(
    ("features", "content", "sentence"),
    [
        (1, b"1.0\ntwo\n", r"line 2 of .* must be 1 finite numbers .* got b'two'"),
        (1, b"\xff\xfe", r"line 1 of .* must be 1 finite numbers"),
        (1, b"5\n1.0,2.0\n", r"frame 2 of .* must be 1 finite numbers; got \[1\.0, 2\.0\]"),
        (1, b"nan\n", r"frame 1 of .* must be 1 finite numbers; got \[nan\]"),
        (1, b"\x93NUMPY", r"is not a readable npy file"),
        (1, npy(np.zeros((3, 2))), r"of shape \(n, 1\) in C order; got \(3, 2\) of float64"),
        (2, npy(np.asfortranarray(np.eye(2))), r"in Fortran order"),
        (1, npy(np.zeros((3, 1), complex)), r"must hold real frames"),
        (1, npy(np.zeros((0, 1))), r"holds no frame"),
        (1, npy(np.zeros((3, 1))).replace(b"(3, 1), ", b"(-3, 1),"), r"must hold real frames"),
        (1, b"", r"holds no frame"),
        (1, b"\n\n", r"holds no frame"),
        (1, b"0" * 10**6, r"line 1 of .* has 128 bytes or more, too many for 1 numbers"),
        (1, npy(np.full((3, 1), np.inf)), r"frame 1 of .*; got \[inf\]"),
        (1, npy(np.zeros((3, 1)))[:-1], r"ends inside frame 3 of 3"),
        (1, wav(16000, np.int16), r"gives frames of 128 numbers, the model reads 1"),
        (128, b"RIFFxxxx", r"is not a readable wav file"),
        (128, wav(8000, np.int16), r"must hold 16-bit samples at 16000 Hz; got 16-bit at 8000"),
        (128, wav(16000, np.int32), r"got 32-bit at 16000 Hz"),
    ],
)
def test_bad_streams_are_refused(
    features: int, content: bytes, sentence: str, tmp_path: Path
) -> None:
    """Kills: a traceback, a frame of another width that broadcasts."""
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        list(frames(str(tmp_path / "x"), features))


def test_a_missing_stream_is_refused(
    finished: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", finished, "--input", str(tmp_path / "x.csv")]) == 2
    assert re.search(r"x.csv cannot be read .*; name a csv, npy or wav", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train"], "name a model and a data set"),
        (["train", "lmuform", *TRAIN], "unknown model 'lmuform'. Did you mean 'lmuformer'?"),
        (["train", "lmuformer", *TRAIN, "--mixer", "lmi"], "Did you mean 'lmu'?"),
        (["train", "lmuformer", *TRAIN, "--preset", "smal"], "Did you mean 'small'?"),
        (["stream", "nowhere", "--input", "-"], "nowhere is not a run directory"),
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


def test_an_unfinished_training_cannot_be_used(
    finished: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    (run / "model.safetensors").unlink()
    (run / "summary.json").unlink()
    for command in (["stream", str(run), "--input", "-"], ["cost", str(run)]):
        assert main(command) == 2
        assert "finish" in (said := capsys.readouterr().err)
        assert "sciformer train --resume" in said


def test_weights_of_another_version_are_refused(
    finished: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a traceback for a run made before a preset changed."""
    from safetensors.torch import load_file, save_file

    file = shutil.copytree(finished, tmp_path / "run") / "model.safetensors"
    weights = load_file(file)
    weights["head.weight"] = weights["head.weight"][:, 1:].contiguous()
    save_file(weights, file)
    assert main(["stream", str(file.parent), "--input", "-"]) == 2
    assert "does not hold the weights of lmuformer, preset small" in capsys.readouterr().err


def test_costs_stand_side_by_side(finished: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: accuracy over operations the wrong way round, a column without its figure."""
    assert main(["cost", finished, finished, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first == second
    operations = load_model(finished)[0].operations(12).macs
    assert first["macs"] == operations
    expected = 100 * first["accuracy"] / (operations / 1e6)
    assert first["percent_per_million"] == pytest.approx(expected)
    assert main(["cost", finished]) == 0
    assert "percent_per_million" in capsys.readouterr().out


def small_spiking_memory() -> SequenceClassifier:
    """Two memories whose window is short, so that their transition is far from the identity."""
    lmu = LinearReadoutLMU(1, Window(6, 9.0, channels=2), hidden=5)
    lmu.readout.weight.data *= 8
    return SequenceClassifier(Pipeline(lmu=lmu), 5, 3)


@pytest.mark.parametrize(
    "make", [small_spiking_memory, lambda: make_model("spiking-lmuformer", "psmnist")]
)
def test_nir_carries_the_spiking_memory(
    make: Callable[[], SequenceClassifier], tmp_path: Path
) -> None:
    """A round trip, run by the equations of the graph, gives our spikes.

    Kills: a transposed matrix, a delay of two steps, a threshold or time constant lost.
    """
    nir = pytest.importorskip("nir")
    from sciformer.sequence.nir_export import write_nir
    from tests.oracles.nir_graph import run_graph

    torch.manual_seed(0)
    model = make().double().eval()
    write_nir(model, tmp_path / "model.nir")
    graph = nir.read(tmp_path / "model.nir")
    x = 3 * torch.randn(1, 60, 1, dtype=torch.float64)
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


@pytest.mark.parametrize(
    "options",
    [
        ["--mixer", "window", "--window", "4"],
        ["--mixer", "linear"],
        ["--mixer", "latents", "--latents", "3"],
        ["--mixer", "slices", "--latents", "3"],
        ["--mixer", "regions", "--block", "4"],
        ["--mixer", "attention", "--spans", "4,full", "--core", "row-blocks"],
    ],
    ids=lambda options: options[1],
)
def test_mixers_by_name_are_trained_and_read_back(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: an option that is lost between the command, the run and the model read back."""
    report = trained(tmp_path, capsys, *options)
    model, choice = load_model(report["run"])
    again = choice.make()
    assert again.parameter_count() == report["parameters"]
    assert report["macs"] == model.operations(12).macs
    sizes = {"--window": "window", "--latents": "latents", "--block": "block"}
    for name, field in sizes.items():
        if name in options:
            assert getattr(choice.mixing, field) == int(options[options.index(name) + 1])
    if "--spans" in options:
        assert choice.mixing.spans == (4, 0)
        befores = [m.before for m in model.modules() if isinstance(m, WindowAttention)]
        assert befores == [4]


def test_a_stream_of_attention_is_saved_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a cache that has grown refused as the state of another model."""
    model, _ = load_model(trained(tmp_path, capsys, "--mixer", "attention")["run"])
    x = DATA.test.inputs[0].to(torch.float32)
    whole, first, second = Streamer(model), Streamer(model), Streamer(model)
    answers = [whole.push(frame[None]) for frame in x]
    for frame in x[:5]:
        first.push(frame[None])
    first.save(tmp_path / "state.safetensors")
    second.load(tmp_path / "state.safetensors")
    for frame, wanted in zip(x[5:], answers[5:], strict=True):
        torch.testing.assert_close(second.push(frame[None]), wanted)


@pytest.mark.parametrize("spans", ["4", "4,-1", "4,some"])
def test_spans_that_do_not_fit_are_refused(
    spans: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a block without a span, a negative reach."""
    more = ["--mixer", "attention", "--spans", spans, "--out", str(tmp_path / "run")]
    assert main(["train", "lmuformer", *TRAIN, *more]) == 2
    assert "spans" in capsys.readouterr().err
