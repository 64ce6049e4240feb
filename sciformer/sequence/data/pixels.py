"""Images as sequences of single pixels in a fixed random order, from IDX files."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DataError
from sciformer.sequence.data.dataset import SequenceData, Split, hold_out

# 5000 training images validate, as is usual; any fixed order of pixels would do.
HELD_OUT = 5000 / 60000
ORDER_SEED = 0
MOST_BYTES = 1 << 30  # twenty times the largest file of MNIST


def load(directory: Path | None, seed: int) -> SequenceData:
    """psMNIST from the four files of MNIST in `directory`, gz or not."""
    return permuted("psmnist", tuple("0123456789"), directory, seed)


def permuted(
    name: str, classes: tuple[str, ...], directory: Path | None, seed: int
) -> SequenceData:
    """Pixels in [0, 1] in the order of `pixel_order`; a twelfth of the training images validates.

    Raises:
        DataError: no directory, files missing or damaged.
    """
    if directory is None:
        raise DataError(
            f"{name}: its files are not part of this package; name the directory that holds "
            "train-images-idx3-ubyte (or .gz) and its three companions with --data."
        )
    whole, test = _split(directory, "train"), _split(directory, "t10k")
    train, validation = hold_out(whole, HELD_OUT, seed)
    return SequenceData(name, classes, train, validation, test)


def pixel_order(count: int) -> Tensor:
    """A fixed permutation of the pixels; our choice, published ones were not published."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(ORDER_SEED))


def read_idx(path: Path) -> Tensor:
    """The array of an IDX file of unsigned bytes, gz or not, as uint8.

    Layout: two zero bytes, the type 0x08, the number of axes, each length as a big-endian 32-bit
    number, the values.

    Raises:
        DataError: no such file, another type, or another size than the header says.
    """
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == b"\x1f\x8b"
        with path.open("rb") as raw:
            file: Any = gzip.open(raw) if is_packed else raw  # noqa: SIM115
            return _values(path, file)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch the file again.") from error


def _values(path: Path, file: IO[bytes]) -> Tensor:
    """The array, read up to one byte more than its header promises, however much would come."""
    start = file.read(4)
    if len(start) < 4 or start[:3] != b"\x00\x00\x08":
        raise DataError(
            f"{path}: is not an IDX file of unsigned bytes, it begins with {start.hex()!r}; "
            "fetch the file again."
        )
    lengths = file.read(4 * start[3])
    shape = struct.unpack(f">{len(lengths) // 4}I", lengths[: len(lengths) // 4 * 4])
    size = math.prod(shape)  # of Python's integers, which do not wrap
    if len(shape) != start[3] or not shape or not 0 < size <= MOST_BYTES:
        raise DataError(
            f"{path}: the header promises {shape or start[3]} values or axes, which is nothing or "
            f"more than {MOST_BYTES} bytes; fetch the file again."
        )
    content = file.read(size + 1)
    if len(content) != size:
        held = f"{len(content)} bytes" if len(content) < size else "more bytes"
        raise DataError(
            f"{path}: the header promises {shape} values or axes, the file holds {held} after it; "
            "fetch the file again."
        )
    return torch.from_numpy(np.frombuffer(content, np.uint8).reshape(shape).copy())


def _split(directory: Path, part: str) -> Split:
    images = read_idx(_file(directory, f"{part}-images-idx3-ubyte"))
    labels = read_idx(_file(directory, f"{part}-labels-idx1-ubyte"))
    if images.dim() != 3 or labels.dim() != 1 or len(images) != len(labels):
        raise DataError(
            f"{directory}: expects images (N, rows, columns) and N labels in the {part} files; "
            f"got {tuple(images.shape)} and {tuple(labels.shape)}."
        )
    pixels = images.flatten(1)
    pixels = pixels[:, pixel_order(pixels.shape[1])]
    return Split(pixels.unsqueeze(-1).float() / 255, labels.long())


def _file(directory: Path, name: str) -> Path:
    for path in (directory / name, directory / f"{name}.gz"):
        if path.exists():
            return path
    raise DataError(f"{directory}: holds neither {name} nor {name}.gz; name their directory.")
