"""Families by name: those of the package, those other packages register, and files of one's own."""

from __future__ import annotations

from importlib.metadata import entry_points

from pinn.families.family import Family
from pinn.problem.registry import only_in_file
from pinn.problem.source import is_file
from sciformer.errors import unknown_name

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
        return only_in_file(name, Family)
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise unknown_name("sciformer learn", "family", name, known)
    made: Family = known[name].load()()
    return made


def is_family(name: str) -> bool:
    """Whether a name is that of a registered family."""
    return any(entry.name == name for entry in entry_points(group=GROUP))
