"""Ways to make a sequence model smaller, side by side: accuracy, sizes and CPU time of one thread.

    OMP_NUM_THREADS=1 python -m benchmarks.compression                    mnist1d, japanese-vowels
    OMP_NUM_THREADS=1 python -m benchmarks.compression mnist1d            one of them
    OMP_NUM_THREADS=1 python -m benchmarks.compression digits 2           two seeds
    OMP_NUM_THREADS=1 python -m benchmarks.compression mnist1d 1 10       one seed, ten epochs

For each seed a model is trained, and each way makes it smaller at half and at a quarter of its
operations, as it stands and after as many further epochs as every other way gets (elastic before
the cut, the others after it). Accuracies are on the test split, means over seeds; the interval is
Wilson's for all test sequences of all seeds together. Settings were fixed before any seed was seen.

Gates: G3, dense times sparse beats low rank of equal operations, trained as long, by its own
training or by the paper's (straight-through); G4, elastic beats the plain cut trained as long.
"Beats" is by more than both intervals can explain.
"""

from __future__ import annotations

import copy
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sciformer.cli.console import print_table
from sciformer.compression import DenseSparse, Edit, PlainCut, Transformation, recalibrate
from sciformer.compression.dense_sparse import pursue
from sciformer.compression.factorise import dense_sparse, factorisable, put
from sciformer.errors import UsageError
from sciformer.runs import Run
from sciformer.sequence.choice import Choice
from sciformer.sequence.chosen_data import load_chosen
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.compressing import BASELINE, WAYS, on, ready, shrink, task_of
from sciformer.sequence.data.dataset import SequenceData
from sciformer.sequence.tasks import wilson
from sciformer.sequence.training import evaluate, train

DATASETS = ("mnist1d", "japanese-vowels")
EPOCHS = {"mnist1d": 20, "japanese-vowels": 40}  # where the validation loss has levelled off
TUNE_SHARE = 4  # a quarter of them is trained further
BUDGETS = (0.5, 0.25)


@dataclass
class Tally:
    """What one way reached over the seeds."""

    right: int = 0
    count: int = 0
    seconds: list[float] = field(default_factory=list)
    parameters: int = 0
    bytes: int = 0

    def text(self) -> str:
        low, high = wilson(self.right, self.count)
        return f"{100 * self.right / self.count:.2f} ({100 * low:.1f} - {100 * high:.1f})"


def choice(dataset: str, seed: int) -> Choice:
    blank = Choice("lmuformer", "small", dataset, "lmu", 1, ("",), 1, 1, 100, 6e-3, seed, "float32")
    data = load_chosen(blank)
    return replace(
        blank,
        features=data.features,
        classes=data.classes,
        length=data.length,
        epochs=EPOCHS.get(dataset, 20),
    )


def trained(model: SequenceClassifier, data: SequenceData, asked: Choice, epochs: int) -> None:
    """Trains in place; `epochs` below those of the choice continue it at a third of the rate."""
    rate = asked.rate if epochs == asked.epochs else asked.rate / 3
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", "benchmark", {})
        train(model, data, replace(asked.recipe(), epochs=epochs, rate=rate), run)
    model.eval()


def stored_bytes(model: SequenceClassifier) -> int:
    """Bytes of all tensors that are saved."""
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


def count(tally: Tally, model: SequenceClassifier, data: SequenceData, start: float) -> None:
    tally.seconds.append(time.process_time() - start)
    tally.right += round(evaluate(model, data.test).accuracy * len(data.test))
    tally.count += len(data.test)
    tally.parameters, tally.bytes = model.parameter_count(), stored_bytes(model)


class Factorised(nn.Module):
    """A free weight in the forward pass as dense times sparse, and gradients to it as they come.

    Source: Chand et al. 2023, "DSFormer" (arXiv 2312.13211), its straight-through factoriser.
    """

    def __init__(self, edit: Edit) -> None:
        super().__init__()
        self.sizes = edit.size, edit.nonzeros
        self.product, self.version = torch.empty(0), -1

    def forward(self, weight: Tensor) -> Tensor:
        if weight._version != self.version:  # the optimiser has changed it
            flat = weight.detach().flatten(1).double()
            self.product = pursue(flat, *self.sizes, turns=0).product.to(weight).view_as(weight)
            self.version = weight._version
        return weight + (self.product - weight).detach()


def straight_through(
    model: SequenceClassifier, budget: float, data: SequenceData, more: Callable[..., None]
) -> SequenceClassifier:
    """Dense times sparse maps, of the sizes that `DenseSparse` takes, trained by free ones."""
    _, edits = shrink(model, DenseSparse(), budget, data)
    free = copy.deepcopy(model)
    stages = factorisable(free)
    for edit in edits:
        parametrize.register_parametrization(stages[edit.place], "weight", Factorised(edit))
    more(free)
    for edit in edits:
        stage = stages[edit.place]
        parametrize.remove_parametrizations(stage, "weight", leave_parametrized=False)
        pair = pursue(stage.weight.detach().flatten(1).double(), edit.size, edit.nonzeros)
        put(free, edit.place, dense_sparse(stage, pair.dictionary, pair.rows, pair.values))
    recalibrate(free, task_of(data.train, data.length).batches())
    return free


def one_seed(asked: Choice, found: dict[tuple[str, float, bool], Tally]) -> None:
    ways: dict[str, Callable[[], Transformation]] = {**WAYS, BASELINE: PlainCut}
    start = time.process_time()
    model = asked.make()
    data = on(load_chosen(asked), model.head.weight)
    trained(model, data, asked, asked.epochs)
    count(found.setdefault(("whole", 1.0, False), Tally()), model, data, start)
    further = asked.epochs // TUNE_SHARE

    def more(model: SequenceClassifier) -> None:
        trained(model, data, asked, further)

    for how, way in ways.items():
        for tune in (False, True):
            start = time.process_time()
            basis = ready(model, way(), data, more if tune else None)
            for budget in BUDGETS:
                try:
                    smaller, _ = shrink(basis, way(), budget, data)
                except UsageError:  # the budget lies below what this way reaches
                    continue
                if tune and not way().trains_first:
                    more(smaller)
                count(found.setdefault((how, budget, tune), Tally()), smaller, data, start)
    for budget in BUDGETS:
        start = time.process_time()
        try:
            smaller = straight_through(model, budget, data, more)
        except UsageError:
            continue
        count(found.setdefault(("straight-through", budget, True), Tally()), smaller, data, start)


def main() -> None:
    torch.set_num_threads(1)
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    words = [word for word in sys.argv[1:] if not word.isdigit()]
    seeds, *epochs = numbers or [3]
    for dataset in words or DATASETS:
        found: dict[tuple[str, float, bool], Tally] = {}
        for seed in range(seeds):
            asked = choice(dataset, seed)
            one_seed(replace(asked, epochs=epochs[0]) if epochs else asked, found)
        print(f"\n{dataset}, {seeds} seeds")
        rows = [
            (
                how,
                f"{budget:g}",
                "yes" if tune else "",
                tally.text(),
                f"{tally.parameters:,}",
                f"{tally.bytes:,}",
                f"{sum(tally.seconds) / len(tally.seconds):.0f}",
            )
            for (how, budget, tune), tally in found.items()
        ]
        names = ("how", "operations", "trained on", "accuracy % (95 %)", "parameters", "bytes")
        print_table(rows, (*names, "CPU s"))


if __name__ == "__main__":
    main()
