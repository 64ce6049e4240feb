"""Frames of a stream from a file or from stdin, one after the other, in constant memory."""

from __future__ import annotations

import io
import itertools
import sys
import wave
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DataError
from sciformer.sequence.data.speech import BANDS, HOP, RATE_HZ, WINDOW, log_mel

NPY, WAV = b"\x93NUMPY", b"RIFF"
CELL_BYTES = 64  # of a csv line for each of its numbers, three times what a float64 takes


def frames(source: str, features: int) -> Iterator[Tensor]:
    """The frames (features,) of a csv, npy or wav file, "-" for stdin, as they come.

    What it is, its first bytes say: npy, wav, and anything else is csv.

    Raises:
        DataError: a file that is missing, malformed or empty, a frame of another width, a value
            that is not finite.
    """
    if source == "-":
        stdin = sys.stdin.buffer
        assert isinstance(stdin, io.BufferedReader)
        yield from _frames("stdin", stdin, features)
        return
    try:
        with open(source, "rb") as file:
            yield from _frames(source, file, features)
    except OSError as error:
        raise DataError(
            f"stream: {source} cannot be read ({error}); name a csv, npy or wav file."
        ) from error


def _frames(name: str, file: io.BufferedReader, features: int) -> Iterator[Tensor]:
    start, number = file.peek(len(NPY)), 0
    read = _rows if start.startswith(NPY) else _sound if start.startswith(WAV) else _lines
    for number, frame in enumerate(read(name, file, features), start=1):
        if len(frame) != features or not bool(torch.isfinite(frame).all()):
            raise DataError(
                f"stream: frame {number} of {name} must be {features} finite numbers; "
                f"got {frame.tolist()[:6]}."
            )
        yield frame
    if not number:
        raise DataError(f"stream: {name} holds no frame; give it at least one.")


def _lines(name: str, file: io.BufferedReader, features: int) -> Iterator[Tensor]:
    """Frames of csv lines; empty lines are none."""
    most = CELL_BYTES * features + CELL_BYTES
    for number in itertools.count(1):
        line = file.readline(most)
        if not line:
            return
        if len(line) == most:
            raise DataError(
                f"stream: line {number} of {name} has {most} bytes or more, too many for "
                f"{features} numbers; it must be {features} finite numbers separated by commas."
            )
        try:
            values = [float(cell) for cell in line.split(b",")] if line.strip() else None
        except ValueError as error:
            raise DataError(
                f"stream: line {number} of {name} must be {features} finite numbers separated by "
                f"commas; got {line.strip()[:60]!r}."
            ) from error
        if values:
            yield torch.tensor(values)


def _rows(name: str, file: io.BufferedReader, features: int) -> Iterator[Tensor]:
    """Frames of a npy array (n, features) in C order."""
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        shape, fortran, dtype = readers[np.lib.format.read_magic(file)](file)
    except (ValueError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
        raise DataError(
            f"stream: {name} is not a readable npy file ({error}); save it again."
        ) from error
    is_frames = len(shape) == 2 and shape[0] >= 0 and shape[1] == features
    if fortran or dtype.kind not in "fiu" or not is_frames:
        raise DataError(
            f"stream: {name} must hold real frames of shape (n, {features}) in C order; got "
            f"{shape} of {dtype}{' in Fortran order' if fortran else ''}."
        )
    for number in range(shape[0]):
        raw = file.read(features * dtype.itemsize)
        if len(raw) < features * dtype.itemsize:
            raise DataError(f"stream: {name} ends inside frame {number + 1} of {shape[0]}.")
        yield torch.from_numpy(np.frombuffer(raw, dtype).astype(np.float64))


def _sound(name: str, file: io.BufferedReader, features: int) -> Iterator[Tensor]:
    """Log-mel frames of 16-bit sound, channels averaged; see `log_mel`."""
    if features != BANDS:
        raise DataError(
            f"stream: a wav file gives frames of {BANDS} numbers, the model reads {features}; "
            "give it csv or npy frames."
        )
    try:
        sound = wave.open(file)  # noqa: SIM115
    except (wave.Error, EOFError) as error:
        raise DataError(f"stream: {name} is not a readable wav file ({error}).") from error
    if (sound.getframerate(), sound.getsampwidth()) != (RATE_HZ, 2):
        raise DataError(
            f"stream: {name} must hold 16-bit samples at {RATE_HZ} Hz; got "
            f"{8 * sound.getsampwidth()}-bit at {sound.getframerate()} Hz; resample it."
        )
    heard, given = torch.empty(0), 0
    while raw := sound.readframes(HOP):
        if len(raw) % (2 * sound.getnchannels()):
            raise DataError(f"stream: {name} ends inside a sample; repair the file.")
        samples = np.frombuffer(raw, "<i2").reshape(-1, sound.getnchannels())
        heard = torch.cat([heard, torch.from_numpy(samples.astype(np.float32) / 2**15).mean(1)])
        while len(heard) >= WINDOW:
            yield log_mel(heard[:WINDOW])[0]
            heard, given = heard[HOP:], given + 1
    if not given:
        yield log_mel(heard)[0]
