"""The commands: files, figures, JSON, sentences and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sciformer.cli.main import main
from sciformer.errors import UsageError
from theory.universal.certificate import load_layer
from theory.universal.formula.target import read_target
from theory.universal.layer import apply
from theory.universal.program import write_onnx_program

KEYS = {
    "epsilon",
    "certified_bound",
    "observed_error",
    "heads",
    "hidden_units",
    "parameters",
    "boxes",
    "seconds",
    "path",
}


def test_compile_then_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "layer"
    arguments = ["compile", "x1*x2; x1", "--tokens", "2", "--epsilon", "0.2", "--out", str(out)]
    assert main([*arguments, "--domain", "-1", "1/2", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert set(metrics) >= KEYS
    assert metrics["observed_error"] <= metrics["certified_bound"] <= 0.2
    assert {p.name for p in out.iterdir()} >= {
        "certificate.json",
        "layer.safetensors",
        "config.json",
        "summary.json",
        "figure.png",
    }
    assert json.loads((out / "certificate.json").read_text())["domain"] == [-1.0, 0.5]
    assert main(["verify", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["share"] == 1.0


def test_diagnose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "x2; x1", "--tokens", "2"]) == 0
    assert "a token-wise network has an error of at least 1" in capsys.readouterr().out
    assert main(["diagnose", "x2; 0", "--tokens", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lower_bounds"]["N1"] == pytest.approx(0.5)
    assert found["heads_needed"] == 1


@pytest.mark.parametrize(
    ("formula", "extra", "sentence"),
    [
        ("x1 +", [], "^"),
        ("foo(x1)", [], "unknown function 'foo'"),
        ("1/x1", [], "not finite and real on the whole domain"),
        ("x1", ["--epsilon", "-1"], "epsilon must be a finite number > 0; got -1"),
        ("sign(x1)", [], "no continuous layer comes nearer than 1"),
        ("sin(x1*x2*x3 + x4*x5*x6)*x1", ["--tokens", "6"], "couples 6 coordinates"),
    ],
)
def test_bad_input_ends_with_a_sentence_and_status_2(
    formula: str, extra: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", formula, "--tokens", "2", "--epsilon", "0.1", *extra]) == 2
    message = capsys.readouterr().err
    assert sentence in message
    assert "Traceback" not in message


def test_a_broken_certificate_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "layer"
    arguments = ["compile", "x1; x2", "--tokens", "2", "--epsilon", "0.2", "--out", str(out)]
    assert main(arguments) == 0
    file = out / "certificate.json"
    file.write_text(file.read_text().replace('"epsilon": 0.2', '"epsilon": 0.3'))
    assert main(["verify", str(out)]) == 1
    assert "certificate.json was changed" in capsys.readouterr().err
    assert main(["verify", str(tmp_path)]) == 2


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of many leaves, on a domain of unequal sides."""
    out = tmp_path_factory.mktemp("compiled") / "layer"
    arguments = ["compile", "x1*x2; sin(2*x1 + x2)", "--tokens", "2", "--epsilon", "0.05"]
    assert main([*arguments, "--domain", "x1=0:1", "x2=-1:1", "--out", str(out)]) == 0
    return out


def test_a_share_is_no_proof_and_exits_with_3(
    compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: the status of a proof for a sample, a bound of what was looked at."""
    assert main(["verify", str(compiled), "--share", "0.1", "--json"]) == 3
    found = capsys.readouterr()
    metrics = json.loads(found.out)
    assert metrics["bound"] is None
    assert 0 < metrics["share"] < 0.5
    assert metrics["checked"] < metrics["leaves"]
    assert "of the leaves were checked; this is no proof" in found.err
    assert main(["verify", str(compiled), "--share", "0.1"]) == 3
    assert "no proof" in capsys.readouterr().out
    assert main(["verify", str(compiled)]) == 0
    assert "holds" in capsys.readouterr().out


@pytest.mark.parametrize("share", ["0", "-0.1", "1.1", "nan", "inf", "half"])
def test_shares_that_are_none_exit_with_2(
    share: str, compiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(compiled), "--share", share]) == 2
    assert "share" in capsys.readouterr().err


def test_verify_reports_its_progress(
    compiled: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fractions that grow and end at 1, on stderr. Kills: leaves that are counted twice."""
    monkeypatch.setattr("sciformer.cli.console.LINE_INTERVAL_S", 0.0)
    assert main(["verify", str(compiled)]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "verify" in line]
    assert lines
    from theory.universal.verifier.verify import verify

    for share in (1.0, 0.3):
        seen: list[float] = []
        verify(compiled, share=share, report=seen.append)
        assert seen == sorted(seen)
        assert seen[-1] == 1.0


def test_an_onnx_program_beside_the_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program is within the certified bound of the formula, and within 1e-6 of the layer.

    Kills: a program of one batch size, of other weights, of another precision.
    """
    runtime = pytest.importorskip("onnxruntime")
    out = tmp_path / "layer"
    arguments = ["compile", "x1*x2; x1/3", "--tokens", "2", "--epsilon", "0.1", "--onnx"]
    assert main(arguments) == 2
    assert "--onnx needs --dtype float32" in capsys.readouterr().err
    assert main([*arguments, "--dtype", "float32", "--out", str(out)]) == 0
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(
        str(out / "layer.onnx"), options, providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(0).uniform(-1, 1, (500, 2, 1)).astype(np.float32)
    (given,) = session.run(None, {"sequences": x})
    layer = load_layer(out)
    wanted = apply(layer, x)
    assert given.dtype == np.float32
    assert np.abs(given - wanted).max() <= 1e-6 * np.abs(wanted).max()
    bound = json.loads((out / "certificate.json").read_text())["bound"]
    exact = read_target("x1*x2; x1/3", 2).values(x.astype(np.float64))
    assert np.abs(given - exact).max() <= bound
    assert main(["verify", str(out)]) == 0


def test_programs_of_double_precision_are_refused(compiled: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"compile the layer with --dtype float32"):
        write_onnx_program(load_layer(compiled), tmp_path / "a.onnx")
