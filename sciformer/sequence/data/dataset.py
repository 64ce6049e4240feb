"""Labelled sequences in memory, checked once when they are read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.errors import DataError


@dataclass(frozen=True)
class Split:
    """Sequences of one purpose.

    Attributes:
        inputs: (N, n, c), float32; padded with zeros at the end.
        labels: (N,), int64.
        lengths: (N,), frames that are there, or None if all are.
    """

    inputs: Tensor
    labels: Tensor
    lengths: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: Tensor) -> Split:
        """The sequences at the given places."""
        lengths = None if self.lengths is None else self.lengths[index]
        return Split(self.inputs[index], self.labels[index], lengths)

    @property
    def mask(self) -> Tensor | None:
        """(N, n) bool, True where a frame is there; None if all are."""
        if self.lengths is None:
            return None
        return torch.arange(self.inputs.shape[1]) < self.lengths[:, None]

    def to(self, device: torch.device, dtype: torch.dtype) -> Split:
        """The split on a device, inputs in a dtype."""
        lengths = None if self.lengths is None else self.lengths.to(device)
        return Split(self.inputs.to(device, dtype), self.labels.to(device), lengths)


@dataclass(frozen=True)
class SequenceData:
    """A data set: training, validation and test split, and the names of the classes."""

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    def __post_init__(self) -> None:
        for split_name in ("train", "validation", "test"):
            check_split(f"{self.name}: {split_name}", getattr(self, split_name), self.classes)
        present = torch.bincount(self.train.labels, minlength=len(self.classes))
        empty = [name for name, count in zip(self.classes, present, strict=True) if count == 0]
        if empty:
            raise DataError(
                f"{self.name}: the class {empty[0]!r} has no training sequence; "
                "complete the data or leave the class out."
            )

    @property
    def features(self) -> int:
        """Width c of a frame."""
        return self.train.inputs.shape[-1]

    @property
    def length(self) -> int:
        """Frames of the longest sequence."""
        return self.train.inputs.shape[1]


def check_split(who: str, split: Split, classes: tuple[str, ...]) -> None:
    """Refuses sequences from which nothing can be learned.

    Raises:
        DataError: no sequences, wrong shapes, values that are not finite, labels out of range.
    """
    inputs, labels = split.inputs, split.labels
    if inputs.dim() != 3 or 0 in inputs.shape or labels.shape != inputs.shape[:1]:
        raise DataError(
            f"{who}: wants sequences (N, n, c) with N labels and N, n, c >= 1; "
            f"got {tuple(inputs.shape)} and labels {tuple(labels.shape)}."
        )
    if not bool(torch.isfinite(inputs).all()):
        bad = int((~torch.isfinite(inputs)).flatten(1).any(1).nonzero()[0])
        raise DataError(f"{who}: sequence {bad} holds values that are not finite; repair the file.")
    if int(labels.min()) < 0 or int(labels.max()) >= len(classes):
        raise DataError(
            f"{who}: labels must lie in 0 .. {len(classes) - 1}; "
            f"got {int(labels.min())} .. {int(labels.max())}."
        )


def hold_out(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """What remains, and a random part of `fraction` held out; the same for the same seed."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    count = max(1, round(fraction * len(split)))
    return split.select(order[count:]), split.select(order[:count])
