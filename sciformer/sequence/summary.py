"""Summary of a training: its results and the costs of its model, as a run keeps it."""

from __future__ import annotations

from typing import Any

import torch

from sciformer.sequence.data.dataset import SequenceData
from sciformer.sequence.model import SequenceClassifier
from sciformer.sequence.operations import summary_of
from sciformer.sequence.training import Progress, evaluate

MEASURED = 100  # test sequences by which rates of spikes are measured


def summarise(model: SequenceClassifier, data: SequenceData, progress: Progress) -> dict[str, Any]:
    """Results on the test split, at the best epoch on the validation split, and costs."""
    sample = data.test.select(torch.arange(min(MEASURED, len(data.test)))).inputs
    figure = model.task.figure
    return {
        figure: evaluate(model, data.test).value,
        f"validation_{figure}": progress.best_score,
        "best_epoch": progress.best_epoch,
        **summary_of(model, sample, data.length),
        "wall_seconds": progress.wall_seconds,
    }
