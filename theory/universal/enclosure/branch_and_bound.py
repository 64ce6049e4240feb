"""Branch and bound over a box, level by level of the bisection tree, and the tree it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval

Codes = NDArray[np.unsignedinteger]
"""Codes of a tree: the largest number of the type is an accepted box (a leaf), any other one the
bisected coordinate. One byte a code up to 255 coordinates, else two."""


def code_type(coordinates: int) -> type[np.unsignedinteger]:
    """The narrowest type in which every coordinate differs from the code of a leaf.

    Raises:
        DomainError: more coordinates than two bytes can name.
    """
    for kind in (np.uint8, np.uint16):
        if coordinates <= np.iinfo(kind).max:
            return kind
    raise DomainError(f"certify: a block of {coordinates} coordinates is too large; use fewer.")


def leaf_of(tree: Codes) -> int:
    """The code of a leaf."""
    return int(np.iinfo(tree.dtype).max)


@dataclass(frozen=True)
class Enclosed:
    """Enclosure of e on each box.

    Args:
        lower, upper: range of e on the box, shape (boxes,).
        centre: range of e at the centre.
        spread: r_j sup |slope_j|, shape (boxes, c): what bisecting coordinate j attacks.
    """

    lower: Array
    upper: Array
    centre: Interval
    spread: Array


class ErrorFunction(Protocol):
    """A function that encloses an error on boxes."""

    def enclose(self, lower: Array, upper: Array) -> Enclosed: ...


@dataclass(frozen=True)
class Outcome:
    """Outcome of a search.

    Args:
        accepted: whether every box of the tree lies within the limits.
        lower, upper: range of e over all accepted boxes (over the whole domain if accepted).
        boxes: boxes looked at.
        tree: codes level by level; a bisected box has its lower and upper half at the next level.
        witness: a counterexample, a point whose error is proven to be outside the limits, or None.
    """

    accepted: bool
    lower: float
    upper: float
    boxes: int
    tree: Codes
    witness: Array | None = None


def bisect(lower: Array, upper: Array, coordinate: NDArray[np.integer]) -> tuple[Array, Array]:
    """Halves of boxes, in pairs; the float between them belongs to both, so nothing is lost."""
    row = np.arange(len(lower))
    low, high = lower[row, coordinate], upper[row, coordinate]
    middle = np.clip(low + (high - low) / 2, low, high)
    lowers, uppers = np.repeat(lower, 2, 0), np.repeat(upper, 2, 0)
    lowers[1::2][row, coordinate] = middle
    uppers[0::2][row, coordinate] = middle
    return lowers, uppers


def search(
    error: ErrorFunction,
    domain: tuple[Array, Array],
    limits: tuple[float, float],
    *,
    most_boxes: int,
    batch: int,
) -> Outcome:
    """Tries to prove limits[0] <= e <= limits[1] on the whole domain.

    Args:
        error: the error to enclose.
        domain: lower and upper corner, shape (c,).
        limits: the interval that e shall not leave.
        most_boxes: boxes after which it gives up without a verdict.
        batch: boxes enclosed at a time; changes the speed only.
    """
    lower, upper = domain[0][None], domain[1][None]
    kind = code_type(lower.shape[1])
    leaf = int(np.iinfo(kind).max)
    codes: list[Codes] = [np.zeros(0, dtype=kind)]
    boxes, least, most = 0, np.inf, -np.inf
    while len(lower):
        boxes += len(lower)
        if boxes > most_boxes:
            return Outcome(False, least, most, boxes, np.concatenate(codes))
        level = np.full(len(lower), leaf, dtype=kind)
        for at in range(0, len(lower), batch):
            part = slice(at, at + batch)
            known = error.enclose(lower[part], upper[part])
            beyond = np.maximum(known.centre.lower - limits[1], limits[0] - known.centre.upper)
            worst = int(np.argmax(np.where(np.isnan(beyond), -np.inf, beyond)))
            if beyond[worst] > 0:
                return _refusal(lower[part], upper[part], known, worst, boxes)
            fits = (known.upper <= limits[1]) & (known.lower >= limits[0])
            if fits.any():
                least = min(least, float(known.lower[fits].min()))
                most = max(most, float(known.upper[fits].max()))
            level[part][~fits] = _coordinate(known.spread[~fits], (upper - lower)[part][~fits])
        codes.append(level)
        split = level != leaf
        lower, upper = bisect(lower[split], upper[split], level[split])
    return Outcome(True, least, most, boxes, np.concatenate(codes))


_NO_CODES: Codes = np.zeros(0, dtype=np.uint8)


def _coordinate(spread: Array, sizes: Array) -> NDArray[np.integer]:
    """The coordinate to bisect: the largest spread, or the longest side where spreads fail."""
    usable = np.isfinite(spread).all(1, keepdims=True)
    return np.asarray(np.where(usable, spread, sizes).argmax(1))


def _refusal(lower: Array, upper: Array, known: Enclosed, worst: int, boxes: int) -> Outcome:
    centre = np.clip(lower[worst] + (upper[worst] - lower[worst]) / 2, lower[worst], upper[worst])
    low, high = float(known.centre.lower[worst]), float(known.centre.upper[worst])
    return Outcome(False, low, high, boxes, _NO_CODES, centre)


def leaves(tree: Codes, domain: tuple[Array, Array]) -> Iterator[tuple[Array, Array]]:
    """Replays a tree: lower and upper corners of its accepted boxes, level by level.

    Raises:
        ValueError: codes that are not a tree over this domain.
    """
    lower, upper = domain[0][None], domain[1][None]
    leaf, at = leaf_of(tree), 0
    while len(lower):
        level = tree[at : at + len(lower)]
        if len(level) < len(lower) or np.any((level != leaf) & (level >= lower.shape[1])):
            raise ValueError("the codes end early or name a coordinate that does not exist")
        at += len(lower)
        done = level == leaf
        yield lower[done], upper[done]
        lower, upper = bisect(lower[~done], upper[~done], level[~done])
    if at != len(tree):
        raise ValueError("codes are left over after the last box")
