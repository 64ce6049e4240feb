"""Streams are left when the answer is sure, as often wrongly as was allowed and no more."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sciformer.cli.main import main
from sciformer.errors import DomainError, UsageError
from sciformer.mixers import Pipeline
from sciformer.sequence import data as data_room
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.data.dataset import Split
from sciformer.sequence.saved import load_model
from sciformer.sequence.stopping import Stopping, calibrate, measure
from tests.sequence.test_training import DATA


class Told(SequenceClassifier):
    """A classifier of two classes that says what the frames say: the probability of class 1."""

    def __init__(self) -> None:
        super().__init__(Pipeline(keep=nn.Identity()), 1, 2)

    def beginnings(self, x: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(x), torch.logit(x)], -1)


def told(*rows: list[float], lengths: list[int] | None = None) -> Split:
    x = torch.tensor(rows, dtype=torch.float64).unsqueeze(-1)
    return Split(x, torch.zeros(len(rows), dtype=torch.long), lengths and torch.tensor(lengths))


# Probability of class 1 by frame. The first is sure of the wrong class at .9, then turns; a later
# .8 for the wrong class is not a record. The second turns back from .7; the third never wavers.
ROWS = ([0.6, 0.9, 0.2, 0.8, 0.1], [0.4, 0.7, 0.2, 0.1, 0.05], [0.4, 0.3, 0.2, 0.1, 0.01])


@pytest.mark.parametrize(("share", "threshold"), [(0.75, 0.9), (0.5, 0.7), (0.25, 0.0)])
def test_the_threshold_by_hand(share: float, threshold: float) -> None:
    """Three sequences: 1, 2 and 3 of 4 may be wrong.

    Kills: a rank off by one; the last wrong probability instead of the highest record; the lowest.
    """
    found = calibrate(Told(), told(*ROWS), share)
    assert found.threshold == pytest.approx(threshold, abs=1e-12)


def test_frames_behind_the_end_are_not_read() -> None:
    """Kills: the class of a padded frame taken for the last answer."""
    found = calibrate(Told(), told(*ROWS, lengths=[2, 5, 5]), 0.75)
    assert found.threshold == pytest.approx(0.7)


def test_what_stopping_saves_by_hand() -> None:
    """At .75: stops at .9 (frame 2, wrong), at .8 (frame 3), at .8 (frame 3).

    Kills: frames counted from 0, agreement with the truth, the share of frames read.
    """
    found = measure(Told(), told(*ROWS), Stopping(0.75))
    assert found.frames_saved == pytest.approx(1 - (2 + 3 + 3) / 15)
    assert found.accuracy == pytest.approx(2 / 3)
    assert (found.accuracy_whole, found.agreement) == (1.0, pytest.approx(2 / 3))


@pytest.mark.parametrize("share", [0.9, 0.7])
def test_new_sequences_are_answered_as_promised(share: float) -> None:
    """Random walks, 100 calibrations of 49: the mean of a guarantee that holds in the mean.

    Kills: a threshold from all frames, or without the correction for the number of sequences.
    """
    generator = torch.Generator().manual_seed(2)

    def walks(count: int) -> Split:
        steps = torch.randn(count, 12, generator=generator, dtype=torch.float64)
        return Split(steps.cumsum(1).sigmoid().unsqueeze(-1), torch.zeros(count, dtype=torch.long))

    agreements = [
        measure(Told(), new, calibrate(Told(), old, share)).agreement
        for old, new in ((walks(49), walks(200)) for _ in range(100))
    ]
    # Of 100 means of 200 answers each, whose deviation is below .05 / 10.
    assert share - 0.015 < float(np.mean(agreements)) < share + 0.05


def test_what_cannot_be_promised_is_refused() -> None:
    with pytest.raises(UsageError, match="takes 99 validation sequences, there are 3"):
        calibrate(Told(), told(*ROWS), 0.99)
    with pytest.raises(DomainError, match="between 0 and 1; got 1"):
        calibrate(Told(), told(*ROWS), 1.0)


def test_the_command_stops_and_says_what_it_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: a stream read to its end, figures of the split that calibrated it."""
    monkeypatch.setattr(data_room, "load_data", lambda *_: DATA)
    run = str(tmp_path / "run")
    words = ["--dataset", "digits", "--epochs", "4", "--batch", "16", "--threads", "1", "--json"]
    assert main(["train", "lmuformer", *words, "--out", run]) == 0
    np.savetxt(tmp_path / "x.csv", DATA.test.inputs[0].numpy())
    capsys.readouterr()
    words = ["stream", run, "--input", str(tmp_path / "x.csv"), "--until", "0.8", "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    model, choice = load_model(run)
    stopping = calibrate(model, DATA.validation, 0.8)
    saving = measure(model, DATA.test, stopping)
    assert report["threshold"] == pytest.approx(stopping.threshold)
    assert report["frames_saved"] == pytest.approx(saving.frames_saved)
    assert report["accuracy"] == pytest.approx(saving.accuracy)
    best = model.beginnings(DATA.test.inputs[:1]).softmax(-1)[0].max(-1)
    sure = (best.values > stopping.threshold).nonzero()
    assert len(sure)
    stop = int(sure[0])
    assert stop < 11, "the test needs a stream that is left early"
    assert report["frames"] == stop + 1
    assert report["class"] == choice.classes[int(best.indices[stop])]
    assert report["stopped"] is True
