"""`sciformer export` of trained sequence models: the right exporter, files that run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sciformer.cli.commands import export
from sciformer.cli.main import main
from sciformer.errors import DataError
from sciformer.runs import Run
from sciformer.sequence.saved import load_model

FRAMES = 6


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny trained run on data of a scale far from 1."""
    folder = tmp_path_factory.mktemp("export")
    draw = np.random.default_rng(0)
    labels = np.arange(40) % 2
    x = 100 + 20 * labels[:, None, None] + draw.standard_normal((40, FRAMES, 2))
    np.savez(folder / "own.npz", x=x, y=labels)
    words = ["--data", str(folder / "own.npz"), "--epochs", "1", "--threads", "1", "--json"]
    assert main(["train", "lmuformer", *words, "--out", str(folder / "run")]) == 0
    return str(folder / "run")


def sequence() -> torch.Tensor:
    return 110 + 10 * torch.randn(1, FRAMES, 2, generator=torch.Generator().manual_seed(1))


def test_whole_and_step_give_the_models_answers(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: a program without the normalisation of the data, a step written for --format alone."""
    model, _ = load_model(run)
    assert main(["export", run, "--format", "torch", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["path"] == str(Path(run) / "whole.pt2")
    assert report["bytes"] == Path(report["path"]).stat().st_size
    x = sequence()
    whole = torch.export.load(report["path"]).module()
    torch.testing.assert_close(whole(x), model(x), atol=1e-5, rtol=0)
    out = tmp_path / "deep" / "s.pt2"
    assert main(["export", "--step", "--format", "torch", "--out", str(out), run]) == 0
    step = torch.export.load(out).module()
    parts = [torch.zeros_like(part) for part in step_state(run)]
    for frame in x.unbind(1):
        logits, *parts = step(frame, parts)
    torch.testing.assert_close(logits, model(x), atol=1e-5, rtol=0)


def step_state(run: str) -> list[torch.Tensor]:
    from sciformer.sequence.exchange.programs import initial_state

    return initial_state(load_model(run)[0])


def test_onnx_of_another_length(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Kills: --frames ignored."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert main(["export", run, "--format", "onnx", "--frames", "4", "--json"]) == 0
    session = runtime.InferenceSession(json.loads(capsys.readouterr().out)["path"])
    [entry] = session.get_inputs()
    x = sequence()[:, :4]
    assert entry.shape == [1, 4, 2]
    [found] = session.run(None, {entry.name: x.numpy()})
    np.testing.assert_allclose(found, load_model(run)[0](x).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--format", "onxx"], "unknown format 'onxx'. Did you mean 'onnx'?"),
        (["--format", "torch", "--step", "--frames", "3"], "a step has no length"),
        (["--format", "netcdf"], "unknown format 'netcdf'"),
        (["--format", "torch", "--points", "3"], "unknown option '--points'"),
        ([], "the following arguments are required: --format"),
    ],
)
def test_mistakes_are_one_sentence(
    run: str, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", run, *words]) == 2
    assert sentence in capsys.readouterr().err


def test_the_exporter_is_chosen_by_the_kind_of_the_run(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kills: one exporter for everything; another directory than a run taken for one."""
    solve = Run.create(tmp_path / "solve", "burgers", {"problem": "burgers"}).path
    other = Run.create(tmp_path / "other", "expressivity", {}).path
    modules = {
        path: export.choose(["--format", "npz", str(path)]).__name__ for path in (run, solve)
    }
    assert [*modules.values()] == ["sciformer.sequence.commands.export", "pinn.commands.export"]
    assert export.choose(["--format", "npz", str(tmp_path)]) is None
    with pytest.raises(DataError, match="is not a run directory"):
        export.choose([str(tmp_path), "--format", "npz"])
    for path, sentence in (
        (
            other,
            "a run of 'expressivity', which has nothing to export; name a run of compress or solve",
        ),
        (tmp_path, "is not a run directory"),
    ):
        assert main(["export", str(path), "--format", "npz"]) == 2
        assert sentence in capsys.readouterr().err
    assert main(["export", run, "--help"]) == 0
    assert "--step" in capsys.readouterr().out
    assert main(["export", "--help"]) == 0
    assert "Write a solution for other programs" in capsys.readouterr().out
