"""Compression of trained sequence models, and its effect on them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

import sciformer.compression.spiking  # noqa: F401  so that units of spiking models are known
from sciformer.compression.dense_sparse import DenseSparse
from sciformer.compression.edits import Edit
from sciformer.compression.elastic import Elastic
from sciformer.compression.low_rank import LowRank
from sciformer.compression.prune import PlainCut, Prune
from sciformer.compression.transformation import Task, Transformation
from sciformer.errors import UsageError
from sciformer.sequence.data.dataset import SequenceData, Split
from sciformer.sequence.model import SequenceClassifier
from sciformer.sequence.training import evaluate

WAYS: dict[str, Callable[[], Transformation]] = {
    "dense-sparse": DenseSparse,
    "elastic": Elastic,
    "low-rank": LowRank,
    "prune": Prune,
}
BASELINE = "plain-cut"
BATCH = 250  # sequences of a pass in which nothing is trained; only memory depends on it
LEVEL_95 = 1.959964  # standard deviations that a normal number stays within in 95 % of cases


@dataclass(frozen=True)
class Figures:
    """Accuracy and costs of a model.

    Attributes:
        accuracy: on the test split.
        low, high: 95 % interval of that accuracy, see `wilson`.
        validation_accuracy: by which budgets and epochs may be chosen.
        parameters: trained numbers.
        macs, acs: of a sequence; accumulates are counted as if every input spiked.
    """

    accuracy: float
    low: float
    high: float
    validation_accuracy: float
    parameters: int
    macs: int
    acs: int


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, from `right` of `count` trials.

    centre = (p + z^2 / 2n) / (1 + z^2 / n),   radius = z sqrt(p (1 - p) / n + z^2 / 4n^2) / (same)

    Source: Wilson 1927; it stays in 0 .. 1 and does not shrink to a point at its ends.
    """
    share, spread = right / count, LEVEL_95**2 / count
    centre = (share + spread / 2) / (1 + spread)
    radius = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, centre - radius), min(1.0, centre + radius)


def figures(model: SequenceClassifier, data: SequenceData) -> Figures:
    """Accuracy of a model on the validation and the test split, and its costs."""
    score, count = evaluate(model, data.test), model.operations(data.length)
    low, high = wilson(round(score.accuracy * len(data.test)), len(data.test))
    return Figures(
        score.accuracy,
        low,
        high,
        evaluate(model, data.validation).accuracy,
        model.parameter_count(),
        count.macs,
        count.acs,
    )


def task_of(train: Split, length: int) -> Task:
    """The part of a classification that a transformation may know: its training split, nothing
    else.
    """

    def batches() -> Iterator[Split]:
        for index in torch.split(torch.arange(len(train)), BATCH):
            yield train.select(index)

    def cost(model: nn.Module) -> int:
        assert isinstance(model, SequenceClassifier)
        count = model.operations(length)
        return count.macs + count.acs

    def losses(model: nn.Module) -> Iterable[Tensor]:
        for part in batches():
            yield functional.cross_entropy(model(part.inputs, part.mask), part.labels)

    return Task(cost, losses, lambda: ((part.inputs, part.mask) for part in batches()))


def shrink(
    model: SequenceClassifier, way: Transformation, budget: float, data: SequenceData
) -> tuple[SequenceClassifier, tuple[Edit, ...]]:
    """A smaller copy of a model and the edits that made it; see `Transformation`."""
    smaller, edits = way(model, budget, task_of(data.train, data.length))
    assert isinstance(smaller, SequenceClassifier)
    return smaller, edits


def ready(
    model: SequenceClassifier,
    way: Transformation,
    data: SequenceData,
    tune: Callable[[SequenceClassifier], None] | None = None,
) -> SequenceClassifier:
    """The model from which the cuts of a way start: itself, or one prepared and trained for them.

    Args:
        model: stays as it is.
        way: whose training comes before the cut, or after it.
        data: its training split prepares.
        tune: trains a model in place; None does not train.
    """
    if not way.trains_first:
        return model
    prepared = copy.deepcopy(model).eval()
    way.prepare(prepared, task_of(data.train, data.length))
    if tune is not None:
        with way.training(prepared):
            tune(prepared)
    return prepared.eval()


@dataclass(frozen=True)
class Row:
    """One line of a comparison; `figures` is None where the way does not reach the budget."""

    how: str
    budget: float
    figures: Figures | None


def compare(model: SequenceClassifier, data: SequenceData, budgets: Iterable[float]) -> list[Row]:
    """Every way at every budget, the plain cut beside each, none of them trained further."""
    ways: dict[str, Callable[[], Transformation]] = {**WAYS, BASELINE: PlainCut}
    rows = []
    starts = {how: ready(model, way(), data) for how, way in ways.items()}
    for budget in budgets:
        for how, way in ways.items():
            try:
                found = figures(shrink(starts[how], way(), budget, data)[0], data)
            except UsageError:  # the budget lies below what this way reaches
                found = None
            rows.append(Row(how, budget, found))
    return rows


def on(data: SequenceData, like: Tensor) -> SequenceData:
    """The data in the dtype and on the device of a tensor."""
    splits = {
        name: getattr(data, name).to(like.device, like.dtype)
        for name in ("train", "validation", "test")
    }
    return replace(data, **splits)
