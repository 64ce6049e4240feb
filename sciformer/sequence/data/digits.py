"""Handwritten digits of 8 x 8 pixels as sequences of 64 values, from scikit-learn."""

from __future__ import annotations

from pathlib import Path

import torch

from sciformer.sequence.data.dataset import SequenceData, Split, hold_out
from sciformer.sequence.data.packages import wanted


def load(directory: Path | None, seed: int) -> SequenceData:
    """1797 digits row by row, in [0, 1]; always the same fifth tests, a tenth validates."""
    raw = wanted("sklearn.datasets", "scikit-learn", "digits").load_digits()
    inputs = torch.from_numpy(raw.data).float().unsqueeze(-1) / 16
    whole = Split(inputs, torch.from_numpy(raw.target).long())
    rest, test = hold_out(whole, 0.2, 0)
    train, validation = hold_out(rest, 0.1, seed)
    return SequenceData("digits", tuple("0123456789"), train, validation, test)
