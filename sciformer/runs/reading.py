"""Checked reading of files that somebody else may have written.

A reader here opens regular files only, bounds their size before it reads, parses data and never
code, and answers whatever is wrong by one `DataError`.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sciformer.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

# A configuration of a run takes some kilobytes, a summary or a certificate some hundred.
MOST_JSON_BYTES = 64 << 20
# A network of 500 million numbers in float64, far above all that this package trains.
MOST_TENSOR_BYTES = 4 << 30
# Nested lists and objects; Python's own parser gives up at about a thousand.
MOST_DEPTH = 100


def read_bytes(path: Path, most: int, *, inside: Path | None = None) -> bytes:
    """The content of a regular file.

    Args:
        path: of the file.
        most: bytes it may have.
        inside: a directory that a symbolic link may not lead out of; None allows any link.

    Raises:
        DataError: no such file, a directory, a device or a pipe, a link that leads out, or a file
            that is too large.
    """
    if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
        raise DataError(
            f"{path}: leads out of {inside} to {path.resolve()}; copy the file itself into it."
        )
    try:
        # Without O_NONBLOCK a pipe that nobody writes would be waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise DataError(f"{path}: is not a regular file; name a file on a disk.")
            # One more byte than allowed: a file may grow while it is read.
            content = b"" if status.st_size > most else file.read(most + 1)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); check the path."
        ) from error
    if status.st_size > most or len(content) > most:
        raise DataError(
            f"{path}: has {max(status.st_size, len(content))} bytes, more than the {most} that "
            "such a file may have; it is damaged or no file of this kind."
        )
    return content


def read_json(path: Path, *, inside: Path | None = None) -> Any:
    """The value of a file of strict JSON: finite numbers, no key twice, nested 100 deep at most.

    Raises:
        DataError: as `read_bytes`, or the text is something else.
    """
    return parse_json(str(path), read_bytes(path, MOST_JSON_BYTES, inside=inside))


def parse_json(who: str, content: bytes) -> Any:
    """The value of strict JSON; `who` is named in the sentence of the error.

    Raises:
        DataError: other text, numbers that are not finite, a key twice, deep nesting.
    """

    def refuse(reason: object) -> NoReturn:
        raise DataError(f"{who}: is not the JSON that this program writes ({reason}).")

    def number(text: str) -> float:
        value = float(text)
        return value if abs(value) < float("inf") else refuse(f"{text[:20]} is not finite")

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        return found if len(found) == len(pairs) else refuse("a key occurs twice")

    try:
        value = json.loads(
            content.decode(), parse_float=number, parse_constant=number, object_pairs_hook=mapping
        )
        deepest = _depth(value)
    except RecursionError:
        deepest = MOST_DEPTH + 1
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        refuse(str(error).partition("\n")[0])
    if deepest > MOST_DEPTH:
        refuse(f"nested deeper than {MOST_DEPTH}")
    return value


def _depth(value: Any) -> int:
    """Depth to which lists and objects are nested, without recursion."""
    deepest, level = 0, [value] if isinstance(value, (dict, list)) else []
    while level:
        deepest += 1
        children = (v for item in level for v in (item.values() if type(item) is dict else item))
        level = [child for child in children if isinstance(child, (dict, list))]
    return deepest


def read_tensors(
    path: Path, like: Mapping[str, Tensor] | None = None, *, inside: Path | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors of a safetensors file, and the texts that its header holds beside them.

    Args:
        path: of the file.
        like: tensors of the names, shapes and dtypes wanted; None takes any.
        inside: see `read_bytes`.

    Raises:
        DataError: as `read_bytes`, another format, other tensors, numbers that are not finite.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = read_bytes(path, MOST_TENSOR_BYTES, inside=inside)
    try:
        tensors = load(content)
        size = int.from_bytes(content[:8], "little")
        texts = parse_json(str(path), content[8 : 8 + size]).get("__metadata__") or {}
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise DataError(
            f"{path}: is not a whole safetensors file ({_first_line(error)})."
        ) from error
    if like is not None:
        _refuse_others(path, tensors, like)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DataError(
                f"{path}: {name} holds numbers that are not finite; the network that wrote it "
                "diverged, or the file is damaged."
            )
    return tensors, texts


def _refuse_others(path: Path, found: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> None:
    for name in sorted({*found, *like}):
        if name not in found or name not in like:
            where = "lacks" if name in like else "holds the unknown tensor"
            raise DataError(f"{path}: {where} {name}; it belongs to another network.")
        was, wanted = found[name], like[name]
        if (was.shape, was.dtype) != (wanted.shape, wanted.dtype):
            raise DataError(
                f"{path}: {name} is {was.dtype} of shape {tuple(was.shape)} where the network has "
                f"{wanted.dtype} of {tuple(wanted.shape)}; it belongs to another network."
            )


def digest_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes, whatever the order and device."""
    import torch

    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        found.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
