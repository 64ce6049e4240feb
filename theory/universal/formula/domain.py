"""The box of a target: one interval for all coordinates, or one for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sciformer.errors import DataError, DomainError

Side = tuple[float, float]
Domain = Side | Sequence[Side] | Mapping[str, Side]
"""(a, b) for every coordinate; one (a, b) a coordinate, token by token; or by name."""


def read_box(domain: Domain, names: Sequence[str]) -> tuple[Side, ...]:
    """One finite interval per coordinate.

    Args:
        domain: see `Domain`.
        names: the coordinates, in order.

    Raises:
        DataError: names that are missing or unknown, or another number of intervals.
        DomainError: an interval that is empty or not finite.
    """
    if isinstance(domain, Mapping):
        if set(domain) != set(names):
            wrong = sorted(map(str, set(domain) ^ set(names)))
            raise DataError(
                f"domain: one interval for each of {_few(names)} is needed; "
                f"{_few(wrong)} is missing or unknown."
            )
        domain = [domain[name] for name in names]
    try:
        sides = np.asarray(domain, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        sides = np.zeros(0)
    if sides.shape == (2,):
        sides = np.broadcast_to(sides, (len(names), 2))
    if sides.shape != (len(names), 2) or _holds_text(domain):
        raise DataError(
            f"domain: one interval (a, b) of numbers, or one for each of {_few(names)}, is needed; "
            f"got {domain!r:.60}."
        )
    box = tuple((float(low), float(high)) for low, high in sides)
    for low, high in box:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise DomainError(
                f"compile: the domain needs finite ends a < b; got {low:g} and {high:g}."
            )
    return box


def _holds_text(domain: object) -> bool:
    """Whether an end is text, which numpy would read as a number."""
    return any(isinstance(end, str) for end in np.asarray(domain, dtype=object).reshape(-1))


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown}, ..."
