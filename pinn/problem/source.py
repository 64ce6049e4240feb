"""Problems of one's own as files: kept in the run that they made, and never executed without
permission.

A Python file is a program. It is executed when the user has named it, on the command line or in a
call. A run directory that names one is data, and may be somebody else's: its file is executed only
if this user made the run in this place, or says `trust`, and if the file has the digest that the
run wrote down.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciformer.errors import DataError, UsageError
from sciformer.runs.reading import read_bytes

if TYPE_CHECKING:
    from sciformer.runs import Run

KEPT = "problem.py"  # the copy in the run directory
MOST_BYTES = 4 << 20  # a thousand times a long problem
# Lines of 65 bytes: the runs that a user made. Older ones than the last 10,000 need `trust`.
MOST_REMEMBERED = 10_000 * 65


def is_file(name: str) -> bool:
    """Whether a problem's name is that of a Python file, `my_pde.py` or `my_pde.py:name`."""
    return name.partition(":")[0].endswith(".py")


def create(directory: Path | str | None, kind: str, config: Mapping[str, Any]) -> Run:
    """Starts a run as `Run.create`, and keeps the file of a problem of one's own in it.

    The configuration gains `source`: absolute path and SHA-256 of the file.
    """
    from sciformer.runs import Run

    name = config["problem"]
    if not is_file(name):
        return Run.create(directory, kind, config)
    path = Path(name.partition(":")[0]).resolve()
    content = read_bytes(path, MOST_BYTES)
    source = {"path": str(path), "sha256": _digest(content)}
    run = Run.create(directory, kind, {**config, "source": source})
    with run.file(KEPT) as copy:
        copy.write_bytes(content)
    _remember(run.path, source["sha256"])
    return run


def resume(directory: Path | str, config: Mapping[str, Any]) -> Run:
    """Continues a run as `Run.resume`.

    Raises:
        UsageError: the file of the problem is not the one of the run.
    """
    from sciformer.runs import Run

    run, name = Run.open(directory), config["problem"]
    source = run.config.get("source")
    if source is None or not is_file(name):
        return Run.resume(directory, config)
    _refuse_other(run, Path(name.partition(":")[0]), _source(run)["sha256"])
    known = {key: run.config[key] for key in ("problem", "source")}
    return Run.resume(directory, {**config, **known})


def name_in(run: Run, *, trust: bool = False) -> str:
    """The name by which `find_problem` finds the problem of a run, when it may be executed.

    Args:
        run: of `sciformer solve`.
        trust: whether the user allows to execute the file that the run names.

    Raises:
        DataError: the run names no problem, or its file is gone.
        UsageError: a file that would be executed and that nobody asked for, or that has changed.
    """
    name = run.config.get("problem")
    if not isinstance(name, str):
        raise DataError(f"run: {run.path} names no problem, but {str(name)[:60]!r}; name another.")
    if not is_file(name):
        return name
    if "source" not in run.config:
        path = Path(name.partition(":")[0])
        if not trust:
            raise _untrusted(run, path, "the run keeps no digest of it")
        return name
    source = _source(run)
    digest, path = source["sha256"], Path(source["path"])
    kept = run.path / KEPT
    chosen = path if path.is_file() else kept
    if not (trust or _is_remembered(run.path, digest)):
        raise _untrusted(run, chosen, f"its SHA-256 was {digest}")
    _refuse_other(run, chosen, digest, inside=run.path if chosen == kept else None)
    _, colon, wanted = name.partition(":")
    return f"{chosen}{colon}{wanted}"


def _source(run: Run) -> dict[str, str]:
    source = run.config.get("source")
    keys = ("path", "sha256")
    if not isinstance(source, dict) or not all(isinstance(source.get(key), str) for key in keys):
        raise DataError(
            f"run: {run.path} says nothing usable of the file of its problem; name another run."
        )
    return {key: source[key] for key in keys}


def _refuse_other(run: Run, path: Path, digest: str, inside: Path | None = None) -> None:
    found = _digest(read_bytes(path, MOST_BYTES, inside=inside))
    if found != digest:
        raise UsageError(
            f"run: {path} has changed since {run.path} was started with it (SHA-256 {digest[:12]}… "
            f"then, {found[:12]}… now); restore it, take {run.path / KEPT}, or start a new run."
        )


def _untrusted(run: Run, path: Path, known: str) -> UsageError:
    return UsageError(
        f"run: {run.path} was not made here by this user, and its problem is a Python file: "
        f"continuing would execute {path.resolve()} ({known}); read it, then give --trust "
        "(trust=True in Python) to run it."
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _memory() -> Path:
    """The file in which the runs of this user are remembered."""
    given = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    home = Path(given) if given else Path.home() / ".local" / "state"
    return home / "sciformer" / "own-runs"


def _line(directory: Path, digest: str) -> str:
    """One digest of the place and the content, so that the list reveals nothing of what a user
    does.
    """
    return _digest(f"{directory.resolve()}\0{digest}".encode(errors="surrogateescape"))


def _remember(directory: Path, digest: str) -> None:
    # Without a home the run needs `trust` later; nothing else is lost.
    with contextlib.suppress(OSError, RuntimeError):
        memory = _memory()
        memory.parent.mkdir(parents=True, exist_ok=True)
        with memory.open("a", encoding="ascii") as file:
            file.write(f"{_line(directory, digest)}\n")


def _is_remembered(directory: Path, digest: str) -> bool:
    try:
        with _memory().open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - MOST_REMEMBERED))
            return _line(directory, digest) in file.read().decode("ascii", "replace").split()
    except (OSError, RuntimeError):
        return False
