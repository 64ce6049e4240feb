"""Frames of a stream from a file or from stdin, one after the other."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DataError
from sciformer.sequence.data.speech import BANDS, log_mel, read_wav


def frames(source: str, features: int) -> Iterator[Tensor]:
    """The frames (features,) of a csv, npy or wav file, or of csv lines on stdin for "-".

    Raises:
        DataError: a file that is missing or malformed, a frame of another width, a value that is
            not finite.
    """
    path = Path(source)
    if source == "-":
        yield from _lines("stdin", sys.stdin, features)
    elif path.suffix == ".npy":
        yield from _array(path, features)
    elif path.suffix == ".wav":
        if features != BANDS:
            raise DataError(
                f"stream: a wav file gives frames of {BANDS} numbers, the model reads {features}; "
                "give it csv or npy frames."
            )
        yield from log_mel(read_wav(path))
    elif path.suffix == ".csv":
        try:
            with path.open(encoding="utf-8") as file:
                yield from _lines(source, file, features)
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"stream: {path} cannot be read ({error}); name a csv file.") from error
    else:
        raise DataError(f"stream: --input wants a .csv, .npy or .wav file or -; got {source!r}.")


def _lines(name: str, lines: Iterable[str], features: int) -> Iterator[Tensor]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = [float(cell) for cell in line.split(",")]
        except ValueError:
            values = []
        if len(values) != features or not all(map(math.isfinite, values)):
            raise DataError(
                f"stream: line {number} of {name} must be {features} finite numbers separated by "
                f"commas; got {line.strip()[:60]!r}."
            )
        yield torch.tensor(values)


def _array(path: Path, features: int) -> Iterator[Tensor]:
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"stream: {path} cannot be read ({error}); name a npy file.") from error
    if array.ndim != 2 or array.shape[1] != features:
        raise DataError(
            f"stream: {path} must hold frames of shape (n, {features}); got {array.shape}."
        )
    for number, row in enumerate(array):
        frame = torch.from_numpy(np.array(row, dtype=np.float64))
        if not bool(torch.isfinite(frame).all()):
            raise DataError(f"stream: frame {number} of {path} holds values that are not finite.")
        yield frame
