"""The box of a target: one interval for all coordinates, or one for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sciformer.errors import DataError, DomainError

Side = tuple[float, float]
Domain = Side | Sequence[Side] | Mapping[str, Side]
"""(a, b) for every coordinate; one (a, b) a coordinate, token by token; or by name."""


def read_box(domain: Domain, names: Sequence[str]) -> tuple[Side, ...]:
    """One finite interval a coordinate.

    Args:
        domain: see `Domain`.
        names: the coordinates, in order.

    Raises:
        DataError: names that are missing or unknown, or another number of intervals.
        DomainError: an interval that is empty or not finite.
    """
    if isinstance(domain, Mapping):
        if set(domain) != set(names):
            wrong = sorted(set(domain) ^ set(names))
            raise DataError(
                f"domain: one interval for each of {_few(names)} is needed; "
                f"{_few(wrong)} is missing or unknown."
            )
        sides = [domain[name] for name in names]
    elif len(domain) == 2 and not isinstance(domain[0], Sequence):
        sides = [domain] * len(names)  # type: ignore[list-item]
    else:
        sides = list(domain)  # type: ignore[arg-type]
    if len(sides) != len(names) or any(len(side) != 2 for side in sides):
        raise DataError(
            f"domain: one interval (a, b), or one for each of {_few(names)}, is needed; "
            f"got {len(sides)}."
        )
    box = tuple((float(low), float(high)) for low, high in sides)
    for low, high in box:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise DomainError(
                f"compile: the domain needs finite ends a < b; got {low:g} and {high:g}."
            )
    return box


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown}, ..."
