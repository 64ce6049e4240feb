"""One writer per directory: a lock that ends with the process that holds it."""

from __future__ import annotations

import importlib
import os
import weakref
from pathlib import Path
from typing import Any

from sciformer.errors import UsageError

# Windows locks no directories; there two writers are not noticed.
fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None


class Lock:
    """A directory held for writing, until it is forgotten or the process ends, however it ends."""

    def __init__(self, descriptor: int) -> None:
        weakref.finalize(self, os.close, descriptor)


_held: weakref.WeakValueDictionary[tuple[int, int], Lock] = weakref.WeakValueDictionary()


def lock(directory: Path) -> Lock | None:
    """Takes a directory for writing.

    The lock is on the directory itself, so that no file is left behind by a killed process, whose
    lock ends with it. A process that holds it already gets it again, as do its forks.

    Args:
        directory: exists.

    Returns:
        The lock, to be kept as long as it is written there; None where the file system has none.

    Raises:
        UsageError: another process writes the directory.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return None  # what cannot be opened is told by whoever writes there
    status = os.fstat(descriptor)
    mine = _held.get((status.st_dev, status.st_ino))
    if mine is not None:
        os.close(descriptor)
        return mine
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UsageError(
            f"run: another process is writing {directory}; wait until it ends, or choose another "
            "directory."
        ) from error
    except OSError:  # a network file system without locks
        os.close(descriptor)
        return None
    found = Lock(descriptor)
    _held[status.st_dev, status.st_ino] = found
    return found
