"""Targets of a user's own sequences: a class, numbers, or the frames to come."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DataError


@dataclass(frozen=True)
class Labelled:
    """Sequences with the labels of their file.

    Attributes:
        frames: one tensor (n_i, c) a sequence, float32.
        labels: one a sequence, (N,) or (N, k); None if the file says nothing.
    """

    frames: list[Tensor]
    labels: np.ndarray[Any, Any] | None


class Targets(ABC):
    """Rule by which labels become targets.

    Attributes:
        reads_labels: whether labels are needed at all.
    """

    reads_labels = True

    @abstractmethod
    def names(self, path: Path, parts: Sequence[Labelled]) -> tuple[str, ...]:
        """Names of the outputs of a model; the path is for messages."""

    @abstractmethod
    def of(self, path: Path, part: Labelled, names: tuple[str, ...]) -> tuple[list[Tensor], Tensor]:
        """The sequences that the model reads, and the targets (N,) or (N, k)."""


class Classes(Targets):
    """One of some classes, by number or name."""

    def names(self, path: Path, parts: Sequence[Labelled]) -> tuple[str, ...]:
        found = {label for part in parts for label in _texts(path, part)}
        names = tuple(sorted(found, key=_order))
        if len(names) < 2:
            raise DataError(
                f"train: {path} has only the class {', '.join(names) or '(none)'}; a classifier "
                "needs two or more."
            )
        return names

    def of(self, path: Path, part: Labelled, names: tuple[str, ...]) -> tuple[list[Tensor], Tensor]:
        numbers = {name: number for number, name in enumerate(names)}
        return part.frames, torch.tensor([numbers[label] for label in _texts(path, part)])


def single(numbers: np.ndarray) -> Tensor:
    """Numbers as float32.

    Raises:
        DataError: numbers beyond float32, or not finite; or all of them so small that they would
            become zeros.
    """
    with np.errstate(over="ignore", under="ignore"):
        found = numbers.astype(np.float32)
    if not np.isfinite(found).all():
        raise DataError(
            "train: a sequence or target holds numbers that are not finite in single precision; "
            "repair the file, or choose a larger unit."
        )
    if numbers.any() and not found.any():
        raise DataError(
            "train: the numbers of a sequence or target are too small for single precision; choose "
            "a smaller unit."
        )
    return torch.from_numpy(found)


class Numbers(Targets):
    """One or several numbers per sequence."""

    def names(self, path: Path, parts: Sequence[Labelled]) -> tuple[str, ...]:
        widths = {_numbers(path, part).shape[1] for part in parts}
        if len(widths) > 1:
            raise DataError(f"train: the splits of {path} have targets of different widths.")
        return tuple(f"y{index}" for index in range(widths.pop()))

    def of(self, path: Path, part: Labelled, names: tuple[str, ...]) -> tuple[list[Tensor], Tensor]:
        return part.frames, single(_numbers(path, part))


@dataclass(frozen=True)
class NextFrames(Targets):
    """The last frames of each sequence, which the model does not read.

    Attributes:
        count: how many, >= 1.
    """

    count: int
    reads_labels = False

    def names(self, path: Path, parts: Sequence[Labelled]) -> tuple[str, ...]:
        shortest = min(len(frames) for part in parts for frames in part.frames)
        if shortest <= self.count:
            raise DataError(
                f"train: to forecast {self.count} frames needs sequences of more frames, and "
                f"{path} has one of {shortest}; lower --horizon."
            )
        width = parts[0].frames[0].shape[1]
        return tuple(f"t+{t}:{c}" for t in range(1, self.count + 1) for c in range(width))

    def of(self, path: Path, part: Labelled, names: tuple[str, ...]) -> tuple[list[Tensor], Tensor]:
        read = [frames[: -self.count] for frames in part.frames]
        return read, torch.stack([frames[-self.count :].flatten() for frames in part.frames])


def _texts(path: Path, part: Labelled) -> list[str]:
    if part.labels is None or part.labels.ndim != 1:
        raise DataError(
            f"train: {path} needs labels y of shape (N,), a class each; got {_shape(part.labels)}."
        )
    texts = [str(label) for label in part.labels]
    if any(map(_is_fraction, texts)) and all(map(_is_number, texts)):
        raise DataError(
            f"train: {path} has labels with fractions, which name no classes; use the task regress."
        )
    return texts


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_fraction(text: str) -> bool:
    return _is_number(text) and not float(text).is_integer()


def _shape(labels: np.ndarray[Any, Any] | None) -> str:
    return "none" if labels is None else str(labels.shape)


def _numbers(path: Path, part: Labelled) -> np.ndarray[Any, Any]:
    if part.labels is None or part.labels.ndim not in (1, 2):
        raise DataError(
            f"train: {path} needs numbers y of shape (N,) or (N, k) to regress; got "
            f"{_shape(part.labels)}."
        )
    try:
        found = part.labels.astype(np.float64)
    except ValueError as error:
        raise DataError(
            f"train: {path} has labels that are not numbers to regress ({error}); use the task "
            "classify."
        ) from error
    if not np.isfinite(found).all():
        raise DataError(f"train: {path} has targets that are not finite; repair the file.")
    return found.reshape(len(found), -1)


def _order(label: str) -> tuple[bool, float, str]:
    """Numbers by value, before names by the alphabet."""
    is_number = re.fullmatch(r"-?\d+(\.\d*)?", label) is not None
    return not is_number, float(label) if is_number else 0.0, label
