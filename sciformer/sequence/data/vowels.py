"""JapaneseVowels: nine speakers, 12 coefficients per frame, 7 to 29 frames, from aeon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sciformer.sequence.data.dataset import SequenceData, Split, hold_out
from sciformer.sequence.data.packages import wanted


def load(directory: Path | None, seed: int) -> SequenceData:
    """The published 270 + 370 utterances; a fifth of the 270 validates."""
    package = wanted("aeon.datasets", "aeon", "japanese-vowels")
    whole, test = (_split(*package.load_japanese_vowels(split=part)) for part in ("train", "test"))
    train, validation = hold_out(whole, 0.2, seed)
    return SequenceData("japanese-vowels", tuple("123456789"), train, validation, test)


def _split(cases: list[np.ndarray], labels: np.ndarray) -> Split:
    """Cases of shape (12, frames) and labels "1" .. "9"."""
    sequences = [torch.from_numpy(np.asarray(case)).float().T for case in cases]
    return padded(sequences, torch.tensor([int(label) - 1 for label in labels]))


def padded(sequences: list[Tensor], labels: Tensor) -> Split:
    """Sequences (n_i, c) of different lengths as one split, zeros at their ends."""
    inputs = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True)
    return Split(inputs, labels, torch.tensor([len(sequence) for sequence in sequences]))
