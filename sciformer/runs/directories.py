"""New directories for runs."""

from __future__ import annotations

import contextlib
import itertools
import time
from pathlib import Path

from sciformer.errors import UsageError
from sciformer.runs.files import TEMPORARY, disk_errors


def fresh(kind: str) -> Path:
    """A new directory under `runs`; two runs of one second get different names."""
    stem = f"runs/{kind}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    with disk_errors(Path(stem)):
        Path(stem).parent.mkdir(exist_ok=True)
        for path in map(Path, names):
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return path
    raise AssertionError("the names never end")


def made(path: Path) -> Path:
    """The directory of a name, made if it is not there."""
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def refuse_content(path: Path, mark: str) -> None:
    """Refuses a directory that holds something already.

    Args:
        path: of the directory.
        mark: the file that makes a directory a run.

    Raises:
        UsageError: it is a run, or holds other files.
    """
    with disk_errors(path):
        others = [child for child in path.iterdir() if not child.name.startswith(TEMPORARY)]
    if (path / mark).exists():
        raise UsageError(
            f"run: {path} holds a run already; continue it with --resume where the command has "
            "that, or choose another directory."
        )
    if others:
        raise UsageError(
            f"run: {path} is not empty, it holds {others[0].name}; choose a new or empty directory."
        )
