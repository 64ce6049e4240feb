"""Early stopping of a stream once the answer is sure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.errors import DomainError, UsageError
from sciformer.sequence.classifier import SequenceClassifier
from sciformer.sequence.data.dataset import Split

BATCH = 250  # sequences at once; only memory depends on it


@dataclass(frozen=True)
class Stopping:
    """The rule to leave a stream as soon as the probability of its class exceeds a threshold.

    Attributes:
        threshold: see `calibrate`.
    """

    threshold: float

    def is_sure(self, probability: float) -> bool:
        """Whether the answer will stay, with the share it was calibrated for."""
        return probability > self.threshold


@dataclass(frozen=True)
class Saving:
    """Effect of stopping on some sequences.

    Attributes:
        frames_saved: share of all frames that were not read.
        accuracy: of the answers given when stopped.
        accuracy_whole: of the answers at the ends.
        agreement: share of answers that are those at the ends.
    """

    frames_saved: float
    accuracy: float
    accuracy_whole: float
    agreement: float


def calibrate(model: SequenceClassifier, validation: Split, share: float) -> Stopping:
    """The smallest threshold by which a new sequence gets the answer of its end.

    A sequence is answered too early by every threshold below M, the largest of its probabilities
    that exceed all earlier ones while the class is not the one at the end. With n sequences whose
    M are exchangeable with a new one, the k-th largest M is exceeded with a probability of at most
    k / (n + 1); k is the largest number for which that is 1 - share or less.

    Args:
        model: causal.
        validation: sequences that it was not trained on.
        share: of sequences whose answer must not change any more, 0 < share < 1.

    Raises:
        DomainError: a share outside its range.
        UsageError: fewer sequences than such a share needs, or a model that reads later frames.

    Source: split conformal prediction, Vovk, Gammerman, Shafer 2005; the score M is ours.
    """
    if not 0 < share < 1:
        raise DomainError(f"stream: --until must lie between 0 and 1; got {share:g}.")
    count = len(validation)
    rank = math.floor((1 - share) * (count + 1) * (1 + 1e-12))  # 0.1 * 10 is 1, not 0.99...
    if rank < 1:
        raise UsageError(
            f"stream: a certainty of {share:g} takes {math.ceil(1 / (1 - share)) - 1} validation "
            f"sequences, there are {count}; lower --until."
        )
    scores = [_too_early(*row) for row in _rows(model, validation)]
    return Stopping(sorted(scores, reverse=True)[rank - 1])


def measure(model: SequenceClassifier, split: Split, stopping: Stopping) -> Saving:
    """Savings and costs of stopping on a split by which nothing was chosen."""
    read = total = right = right_whole = same = 0
    rows = _rows(model, split)
    for (probabilities, classes), truth in zip(rows, split.labels.tolist(), strict=True):
        sure = (probabilities > stopping.threshold).nonzero()
        stop = int(sure[0]) if len(sure) else len(classes) - 1
        answer, last = int(classes[stop]), int(classes[-1])
        read, total = read + stop + 1, total + len(classes)
        right, right_whole = right + (answer == truth), right_whole + (last == truth)
        same += answer == last
    count = len(split)
    return Saving(1 - read / total, right / count, right_whole / count, same / count)


def _too_early(probabilities: Tensor, classes: Tensor) -> float:
    """The score M of one sequence; 0 if its class is that of the end from the first frame on."""
    highest = probabilities.cummax(0).values
    before = torch.cat([highest.new_zeros(1), highest[:-1]])
    wrong = probabilities[(probabilities > before) & (classes != classes[-1])]
    return float(wrong.max()) if len(wrong) else 0.0


@torch.no_grad()
def _rows(model: SequenceClassifier, split: Split) -> list[tuple[Tensor, Tensor]]:
    """Probability and class after each frame, sequence by sequence."""
    if not model.body.causal:
        raise UsageError(
            "stream: this model reads later frames, so it has no answer before the end; train the "
            "preset causal or small."
        )
    model.eval()
    found = []
    for index in torch.split(torch.arange(len(split)), BATCH):
        part = split.select(index)
        best = model.beginnings(part.inputs).softmax(-1).max(-1)
        lengths = [part.inputs.shape[1]] * len(part) if part.lengths is None else part.lengths
        for row, length in enumerate(lengths):
            found.append((best.values[row, : int(length)], best.indices[row, : int(length)]))
    return found
