"""Training a sequence classifier: epochs, the best checkpoint by validation, resuming."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sciformer.errors import ConvergenceError, DataError
from sciformer.runs import Run
from sciformer.runs.state import pack, unpack
from sciformer.sequence.augmentation import Augmentation
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.data.dataset import SequenceData, Split
from sciformer.sequence.tasks import Score as Score


@dataclass(frozen=True)
class Recipe:
    """Recipe of a training.

    Attributes:
        epochs: passes over the training split.
        batch: sequences a step.
        rate: highest learning rate of AdamW.
        decay: weight decay.
        smoothing: of the labels, 0 .. 1.
        seed: of shuffling, augmentation and dropout.
        augmentations: applied in order to each training batch.
        budget: seconds after which it ends, with the learning rate on its way down by then; 0 is
            not a limit. What a training gives then depends on the speed of the machine.
    """

    epochs: int = 40
    batch: int = 100
    rate: float = 6e-3
    decay: float = 1e-2
    smoothing: float = 0.0
    seed: int = 0
    augmentations: tuple[Augmentation, ...] = ()
    budget: float = 0.0


@dataclass
class Progress:
    """Progress of a training; `best` holds the weights of the best epoch so far.

    `wall_seconds` is the time of its epochs, those before a resumption included.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = -math.inf
    best_loss: float = math.inf
    wall_seconds: float = 0.0
    best: dict[str, Tensor] = field(default_factory=dict)


def learning_rate(recipe: Recipe, fraction: float) -> float:
    """The learning rate: up along a cosine over the first fifth of the training, down to 0 over the
    rest.
    """
    warm = 0.2
    if fraction < warm:
        return recipe.rate * (0.04 + 0.96 * (1 - math.cos(math.pi * fraction / warm)) / 2)
    return recipe.rate * (1 + math.cos(math.pi * (fraction - warm) / (1 - warm))) / 2


def train(
    model: SequenceClassifier,
    data: SequenceData,
    recipe: Recipe,
    run: Run,
    report: Callable[[float, dict[str, float]], None] = lambda fraction, metrics: None,
) -> Progress:
    """Trains a model in place and leaves the weights of its best validation epoch in it.

    Every epoch ends with a checkpoint in `run`, from which a run opened by `Run.resume` goes on;
    shuffling and augmentation depend on seed and epoch only, so it goes on as if never stopped.

    Args:
        model: in the dtype and on the device to be used.
        data: its splits there too; the test split is not looked at.
        recipe: how.
        run: gets metrics and checkpoints.
        report: called after every step with the fraction done and numbers to show.

    Returns:
        Epochs done, the best of them, and its weights.

    Raises:
        ConvergenceError: a loss that is not finite.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    progress = _restore(model, optimiser, run)
    for epoch in range(progress.epoch, recipe.epochs):
        start = time.perf_counter() - progress.wall_seconds

        def done(epochs: float, start: float = start) -> float:
            """The fraction done, by epochs or by seconds."""
            seconds = (time.perf_counter() - start) / recipe.budget if recipe.budget else 0.0
            return min(1.0, max(epochs / recipe.epochs, seconds))

        loss = _epoch(model, data.train, optimiser, recipe, epoch, done, report)
        score = evaluate(model, data.validation)
        progress.epoch = epoch + 1
        if (score.value, -score.loss) > (progress.best_score, -progress.best_loss):
            progress.best_epoch = epoch + 1
            progress.best_score, progress.best_loss = score.value, score.loss
            progress.best = {name: value.clone() for name, value in model.state_dict().items()}
        run.log(
            epoch=epoch + 1,
            train_loss=loss,
            validation_loss=score.loss,
            **{f"validation_{model.task.metric}": score.value},
        )
        progress.wall_seconds = time.perf_counter() - start
        _save(model, optimiser, progress, run)
        if recipe.budget and progress.wall_seconds >= recipe.budget:
            break
    model.load_state_dict(progress.best)
    return progress


@torch.no_grad()
def evaluate(model: SequenceClassifier, split: Split, batch: int = 250) -> Score:
    """Score and mean loss of a model on a split, by its task."""
    model.eval()
    parts = (split.select(i) for i in torch.split(torch.arange(len(split)), batch))
    outputs = torch.cat([model(part.inputs, part.mask) for part in parts])
    return model.task.score(model, outputs, split.labels)


def _epoch(
    model: SequenceClassifier,
    split: Split,
    optimiser: torch.optim.Optimizer,
    recipe: Recipe,
    epoch: int,
    done: Callable[[float], float],
    report: Callable[[float, dict[str, float]], None],
) -> float:
    """One pass over the training split, or what of it there is time for; the mean loss."""
    model.train()
    seed = recipe.seed * 1_000_003 + epoch
    torch.manual_seed(seed)  # dropout knows no other generator
    generator = torch.Generator().manual_seed(seed)
    losses: list[float] = []
    steps = -(-len(split) // recipe.batch)
    for step, part in enumerate(_batches(split, recipe, generator)):
        fraction = done(epoch + (step + 1) / steps)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, fraction)
        outputs = model(part.inputs, part.mask)
        loss = model.task.loss(model, outputs, part.labels, recipe.smoothing)
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            last = f"{losses[-2]:.4g}" if len(losses) > 1 else "none"
            raise ConvergenceError(
                f"train: the loss of epoch {epoch + 1}, step {step + 1} is not finite "
                f"(the last finite one was {last}); lower the learning rate."
            )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        report(fraction, {"epoch": epoch + 1, "loss": losses[-1]})
        if fraction >= 1:
            break
    return sum(losses) / len(losses)


def _batches(split: Split, recipe: Recipe, generator: torch.Generator) -> Iterator[Split]:
    order = torch.randperm(len(split), generator=generator)
    for index in torch.split(order, recipe.batch):
        part = split.select(index)
        inputs = part.inputs
        for augment in recipe.augmentations:
            inputs = augment(inputs, generator)
        yield Split(inputs, part.labels, part.lengths)


PROGRESS = ("epoch", "best_epoch", "best_score", "best_loss", "wall_seconds")


def _save(
    model: SequenceClassifier, optimiser: torch.optim.Optimizer, progress: Progress, run: Run
) -> None:
    state = {
        "model": dict(model.state_dict()),
        "best": progress.best,
        "optimiser": optimiser.state_dict()["state"],
        "progress": {name: getattr(progress, name) for name in PROGRESS},
    }
    run.save_checkpoint(*pack(state))


def _restore(model: SequenceClassifier, optimiser: torch.optim.Optimizer, run: Run) -> Progress:
    """The progress where a run stopped; torch moves what is loaded to the device of the model.

    Raises:
        DataError: the checkpoint is one of something else.
    """
    checkpoint = run.load_checkpoint()
    if checkpoint is None:
        return Progress()
    try:
        state = unpack(*checkpoint)
        model.load_state_dict(state["model"])
        moments = {int(index): entries for index, entries in state["optimiser"].items()}
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": moments, "param_groups": groups})
        return Progress(**state["progress"], best=state["best"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise DataError(
            f"train: the checkpoint of {run.path} does not belong to this model "
            f"({type(error).__name__}: {reason}); start a new run."
        ) from error
