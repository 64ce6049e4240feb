"""Checkpoints: tensors and state in a directory that appears at once and proves to be whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sciformer.errors import RunError
from sciformer.runs.encoding import plain
from sciformer.runs.files import atomic, remove
from sciformer.runs.reading import MOST_JSON_BYTES, MOST_TENSOR_BYTES, read_bytes

if TYPE_CHECKING:
    from torch import Tensor

TENSORS, STATE, DIGESTS = "tensors.safetensors", "state.json", "SHA256SUMS"
# A damaged newest one leaves the one before.
KEPT = 2
_MOST_DIGESTS = 4096  # two lines


class Checkpoint(NamedTuple):
    """Content of one checkpoint.

    Attributes:
        tensors: by name, on the CPU, with the dtype and shape they were saved with.
        state: everything else; NaN and infinities keep their values.
        metrics_bytes: size of the run's metrics when the checkpoint was written.
        run: digest of the configuration of the run that it belongs to; empty where it is unknown.
    """

    tensors: dict[str, Tensor]
    state: dict[str, Any]
    metrics_bytes: int
    run: str = ""


def save(directory: Path, checkpoint: Checkpoint) -> Path:
    """Writes the next checkpoint and removes all but the last two.

    Args:
        directory: where checkpoints are kept, numbered from 1.
        checkpoint: what to keep; tensors of any device and layout.

    Returns:
        The directory of the new checkpoint. `sha256sum -c SHA256SUMS` in it checks it by hand.

    Raises:
        RunError: the disk refused; earlier checkpoints are whole.
    """
    number = max(_numbers(directory), default=0) + 1
    target = directory / f"{number:06d}"
    with atomic(target) as temporary:
        temporary.mkdir(exist_ok=True)
        contents = {TENSORS: _tensor_bytes(checkpoint.tensors), STATE: _state_bytes(checkpoint)}
        for name, content in contents.items():
            (temporary / name).write_bytes(content)
        digests = [f"{_digest(content)}  {name}\n" for name, content in contents.items()]
        (temporary / DIGESTS).write_text("".join(digests))
    for old in _numbers(directory)[:-KEPT]:
        remove(directory / f"{old:06d}")
    return target


def load(directory: Path) -> Checkpoint | None:
    """The newest whole checkpoint, or None if none was ever written.

    Raises:
        RunError: there are checkpoints and every one is damaged.
    """
    numbers = _numbers(directory)
    for number in reversed(numbers):
        checkpoint = _read(directory / f"{number:06d}")
        if checkpoint is not None:
            return checkpoint
    if numbers:
        raise RunError(f"run: every checkpoint in {directory} is damaged; start a new run.")
    return None


def _numbers(directory: Path) -> list[int]:
    if not directory.is_dir():
        return []
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdecimal())


def _tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    from safetensors.torch import save as to_bytes

    # Copies, because tensors that share memory are refused by the format.
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    return bytes(to_bytes(copies))


def _state_bytes(checkpoint: Checkpoint) -> bytes:
    record = {
        "metrics_bytes": checkpoint.metrics_bytes,
        "run": checkpoint.run,
        "state": plain(checkpoint.state),
    }
    # With Python's own NaN and Infinity: only `_read` reads this, and it must come back exactly.
    return json.dumps(record, indent=1).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> Checkpoint | None:
    """The checkpoint, or None if a file is missing or is not what was written there."""
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    try:
        lines = read_bytes(path / DIGESTS, _MOST_DIGESTS, inside=path.parent).decode().splitlines()
        expected = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        contents = {
            name: read_bytes(path / name, most, inside=path.parent)
            for name, most in ((TENSORS, MOST_TENSOR_BYTES), (STATE, MOST_JSON_BYTES))
        }
        if expected != {name: _digest(content) for name, content in contents.items()}:
            return None
        record = json.loads(contents[STATE])
        state, size, run = record["state"], record["metrics_bytes"], record.get("run", "")
        tensors = from_bytes(contents[TENSORS])
    # A digest is not a signature: a stranger can make one that fits whatever he wrote.
    except (ValueError, KeyError, TypeError, RecursionError, SafetensorError):
        return None
    if not isinstance(state, dict) or type(size) is not int or size < 0:
        return None
    return Checkpoint(tensors, state, size, str(run))
