"""Training a sequence classifier: epochs, the best checkpoint by validation, resuming."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as functional
from torch import Tensor

from sciformer.errors import ConvergenceError
from sciformer.runs import Run
from sciformer.sequence.augmentation import Augmentation
from sciformer.sequence.data.dataset import SequenceData, Split
from sciformer.sequence.model import SequenceClassifier


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        epochs: passes over the training split.
        batch: sequences a step.
        rate: highest learning rate of AdamW.
        decay: weight decay.
        smoothing: of the labels, 0 .. 1.
        seed: of shuffling, augmentation and dropout.
        augmentations: applied in order to each training batch.
    """

    epochs: int = 40
    batch: int = 100
    rate: float = 6e-3
    decay: float = 1e-2
    smoothing: float = 0.0
    seed: int = 0
    augmentations: tuple[Augmentation, ...] = ()


@dataclass
class Progress:
    """Where a training stands; `best` holds the weights of the best epoch so far.

    `wall_seconds` is the time of its epochs, those before a resumption included.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    wall_seconds: float = 0.0
    best: dict[str, Tensor] = field(default_factory=dict)


def learning_rate(recipe: Recipe, fraction: float) -> float:
    """Up along a cosine over the first fifth of the training, down to nothing over the rest."""
    warm = 0.2
    if fraction < warm:
        return recipe.rate * (0.04 + 0.96 * (1 - math.cos(math.pi * fraction / warm)) / 2)
    return recipe.rate * (1 + math.cos(math.pi * (fraction - warm) / (1 - warm))) / 2


def train(
    model: SequenceClassifier,
    data: SequenceData,
    recipe: Recipe,
    run: Run,
    report: Callable[[float, dict[str, float]], None] = lambda fraction, figures: None,
) -> Progress:
    """Trains a model in place and leaves the weights of its best validation epoch in it.

    Every epoch ends with a checkpoint in `run`, from which a run opened by `Run.resume` goes on;
    shuffling and augmentation depend on seed and epoch only, so it goes on as if never stopped.

    Args:
        model: in the dtype and on the device to be used.
        data: its splits there too; the test split is not looked at.
        recipe: how.
        run: gets metrics and checkpoints.
        report: called after every step with the fraction done and figures to show.

    Returns:
        Epochs done, the best of them, and its weights.

    Raises:
        ConvergenceError: a loss that is not finite.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    progress = _restore(model, optimiser, run)
    for epoch in range(progress.epoch, recipe.epochs):
        start = time.perf_counter()
        loss = _epoch(model, data.train, optimiser, recipe, epoch, report)
        score = evaluate(model, data.validation)
        progress.epoch = epoch + 1
        if (score.accuracy, -score.loss) > (progress.best_accuracy, -progress.best_loss):
            progress.best_epoch = epoch + 1
            progress.best_accuracy, progress.best_loss = score.accuracy, score.loss
            progress.best = {name: value.clone() for name, value in model.state_dict().items()}
        run.log(
            epoch=epoch + 1,
            train_loss=loss,
            validation_loss=score.loss,
            validation_accuracy=score.accuracy,
        )
        progress.wall_seconds += time.perf_counter() - start
        _save(model, optimiser, progress, run)
    model.load_state_dict(progress.best)
    return progress


@dataclass(frozen=True)
class Score:
    """What a model does on a split; confusion[i, j] counts sequences of class i called j."""

    accuracy: float
    loss: float
    confusion: Tensor


@torch.no_grad()
def evaluate(model: SequenceClassifier, split: Split, batch: int = 250) -> Score:
    """Accuracy, mean cross-entropy and confusion matrix of a model on a split."""
    model.eval()
    classes = model.head.out_features
    confusion = torch.zeros(classes, classes, dtype=torch.int64)
    total = 0.0
    for start in range(0, len(split), batch):
        part = split.select(torch.arange(start, min(start + batch, len(split))))
        logits = model(part.inputs, part.mask)
        total += float(functional.cross_entropy(logits, part.labels, reduction="sum"))
        pairs = part.labels * classes + logits.argmax(1)
        confusion += torch.bincount(pairs, minlength=classes**2).view(classes, classes).cpu()
    accuracy = float(confusion.diagonal().sum()) / len(split)
    return Score(accuracy, total / len(split), confusion)


def _epoch(
    model: SequenceClassifier,
    split: Split,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    epoch: int,
    report: Callable[[float, dict[str, float]], None],
) -> float:
    """One pass over the training split; the mean loss."""
    model.train()
    seed = recipe.seed * 1_000_003 + epoch
    torch.manual_seed(seed)  # dropout knows no other generator
    generator = torch.Generator().manual_seed(seed)
    losses: list[float] = []
    steps = -(-len(split) // recipe.batch)
    for step, part in enumerate(_batches(split, recipe, generator)):
        fraction = (epoch + (step + 1) / steps) / recipe.epochs
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, fraction)
        loss = functional.cross_entropy(
            model(part.inputs, part.mask), part.labels, label_smoothing=recipe.smoothing
        )
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            last = f"{losses[-2]:.4g}" if len(losses) > 1 else "none"
            raise ConvergenceError(
                f"train: the cross-entropy of epoch {epoch + 1}, step {step + 1} is not finite "
                f"(the last finite one was {last}); lower the learning rate."
            )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        report(fraction, {"epoch": epoch + 1, "loss": losses[-1]})
    return sum(losses) / len(losses)


def _batches(split: Split, recipe: Recipe, generator: torch.Generator) -> Iterator[Split]:
    order = torch.randperm(len(split), generator=generator)
    for index in torch.split(order, recipe.batch):
        part = split.select(index.to(split.labels.device))
        inputs = part.inputs
        for augment in recipe.augmentations:
            inputs = augment(inputs, generator)
        yield Split(inputs, part.labels, part.lengths)


def _save(
    model: SequenceClassifier, optimiser: torch.optim.Optimizer, progress: Progress, run: Run
) -> None:
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in progress.best.items()}
    for index, entries in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in entries.items()}
    keys = ("epoch", "best_epoch", "best_accuracy", "best_loss", "wall_seconds")
    run.save_checkpoint(tensors, {key: getattr(progress, key) for key in keys})


def _restore(model: SequenceClassifier, optimiser: torch.optim.Optimizer, run: Run) -> Progress:
    checkpoint = run.load_checkpoint()
    if checkpoint is None:
        return Progress()
    tensors, state = checkpoint
    device = model.head.weight.device
    model.load_state_dict(_under("model.", tensors, device))
    saved = optimiser.state_dict()
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimiser.", tensors, device).items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = value.cpu() if key == "step" else value
    optimiser.load_state_dict({"state": moments, "param_groups": saved["param_groups"]})
    return Progress(**state, best=_under("best.", tensors, device))


def _under(prefix: str, tensors: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The tensors whose name begins with a prefix, without it."""
    return {
        name.removeprefix(prefix): value.to(device)
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
