"""Arrays of npy and npz files that somebody else may have written: headers before numbers."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from sciformer.errors import DataError
from sciformer.runs.reading import MOST_TENSOR_BYTES, read_bytes

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
MOST_HEADER = 10_000  # characters; numpy's own limit for files that are not trusted


def read_array(path: Path, *, inside: Path | None = None) -> Array:
    """The array of a npy file.

    Args:
        path: of the file.
        inside: see `read_bytes`.

    Raises:
        DataError: as `read_bytes`; Python objects; a header that promises other bytes than follow.
    """
    content = read_bytes(path, MOST_TENSOR_BYTES, inside=inside)
    return _array(str(path), io.BytesIO(content), len(content))


def read_arrays(path: Path, *, inside: Path | None = None) -> dict[str, Array]:
    """The arrays of a npz file by name; arguments and errors as `read_array`.

    What is packed is unpacked only after its sizes were added up, so that a small file cannot fill
    the memory.
    """
    content = read_bytes(path, MOST_TENSOR_BYTES, inside=inside)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if total > MOST_TENSOR_BYTES:
                raise DataError(
                    f"{path}: would unpack to {total} bytes, more than the {MOST_TENSOR_BYTES} "
                    "that such a file may hold; it is damaged or no file of this kind."
                )
            found: dict[str, Array] = {}
            for member in members:
                with archive.open(member) as file:
                    name = member.filename.removesuffix(".npy")
                    found[name] = _array(f"{path}: {name}", file, member.file_size)
            return found
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise DataError(
            f"{path}: is not a whole npz file ({error}); save plain arrays by numpy.savez."
        ) from error


def _array(who: str, file: IO[bytes], size: int) -> Array:
    """The array of an open npy file of `size` bytes, if its header describes just these."""
    try:
        version = np.lib.format.read_magic(file)
        read = _READERS.get(version, np.lib.format.read_array_header_2_0)
        shape, is_fortran, dtype = read(file, max_header_size=MOST_HEADER)
    except (ValueError, EOFError, KeyError, TypeError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{who}: is not an array of numpy ({reason}); save it by numpy.save."
        ) from error
    if dtype.hasobject:
        raise DataError(
            f"{who}: holds Python objects, which only a program could read; save numbers, ragged "
            "sequences one after the other with their offsets."
        )
    promised = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or promised != size - file.tell():
        raise DataError(
            f"{who}: says that it is {shape} of {dtype}, which are {promised} bytes, and "
            f"{size - file.tell()} follow; it is damaged, write it again."
        )
    flat = np.frombuffer(file.read(promised), dtype, math.prod(shape))
    return flat.reshape(shape, order="F" if is_fortran else "C")


_READERS = {(1, 0): np.lib.format.read_array_header_1_0}
