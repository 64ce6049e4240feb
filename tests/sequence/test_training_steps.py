"""What a step of training does, with a model that is one number and keeps what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sciformer.runs import Run
from sciformer.sequence import training
from sciformer.sequence.data.dataset import Split
from sciformer.sequence.training import Recipe, Score, evaluate, learning_rate, train

COUNT = 10
INPUTS = torch.arange(COUNT, dtype=torch.float32).view(COUNT, 1, 1)
DATA: Any = SimpleNamespace(
    train=Split(INPUTS, torch.arange(COUNT) % 2),
    validation=Split(INPUTS[:4] + 100, torch.zeros(4, dtype=torch.long)),
)


class Task:
    """Losses 5 w and the mean of the inputs; scores one after the other."""

    metric = "accuracy"

    def __init__(self, scores: Iterator[tuple[float, float]]) -> None:
        self._scores, self.smoothings = scores, list[float]()

    def loss(self, model: Any, outputs: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
        self.smoothings.append(smoothing)
        return outputs.mean() + 5 * (model.number - model.number.detach())

    def score(self, model: Any, outputs: Tensor, labels: Tensor) -> Score:
        value, loss = next(self._scores)
        return Score(value, loss, (0.0, 1.0))


class One(nn.Module):
    def __init__(self, *scores: tuple[float, float]) -> None:
        super().__init__()
        self.number = nn.Parameter(torch.zeros(()))
        self.task: Any = Task(iter(scores))
        self.batches: list[tuple[bool, list[float]]] = []
        self.numbers: list[float] = []

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        self.batches.append((self.training, x.flatten().tolist()))
        if self.training:
            self.numbers.append(float(self.number.detach()))
        return x.flatten(1)


@pytest.fixture
def decays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Plain gradient steps in the place of AdamW's, and the decays that were asked for."""
    asked: list[float] = []

    def plain(parameters: Any, lr: float, weight_decay: float) -> torch.optim.Optimizer:
        asked.append(weight_decay)
        return torch.optim.SGD(parameters, lr=lr)

    monkeypatch.setattr(training.torch.optim, "AdamW", plain)
    return asked


def trained(model: Any, recipe: Recipe, path: Path) -> tuple[training.Progress, list[Any]]:
    run = Run.create(path / "run", "train", {})
    return train(model, DATA, recipe, run), run.metrics()


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        (((0.5, 1.0), (0.9, 0.5), (0.9, 0.4), (0.9, 0.6)), 3),  # of equal scores the least loss
        (((0.5, 1.0), (0.9, 0.5), (0.9, 0.5), (0.8, 0.1)), 2),  # the first of equals
        (((0.5, 0.1), (0.6, 9.0), (0.4, 0.0), (0.5, 0.0)), 2),  # the score before the loss
    ],
)
def test_the_best_epoch_is_of_the_highest_score_and_then_of_the_least_loss(
    decays: list[float], scores: Any, best: int, tmp_path: Path
) -> None:
    """Kills: the loss before the score, the latest of equals, a larger loss that wins."""
    model = One(*scores)
    progress, rows = trained(model, Recipe(epochs=4, batch=5), tmp_path)
    assert progress.best_epoch == best
    assert (progress.best_score, progress.best_loss) == scores[best - 1]
    # Two steps an epoch: the weights after those of the best one.
    assert float(model.number.detach()) == pytest.approx([*model.numbers, 0.0][2 * best])
    assert [row["validation_accuracy"] for row in rows] == [value for value, _ in scores]
    assert [row["validation_loss"] for row in rows] == [loss for _, loss in scores]


def test_steps_follow_the_rate_and_steep_losses_are_cut(
    decays: list[float], tmp_path: Path
) -> None:
    """A slope of 5 is cut to 1. Kills: a rate of the epoch or of the step before, no cut."""
    model, recipe = One(*[(0.1 * k, 1.0) for k in range(6)]), Recipe(6, 4, rate=0.5, decay=0.07)
    trained(model, recipe, tmp_path)
    places = torch.tensor([*model.numbers, float(model.number.detach())], dtype=torch.float64)
    rates = [learning_rate(recipe, (k + 1) / 18) for k in range(18)]  # three steps an epoch
    wanted = -torch.tensor(rates, dtype=torch.float64)
    torch.testing.assert_close(places.diff(), wanted, rtol=1e-4, atol=1e-6)
    assert decays == [0.07]


def test_every_epoch_meets_every_sequence_once_in_an_order_of_its_own(
    decays: list[float], tmp_path: Path
) -> None:
    """Kills: sequences left out at the end, one order for all epochs, one for all seeds, batches
    that are judged while they are trained on."""
    orders = {}
    for seed in (1, 2):
        model = One(*[(0.1, 1.0)] * 3)
        _, rows = trained(model, Recipe(3, 4, seed=seed, smoothing=0.3), tmp_path / str(seed))
        seen = [batch for is_training, batch in model.batches if is_training]
        assert [len(batch) for batch in seen] == [4, 4, 2] * 3
        orders[seed] = [[x for part in seen[3 * e : 3 * e + 3] for x in part] for e in range(3)]
        assert all(sorted(order) == INPUTS.flatten().tolist() for order in orders[seed])
        judged = [batch for is_training, batch in model.batches if not is_training]
        assert judged == [[100.0, 101.0, 102.0, 103.0]] * 3
        assert model.task.smoothings == [0.3] * 9
        means = [sum(batch) / len(batch) for batch in seen]
        assert [row["train_loss"] for row in rows] == pytest.approx(
            [sum(means[3 * e : 3 * e + 3]) / 3 for e in range(3)]
        )
        assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert orders[1][0] != orders[1][1]
    assert orders[1][0] != orders[2][0]


def test_a_budget_that_is_spent_ends_the_epoch_and_the_training(
    decays: list[float], tmp_path: Path
) -> None:
    """Kills: an epoch that goes on, a rate that is not down by then."""
    model = One((0.5, 1.0), (0.6, 1.0))
    progress, _ = trained(model, Recipe(50, 2, budget=1e-9), tmp_path)
    assert progress.epoch == 1
    assert len(model.numbers) == 1
    assert float(model.number.detach()) == pytest.approx(0.0, abs=1e-12)


def test_a_split_is_judged_in_parts_that_are_put_together() -> None:
    """Kills: the last part left out or judged alone."""
    model = One((0.5, 1.0))
    evaluate(model, DATA.train, batch=4)  # type: ignore[arg-type]
    assert [len(batch) for _, batch in model.batches] == [4, 4, 2]
    assert [x for _, batch in model.batches for x in batch] == INPUTS.flatten().tolist()
    assert not model.training
