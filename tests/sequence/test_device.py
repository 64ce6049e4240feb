"""Sequence models on an accelerator: one wait a step of training or a frame, no copy besides.

A CPU stands in for it: operations are counted that a host would have to wait for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sciformer.cli.main import main
from sciformer.runs import Run
from sciformer.sequence.streaming import Streamer, early_exit_curve
from sciformer.sequence.training import Recipe, train
from tests.launches import Launches, stays_on_its_device
from tests.sequence.test_training import DATA, model


def waits(epochs: int, batch: int, directory: Path) -> int:
    """Results that the host waits for in a training."""
    recipe = Recipe(epochs=epochs, batch=batch, rate=1e-3)
    with Launches() as launches:
        train(model(), DATA, recipe, Run.create(directory, "test", {}))
    return launches.waits


def test_a_step_of_training_waits_once(tmp_path: Path) -> None:
    """Twice the steps of an epoch, all else alike. Kills: a norm or loss read a second time.

    On a CPU AdamW reads the number of steps that it keeps with each parameter, there and on cards
    a number of the host.
    """
    steps = {batch: -(-len(DATA.train) // batch) for batch in (16, 8)}
    few, many = (waits(1, batch, tmp_path / f"{batch}") for batch in (16, 8))
    own = 1 + len(list(model().parameters()))
    assert many - few <= own * (steps[8] - steps[16])
    recipe = Recipe(epochs=1, batch=16, rate=1e-3)
    run = Run.create(tmp_path / "copies", "test", {})
    with stays_on_its_device() as copies:
        train(model(), DATA, recipe, run)
    assert copies["numpy"] == 0
    assert copies["tolist"] == 0


def test_a_frame_waits_once() -> None:
    """By the model's own step: whether its numbers are finite. Kills: a state that is read."""
    streamer = Streamer(model().eval(), batch=2)
    frames = DATA.test.inputs[:2].unbind(1)
    streamer.push(frames[0])
    with Launches() as launches, stays_on_its_device() as copies:
        for frame in frames[1:]:
            streamer.push(frame)
    assert launches.waits == len(frames) - 1
    assert not copies


def test_an_early_exit_curve_brings_no_counts_to_the_host() -> None:
    with stays_on_its_device() as copies:
        curve = early_exit_curve(model().eval(), DATA.test.inputs, DATA.test.labels)
    weights = len(model().state_dict())  # whose digest a streamer takes when it is made
    assert copies == {"cpu": weights + 1, "numpy": weights}
    assert float(curve[-1]) == pytest.approx(
        float((model().eval()(DATA.test.inputs).argmax(1) == DATA.test.labels).double().mean())
    )


@pytest.mark.parametrize(
    "words",
    [["stream", "nowhere", "--input", "-"], ["identify", "burgers", "--iterations", "1"]],
)
def test_a_device_that_is_not_there_is_said(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: a device that is taken and ignored."""
    from sciformer.sequence import saved

    monkeypatch.setattr(saved, "load_model", lambda _: (model(), None))
    assert main([*words, "--device", "cuda:99"]) == 2
    assert "device: 'cuda:99' is not available here" in capsys.readouterr().err
