"""Training learns, keeps the best, resumes as if never stopped, and says what went wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sciformer.errors import ConvergenceError
from sciformer.runs import Run
from sciformer.sequence import training
from sciformer.sequence.augmentation import Noise, Rescale, Roll, Tilt
from sciformer.sequence.data.dataset import SequenceData, Split
from sciformer.sequence.presets import make_model
from sciformer.sequence.training import Recipe, evaluate, learning_rate, train

RECIPE = Recipe(epochs=4, batch=16, rate=1e-2, augmentations=(Roll(1), Noise(0.01)))


def task(count: int, seed: int) -> Split:
    """Which of two frequencies a noisy sine of 12 frames has."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=generator)
    times = torch.arange(12)
    phase = 6 * torch.rand(count, 1, generator=generator)
    wave = torch.sin((0.4 + 0.8 * labels[:, None]) * times + phase)
    noise = 0.1 * torch.randn(count, 12, generator=generator)
    return Split((wave + noise).unsqueeze(-1), labels)


DATA = SequenceData("sines", ("slow", "fast"), task(160, 0), task(60, 1), task(60, 2))


def model(family: str = "lmuformer"):
    torch.manual_seed(3)
    sizes = {"features": 1, "classes": 2, "length": 12, "width": 8, "depth": 1, "theta": 12.0}
    return make_model(family, "small", **sizes, convolutions=1, order=4, channels=2)


def test_the_weights_of_the_best_epoch_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: the last weights, or the first ones, instead of the best."""
    scores, seen = iter((0.1, 0.9, 0.2)), []

    def scored(model: torch.nn.Module, split: Split) -> training.Score:
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return training.Score(next(scores), 1.0, torch.zeros(2, 2))

    monkeypatch.setattr(training, "evaluate", scored)
    network = model()
    recipe = replace(RECIPE, epochs=3)
    progress = train(network, DATA, recipe, Run.create(tmp_path / "r", "t", {}))
    assert progress.best_epoch == 2
    assert not torch.equal(seen[1]["head.weight"], seen[2]["head.weight"])
    for name, value in network.state_dict().items():
        assert torch.equal(value, seen[1][name]), name


def test_the_loss_is_the_mean_over_all_sequences() -> None:
    """7 sequences in batches of 3. Kills: a sum, a mean of the means of unequal batches."""
    network, part = model().eval(), DATA.test.select(torch.arange(7))
    logits = network(part.inputs).double()
    wanted = -logits.log_softmax(1)[torch.arange(7), part.labels].mean()
    assert evaluate(network, part, batch=3).loss == pytest.approx(float(wanted.detach()), rel=1e-6)


@pytest.mark.parametrize("family", ["lmuformer", "spiking-lmuformer"])
def test_it_learns(family: str, tmp_path: Path) -> None:
    """Kills: a gradient that does not reach the weights; chance is 0.5."""
    network = model(family)
    progress = train(network, DATA, replace(RECIPE, epochs=10), Run.create(tmp_path / "r", "t", {}))
    score = evaluate(network, DATA.test)
    assert score.accuracy > 0.85
    assert int(score.confusion.sum()) == 60
    assert float(score.confusion.diagonal().sum()) / 60 == score.accuracy
    assert evaluate(network, DATA.validation).accuracy == progress.best_score


def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """Kills: a lost moment of the optimiser, another order of batches, a forgotten best epoch."""
    whole, parts = model(), model()
    train(whole, DATA, RECIPE, Run.create(tmp_path / "whole", "t", {"a": 1}))
    run = Run.create(tmp_path / "parts", "t", {"a": 1})

    class Stop(Exception):
        pass

    def stop(fraction: float, metrics: dict[str, float]) -> None:
        if fraction > 0.6:
            raise Stop

    with pytest.raises(Stop):
        train(parts, DATA, RECIPE, run, stop)
    again = model()
    resumed = Run.resume(tmp_path / "parts", {"a": 1})
    train(again, DATA, RECIPE, resumed)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    metrics = [
        [row["train_loss"] for row in Run.open(tmp_path / name).metrics()]
        for name in ("whole", "parts")
    ]
    assert metrics[0] == metrics[1]
    assert len(metrics[0]) == 4


def test_a_loss_that_is_not_finite_is_said(tmp_path: Path) -> None:
    network = model()
    network.head.weight.data.fill_(math.nan)
    with pytest.raises(ConvergenceError, match=r"epoch 1, step 1 is not finite .* was none"):
        train(network, DATA, RECIPE, Run.create(tmp_path / "r", "t", {}))


def test_the_learning_rate_rises_and_falls() -> None:
    """Kills: a schedule in epochs, one that does not end at 0."""
    rates = [learning_rate(RECIPE, fraction) for fraction in (0.0, 0.1, 0.2, 0.6, 1.0)]
    assert rates == pytest.approx([4e-4, 5.2e-3, 1e-2, 5e-3, 0.0])


def test_augmentations_do_what_they_say() -> None:
    """Kills: a roll in the other direction or over the batch, a tilt that is not a line."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 9, 2, dtype=torch.float64)
    rolled = Roll(3)(x, generator)
    shifts = [
        next(k for k in range(9) if torch.equal(row, original.roll(k, 0)))
        for row, original in zip(rolled, x, strict=True)
    ]
    assert set(shifts) == {0, 1, 2, 3}
    ratio = Rescale(0.3)(x, generator) / x
    assert torch.allclose(ratio, ratio[:, :1, :1].expand_as(ratio))
    assert 0.15 < ratio[:, 0, 0].log().std() < 0.45
    tilt = Tilt(0.5)(x, generator) - x
    assert torch.allclose(tilt.diff(dim=1, n=2), torch.zeros(50, 7, 2, dtype=torch.float64))
    assert torch.allclose(tilt[:, 0], -tilt[:, -1])
    assert 0.35 < tilt[:, -1].std() < 0.65
    assert 0.15 < (Noise(0.2)(x, generator) - x).std() < 0.25
