"""Figures of a training: learning curve, confusion matrix, early exit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sciformer.pictures import GREEN, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled()
def learning_curve(
    metrics: Sequence[dict[str, Any]], best_epoch: int, name: str = "accuracy"
) -> Figure:
    """Draws losses and the validation score of a name by epoch; the kept epoch is marked."""
    figure = _figure(6.4, 3.6)
    left = figure.add_subplot()
    epochs = [row["epoch"] for row in metrics]
    left.semilogy(epochs, [row["train_loss"] for row in metrics], label="training loss")
    left.semilogy(epochs, [row["validation_loss"] for row in metrics], label="validation loss")
    left.set(xlabel="epoch", ylabel="loss")
    left.axvline(best_epoch, color="0.7", linewidth=0.8, linestyle="--", label="kept")
    right = left.twinx()
    scores = [100 * row[f"validation_{name}"] for row in metrics]
    right.plot(epochs, scores, color=GREEN, label=f"validation {name}")
    right.set_ylabel(f"{name}, %")
    handles = [*left.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    left.legend(handles=handles, loc="center right")
    return figure


@styled()
def confusion_matrix(confusion: Tensor, classes: Sequence[str]) -> Figure:
    """Draws true classes as rows and predicted ones as columns; counts, coloured by share of the
    row.
    """
    count = len(classes)
    side = max(4.0, 0.32 * count + 1.5)
    figure = _figure(side, side)
    axes = figure.add_subplot()
    share = confusion.double() / confusion.sum(1, keepdim=True).clamp(min=1)
    axes.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=1)
    for i in range(count):
        for j in range(count):
            if confusion[i, j]:
                colour = "white" if share[i, j] > 0.5 else "black"
                text = str(int(confusion[i, j]))
                axes.text(j, i, text, ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(count), classes, rotation=90 if count > 12 else 0)
    axes.set_yticks(range(count), classes)
    axes.set(xlabel="predicted class", ylabel="true class")
    return figure


@styled()
def early_exit(curve: Tensor, needed: int) -> Figure:
    """Draws the accuracy of the streaming model against the share of the sequence it has seen."""
    figure = _figure(5.6, 3.6)
    axes = figure.add_subplot()
    seen = [100 * (t + 1) / len(curve) for t in range(len(curve))]
    axes.plot(seen, (100 * curve).tolist())
    axes.axvline(
        100 * needed / len(curve),
        color="0.5",
        linestyle="--",
        linewidth=0.8,
        label=f"99 % of the final accuracy: {needed} of {len(curve)} frames",
    )
    axes.set(xlabel="share of the sequence seen, %", ylabel="accuracy, %", ylim=(0, 101))
    axes.legend(loc="upper left")
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
