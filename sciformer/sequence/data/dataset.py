"""Labelled sequences in memory, checked once when they are read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.errors import DataError


@dataclass(frozen=True)
class Split:
    """Sequences of one purpose.

    Attributes:
        inputs: (N, n, c), float32; padded with zeros at the end.
        labels: (N,), int64 classes; or (N, k), numbers to be found.
        lengths: (N,), frames that are there, or None if all are.

    Examples:
        >>> import sciformer, torch
        >>> sciformer.Split(torch.zeros(5, 8, 1), torch.zeros(5, dtype=torch.int64)).inputs.shape
        torch.Size([5, 8, 1])
    """

    inputs: Tensor
    labels: Tensor
    lengths: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def features(self) -> int:
        """Width c of a frame."""
        return self.inputs.shape[-1]

    def select(self, index: Tensor) -> Split:
        """The sequences at the given places, which may lie on the CPU."""
        index = index.to(self.labels.device)
        lengths = None if self.lengths is None else self.lengths[index]
        return Split(self.inputs[index], self.labels[index], lengths)

    @property
    def mask(self) -> Tensor | None:
        """(N, n) bool, True where a frame is there; None if all are."""
        if self.lengths is None:
            return None
        places = torch.arange(self.inputs.shape[1], device=self.lengths.device)
        return places < self.lengths[:, None]

    def check_inputs(self, who: str) -> None:
        """Refuses wrong shapes and values that are not finite."""
        inputs, labels = self.inputs, self.labels
        if inputs.dim() != 3 or 0 in inputs.shape or labels.shape[:1] != inputs.shape[:1]:
            raise DataError(
                f"{who}: expects sequences (N, n, c) with N labels and N, n, c >= 1; "
                f"got {tuple(inputs.shape)} and labels {tuple(labels.shape)}."
            )
        if not bool(torch.isfinite(inputs).all()):
            bad = int((~torch.isfinite(inputs)).flatten(1).any(1).nonzero()[0])
            raise DataError(
                f"{who}: sequence {bad} holds values that are not finite; repair the file."
            )

    def to(self, device: torch.device, dtype: torch.dtype) -> Split:
        """The split on a device, inputs in a dtype."""
        lengths = None if self.lengths is None else self.lengths.to(device)
        is_number = self.labels.is_floating_point()
        labels = self.labels.to(device, dtype if is_number else None)
        return Split(self.inputs.to(device, dtype), labels, lengths)


@dataclass(frozen=True)
class SymbolSplit(Split):
    """Sequences of symbols, kept as bytes; what is selected from it has one-hot frames.

    Attributes:
        inputs: (N, n), uint8; what lies behind the end is not read.
        symbols: how many there are.
        dtype: of the frames.
    """

    symbols: int = 256
    dtype: torch.dtype = torch.float32

    @property
    def features(self) -> int:
        return self.symbols

    def select(self, index: Tensor) -> Split:
        """The sequences at the given places; as long as the longest sequence of them."""
        assert self.lengths is not None
        lengths = self.lengths[index]
        chosen = self.inputs[index][:, : int(lengths.max())]
        frames = torch.nn.functional.one_hot(chosen.long(), self.symbols).to(self.dtype)
        part = Split(frames, self.labels[index], lengths)
        assert part.mask is not None
        frames *= part.mask.unsqueeze(-1)
        return part

    def check_inputs(self, who: str) -> None:
        if self.inputs.dim() != 2 or self.inputs.dtype != torch.uint8:
            raise DataError(
                f"{who}: expects symbols (N, n) as bytes; "
                f"got {tuple(self.inputs.shape)} of {self.inputs.dtype}."
            )

    def to(self, device: torch.device, dtype: torch.dtype) -> Split:
        assert self.lengths is not None
        return SymbolSplit(
            self.inputs.to(device),
            self.labels.to(device),
            self.lengths.to(device),
            self.symbols,
            dtype,
        )


@dataclass(frozen=True)
class SequenceData:
    """A data set: training, validation and test split, and the names of the classes or outputs.

    Examples:
        >>> import numpy as np, sciformer
        >>> data = sciformer.own_data(np.ones((20, 8)), np.arange(20) % 2)
        >>> len(data.train.labels), len(data.validation.labels), len(data.test.labels)
        (13, 3, 4)
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    def __post_init__(self) -> None:
        for split_name in ("train", "validation", "test"):
            check_split(f"{self.name}: {split_name}", getattr(self, split_name), self.classes)
        if self.train.labels.is_floating_point():
            return
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
        return self.train.features

    @property
    def digest(self) -> str:
        """A digest of the training split, by which other data under the same name are found out."""
        found = hashlib.sha256()
        for part in (self.train.inputs, self.train.labels, self.train.lengths):
            if part is not None:
                found.update(str(tuple(part.shape)).encode())
                found.update(part.detach().cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    @property
    def length(self) -> int:
        """Frames of the longest sequence."""
        return self.train.inputs.shape[1]


def check_split(who: str, split: Split, classes: tuple[str, ...]) -> None:
    """Refuses sequences from which nothing can be learned.

    Raises:
        DataError: no sequences, wrong shapes, values that are not finite, labels out of range.
    """
    split.check_inputs(who)
    if split.labels.is_floating_point():
        wanted = (len(split), len(classes))
        if split.labels.shape != wanted or not bool(torch.isfinite(split.labels).all()):
            raise DataError(
                f"{who}: targets must be finite numbers of shape {wanted}; got "
                f"{tuple(split.labels.shape)}."
            )
        return
    low, high = int(split.labels.min()), int(split.labels.max())
    if low < 0 or high >= len(classes):
        raise DataError(f"{who}: labels must lie in 0 .. {len(classes) - 1}; got {low} .. {high}.")


def hold_out(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """The remaining split, and a random part of `fraction`; the same for the same seed."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    count = max(1, round(fraction * len(split)))
    return split.select(order[count:]), split.select(order[:count])
