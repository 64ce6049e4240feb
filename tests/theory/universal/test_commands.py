"""The commands: files, figures, JSON, sentences and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sciformer.cli.main import main

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
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) >= KEYS
    assert figures["observed_error"] <= figures["certified_bound"] <= 0.2
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
    assert "a token-wise network errs by at least 1" in capsys.readouterr().out
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
