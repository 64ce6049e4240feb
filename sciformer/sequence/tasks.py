"""Tasks of sequence models: loss, score and answer."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from sciformer.errors import DataError
from sciformer.mixers.normalisation import refuse_faint
from sciformer.sequence.pooling import Last, Pooling

if TYPE_CHECKING:
    from sciformer.sequence.data.dataset import Split


LEVEL_95 = 1.959964  # standard deviations that a normal number stays within in 95 % of cases


@dataclass(frozen=True)
class Score:
    """Score of a model on a split.

    Attributes:
        value: the metric of the task; the higher the better.
        loss: mean over the sequences.
        interval: 95 % interval of the value, for sequences drawn like these.
        confusion: (classes, classes), confusion[i, j] counts sequences of class i called j; None
            where there are no classes.
    """

    value: float
    loss: float
    interval: tuple[float, float]
    confusion: Tensor | None = None

    @property
    def accuracy(self) -> float:
        """The value of a classification."""
        return self.value


class Answering(Protocol):
    """The parts of a model that concern a task; see `SequenceClassifier`."""

    head: nn.Linear
    outputs: nn.Module
    pooling: Pooling
    task: SequenceTask


class SequenceTask(ABC):
    """One kind of answer to a sequence.

    Attributes:
        metric: name of the score, of which more is better.
    """

    metric: ClassVar[str]

    def prepare(self, model: Answering, train: Split | None = None) -> None:
        """Gives a fresh model the task, and statistics of the training split if there is one."""
        model.task = self

    @abstractmethod
    def loss(
        self, model: Answering, outputs: Tensor, labels: Tensor, smoothing: float = 0.0
    ) -> Tensor:
        """Mean loss of outputs (N, k)."""

    @abstractmethod
    def score(self, model: Answering, outputs: Tensor, labels: Tensor) -> Score:
        """The score of the outputs (N, k) of a whole split."""

    @abstractmethod
    def answer(self, outputs: Tensor) -> Tensor:
        """Values shown to a user for outputs (..., k)."""


class Classify(SequenceTask):
    """One of k classes: cross-entropy, accuracy, probabilities."""

    metric = "accuracy"

    def loss(
        self, model: Answering, outputs: Tensor, labels: Tensor, smoothing: float = 0.0
    ) -> Tensor:
        return functional.cross_entropy(outputs, labels, label_smoothing=smoothing)

    def score(self, model: Answering, outputs: Tensor, labels: Tensor) -> Score:
        classes = outputs.shape[-1]
        pairs = labels * classes + outputs.argmax(1)
        confusion = torch.bincount(pairs, minlength=classes**2).view(classes, classes).cpu()
        accuracy = float(confusion.diagonal().sum()) / len(labels)
        interval = wilson(int(confusion.diagonal().sum()), len(labels))
        return Score(accuracy, float(self.loss(model, outputs, labels)), interval, confusion)

    def answer(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(-1)


class Regress(SequenceTask):
    """Numbers for each sequence: squared errors in units of their deviation, explained variance.

    loss = mean_i ((out_i - y_i) / s_i)^2,   r2 = 1 - loss,

    with the mean and deviation s of the training targets, kept in the model, so that outputs have
    the units of the targets and neither loss nor score depends on them. A model that always says
    the mean of the training targets has r2 = 0 there. The interval is r2 +- 1.96 s / sqrt(N), with
    the deviation s of the losses of the sequences.
    """

    metric = "r2"

    def prepare(self, model: Answering, train: Split | None = None) -> None:
        super().prepare(model, train)
        if not isinstance(model.outputs, Destandardise):
            model.outputs = Destandardise(model.head.out_features).to(model.head.weight)
        if train is not None:
            model.outputs.fit(train.labels)

    def loss(
        self, model: Answering, outputs: Tensor, labels: Tensor, smoothing: float = 0.0
    ) -> Tensor:
        return _squares(model, outputs, labels).mean()

    def score(self, model: Answering, outputs: Tensor, labels: Tensor) -> Score:
        losses = _squares(model, outputs, labels).double().mean(-1)
        loss, deviation = float(losses.mean()), float(losses.std(correction=0))
        radius = LEVEL_95 * deviation / math.sqrt(len(losses))
        return Score(1 - loss, loss, (1 - loss - radius, 1 - loss + radius))

    def answer(self, outputs: Tensor) -> Tensor:
        return outputs


class Forecast(Regress):
    """The next frames, one after the other: `Regress` from the last token instead of the mean."""

    def prepare(self, model: Answering, train: Split | None = None) -> None:
        super().prepare(model, train)
        model.pooling = Last()


def _squares(model: Answering, outputs: Tensor, labels: Tensor) -> Tensor:
    """Squared errors (N, k) in units of the deviation of the training targets."""
    assert isinstance(model.outputs, Destandardise)
    return ((outputs - labels) / model.outputs.deviation).square()


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, from `right` of `count` trials.

    centre = (p + z^2 / 2n) / (1 + z^2 / n),   radius = z sqrt(p (1 - p) / n + z^2 / 4n^2) / (same)

    Source: Wilson 1927; it stays in 0 .. 1 and does not shrink to a point at its ends.
    """
    share, spread = right / count, LEVEL_95**2 / count
    centre = (share + spread / 2) / (1 + spread)
    radius = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, centre - radius), min(1.0, centre + radius)


class Destandardise(nn.Module):
    """The map mean + deviation * x, output by output, by statistics of training targets that are
    kept.

    Args:
        outputs: number k of outputs.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("deviation", torch.ones(outputs))

    @torch.no_grad()
    def fit(self, targets: Tensor) -> None:
        """Takes the statistics of targets (N, k).

        Raises:
            DataError: a target that is the same for all sequences, or varies too little for its
                precision.
        """
        exact = targets.double()
        deviation = exact.std(0, correction=0)
        # What is left of a constant by rounding is no variation.
        constant = deviation <= torch.finfo(targets.dtype).eps * exact.abs().amax(0)
        if bool(constant.any()):
            raise DataError(
                f"train: target {int(constant.nonzero()[0])} is the same for all training "
                "sequences, so there is nothing to learn; leave it out."
            )
        refuse_faint("target", deviation, targets.dtype)
        self.mean.copy_(exact.mean(0))
        self.deviation.copy_(deviation)

    def forward(self, x: Tensor) -> Tensor:
        """(..., k) -> (..., k)."""
        return torch.addcmul(self.mean, x, self.deviation)


TASKS: dict[str, type[SequenceTask]] = {
    "classify": Classify,
    "forecast": Forecast,
    "regress": Regress,
}
