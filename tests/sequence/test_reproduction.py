"""Long trainings with the accuracy they must reach; `pytest -m slow tests/sequence`."""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path

import pytest

from sciformer.cli.main import main

pytestmark = pytest.mark.slow


def accuracy(capsys: pytest.CaptureFixture[str], out: Path, *arguments: str) -> float:
    assert main(["train", *arguments, "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    return float(report["accuracy"])


@pytest.mark.parametrize(
    ("model", "epochs", "least"), [("lmuformer", "30", 0.985), ("spiking-lmuformer", "18", 0.965)]
)
def test_mnist1d(
    model: str, epochs: str, least: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Median of five seeds on the standard test set."""
    pytest.importorskip("mnist1d")
    found = [
        accuracy(
            capsys,
            tmp_path / str(seed),
            *(model, "--dataset", "mnist1d", "--epochs", epochs, "--seed", str(seed)),
        )
        for seed in range(5)
    ]
    assert statistics.median(found) >= least, found


def test_permuted_fashion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """85 % in minutes, by the memory read at the end; the files lie where the environment says."""
    directory = os.environ.get("FASHION_MNIST")
    if directory is None:
        pytest.skip("set FASHION_MNIST to the directory of the IDX files")
    arguments = ("lmuformer", "--dataset", "fashion-psmnist", "--data", directory)
    arguments += ("--preset", "psmnist-last", "--epochs", "10", "--rate", "0.003")
    assert accuracy(capsys, tmp_path / "run", *arguments) >= 0.85
