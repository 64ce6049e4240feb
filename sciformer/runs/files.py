"""Atomic writing: a kill or a full disk leaves either the old file or the new one."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from sciformer.errors import RunError

TEMPORARY = ".tmp-"


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which takes its place when the block ends well.

    The caller makes a file or a directory there. It is forced to the disk before it is renamed;
    if the block fails it is removed and `path` is as it was.

    Args:
        path: where the file or directory shall stand; missing parents are made.

    Yields:
        The temporary path; its name ends as that of `path`, so that writers see the same suffix.

    Raises:
        RunError: the operating system refused to write.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync_entry(path.parent)
        finally:
            remove(temporary)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system refuses in the block into a `RunError` that names the path
    and the reason."""
    try:
        yield
    except Exception as error:
        reason = _refusal(error)
        if not reason:
            raise
        raise RunError(
            f"run: cannot write {path} ({reason}); what was written before is whole, "
            "choose a directory with free space and write permission by --out."
        ) from error


def _refusal(error: Exception) -> str:
    """Why the operating system refused; empty for errors of other kinds.

    The writer of safetensors files has an error of its own for it.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if type(error).__name__ == "SafetensorError" and "I/O error" in str(error):
        return str(error).partition("I/O error: ")[2]
    return ""


def remove(path: Path) -> None:
    """Removes a file or directory if it is there and can be removed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def remove_leftovers(directory: Path) -> None:
    """Removes the temporary files that killed processes left in a directory."""
    for path in directory.glob(f"{TEMPORARY}*"):
        remove(path)


def _sync(path: Path) -> None:
    """Forces a file, or a directory with all it holds, to the disk."""
    if path.is_dir():
        for child in path.iterdir():
            _sync(child)
    _sync_entry(path)


def _sync_entry(path: Path) -> None:
    is_directory = path.is_dir()
    if is_directory and os.name == "nt":  # Windows cannot open a directory, and needs not
        return
    descriptor = os.open(path, os.O_RDONLY if is_directory else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
