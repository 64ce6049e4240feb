"""Families by name: those of the package, those other packages register, and files of one's own."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from pinn.families.family import Family
from pinn.problem.registry import run_file
from pinn.problem.source import is_file
from sciformer.errors import UsageError, unknown_name

GROUP = "sciformer.families"


def find_family(name: str) -> Family:
    """The family of a name, or of a Python file.

    Args:
        name: a registered name, `my_family.py`, or `my_family.py:name` where a file holds several.

    Raises:
        UnknownNameError: no such name; the sentence holds the nearest one.
        DataError: the file is missing or fails.
        UsageError: the file holds no family, or several.
    """
    if is_file(name):
        return _from_file(name)
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise unknown_name("sciformer learn", "family", name, known)
    made: Family = known[name].load()()
    return made


def is_family(name: str) -> bool:
    """Whether a name is that of a registered family."""
    return any(entry.name == name for entry in entry_points(group=GROUP))


def _from_file(name: str) -> Family:
    path, _, wanted = name.partition(":")
    found = {key: value for key, value in run_file(Path(path)).items() if isinstance(value, Family)}
    if wanted:
        if wanted not in found:
            raise unknown_name(path, "family", wanted, found)
        return found[wanted]
    if len(found) != 1:
        what = f"holds {len(found)} ({', '.join(sorted(found))})" if found else "holds none"
        raise UsageError(f"{path}: needs exactly one Family, it {what}; name one as {path}:name.")
    return next(iter(found.values()))
