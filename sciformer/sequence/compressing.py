"""Compression of trained sequence models, and its effect on them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

import sciformer.compression.spiking  # noqa: F401  so that units of spiking models are known
from sciformer.compression.dense_sparse import DenseSparse
from sciformer.compression.edits import Edit
from sciformer.compression.elastic import Elastic
from sciformer.compression.low_rank import LowRank
from sciformer.compression.prune import PlainCut, Prune
from sciformer.compression.transformation import Task, Transformation
from sciformer.errors import UsageError
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.data.dataset import SequenceData, Split
from sciformer.sequence.training import evaluate

WAYS: dict[str, Callable[[], Transformation]] = {
    "dense-sparse": DenseSparse,
    "elastic": Elastic,
    "low-rank": LowRank,
    "prune": Prune,
}
BASELINE = "plain-cut"
BATCH = 250  # sequences of a pass in which nothing is trained; only memory depends on it


@dataclass(frozen=True)
class Metrics:
    """Score and costs of a model.

    Attributes:
        metric: name of the score: accuracy, or r2.
        value: on the test split.
        low, high: 95 % interval of that value, see `Score`.
        validation: the score by which budgets and epochs may be chosen.
        parameters: trained numbers.
        macs, acs: of a sequence; accumulates are counted as if every input spiked.
    """

    metric: str
    value: float
    low: float
    high: float
    validation: float
    parameters: int
    macs: int
    acs: int

    def record(self) -> dict[str, float]:
        """The score under its name, and the costs."""
        return {
            self.metric: self.value,
            "low": self.low,
            "high": self.high,
            f"validation_{self.metric}": self.validation,
            "parameters": self.parameters,
            "macs": self.macs,
            "acs": self.acs,
        }


def metrics(model: SequenceClassifier, data: SequenceData) -> Metrics:
    """Scores of a model on the validation and the test split, and its costs."""
    score, count = evaluate(model, data.test), model.operations(data.length)
    return Metrics(
        model.task.metric,
        score.value,
        *score.interval,
        evaluate(model, data.validation).value,
        model.parameter_count(),
        count.macs,
        count.acs,
    )


def task_of(train: Split, length: int) -> Task:
    """The part of a training that a transformation may know: its training split, nothing else."""

    def batches() -> Iterator[Split]:
        for index in torch.split(torch.arange(len(train)), BATCH):
            yield train.select(index)

    def cost(model: nn.Module) -> int:
        assert isinstance(model, SequenceClassifier)
        count = model.operations(length)
        return count.macs + count.acs

    def losses(model: nn.Module) -> Iterable[Tensor]:
        assert isinstance(model, SequenceClassifier)
        for part in batches():
            yield model.task.loss(model, model(part.inputs, part.mask), part.labels)

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
    """One line of a comparison; `metrics` is None where the way does not reach the budget."""

    how: str
    budget: float
    metrics: Metrics | None

    def record(self) -> dict[str, Any]:
        """The line as JSON takes it."""
        found = None if self.metrics is None else self.metrics.record()
        return {"how": self.how, "budget": self.budget, "metrics": found}

    def cells(self) -> list[str]:
        """The line as a table shows it: scores in percent, then parameters and macs."""
        start = [self.how, f"{self.budget:g}"]
        if self.metrics is None:
            return [*start, "not reached", "", "", "", ""]
        found = self.metrics
        interval = f"{100 * found.low:.1f} – {100 * found.high:.1f}"
        scores = [f"{100 * found.value:.1f}", interval, f"{100 * found.validation:.1f}"]
        return [*start, *scores, f"{found.parameters:,}", f"{found.macs:,}"]


def compare(model: SequenceClassifier, data: SequenceData, budgets: Iterable[float]) -> list[Row]:
    """Every way at every budget, the plain cut beside each, none of them trained further."""
    ways: dict[str, Callable[[], Transformation]] = {**WAYS, BASELINE: PlainCut}
    rows = []
    starts = {how: ready(model, way(), data) for how, way in ways.items()}
    for budget in budgets:
        for how, way in ways.items():
            try:
                found = metrics(shrink(starts[how], way(), budget, data)[0], data)
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
