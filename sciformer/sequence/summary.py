"""Summary of a training: its results and the costs of its model, as a run keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.data.dataset import SequenceData
from sciformer.sequence.operations import summary_of
from sciformer.sequence.training import Progress, evaluate

MEASURED = 100  # test sequences by which rates of spikes are measured
# Names of the results for a reader; files and --json keep the short ones.
LABELS = {
    "accuracy": "test accuracy",
    "r2": "r2 on the test split",
    "low": "95 % from",
    "high": "95 % to",
    "validation_accuracy": "validation accuracy",
    "validation_r2": "r2 on the validation split",
    "best_epoch": "best epoch",
    "macs": "multiply-accumulates a sequence",
    "macs_before": "multiply-accumulates before",
    "acs": "accumulates a sequence",
    "energy_nj": "energy of the arithmetic, nJ",
    "state_numbers": "numbers kept while streaming",
    "wall_seconds": "all, s",
    "frames_for_99_percent": "frames for 99 % of the accuracy",
}


def labelled(summary: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Rows of a table: results with names for a reader."""
    return [(LABELS.get(name, name.replace("_", " ")), value) for name, value in summary.items()]


def summarise(model: SequenceClassifier, data: SequenceData, progress: Progress) -> dict[str, Any]:
    """Results on the test split, at the best epoch on the validation split, and costs."""
    sample = data.test.select(torch.arange(min(MEASURED, len(data.test)))).inputs
    metric = model.task.metric
    return {
        metric: evaluate(model, data.test).value,
        f"validation_{metric}": progress.best_score,
        "best_epoch": progress.best_epoch,
        **summary_of(model, sample, data.length),
        "wall_seconds": progress.wall_seconds,
    }
