"""Findings about a problem that take long, made once and kept with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pinn.problem.problem import Problem

T = TypeVar("T")


def kept(problem: Problem, key: Hashable, find: Callable[[], T]) -> T:
    """What is found for a key, by a search that is made only the first time.

    Problems are frozen, and one that is made from another by `replace` keeps nothing of it.

    Args:
        problem: keeps it, as if it were a cached property.
        key: says which finding; begins with the name of the function that asks.
        find: finds it.
    """
    found = vars(problem).setdefault("_kept", {})
    if key not in found:
        found[key] = find()
    value: T = found[key]
    return value
