"""Boxes: the leaves that a bisection tree names, and what is proven on them.

A tree is a hint of where to bisect. The leaves are made here, by bisecting the block's own box, so
they cover it whatever the tree says; a leaf on which the proof fails is bisected further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from theory.universal.arrays import Array
from theory.universal.verifier.require import require

Corners = tuple[Array, Array]

_LARGEST_LEVEL = 2**26
"""Boxes of one level times coordinates: half a gigabyte for each corner. A code is one byte, its
corners are 16 times the coordinates."""


@dataclass(frozen=True)
class Seen:
    """Enclosure of an error on each box of a batch.

    Args:
        lower, upper: a proven range of the error on the box; NaN where nothing is known.
        effect: what every coordinate adds to the width of the range, shape (boxes, c).
    """

    lower: Array
    upper: Array
    effect: Array


class ErrorOnBoxes(Protocol):
    """An error function of one block."""

    def see(self, lower: Array, upper: Array) -> Seen: ...


@dataclass(frozen=True)
class Tree:
    """Codes level by level: a leaf is the largest number of the type, others a coordinate."""

    codes: NDArray[np.unsignedinteger]

    @property
    def leaf(self) -> int:
        """The code of a leaf."""
        return int(np.iinfo(self.codes.dtype).max)

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return int(np.count_nonzero(self.codes == self.leaf))

    def batches(self, lower: Array, upper: Array, where: str, size: int) -> Iterator[Corners]:
        """Corners of the leaves over a box, about `size` together."""
        gathered: list[Corners] = []
        for corners in self.walk(lower, upper, where):
            gathered.append(corners)
            if sum(len(c[0]) for c in gathered) >= size:
                yield _joined(gathered)
                gathered = []
        if gathered:
            yield _joined(gathered)

    def walk(self, lower: Array, upper: Array, where: str) -> Iterator[Corners]:
        """Corners of the leaves over a box, level by level.

        Raises:
            CertificateError: codes that end early, name no coordinate, or are left over; a level
                of the tree that is out of reach.
        """
        low, high, at = lower[None], upper[None], 0
        while len(low):
            require(
                low.size <= _LARGEST_LEVEL,
                f"a level of a bisection tree of {where} has {len(low)} boxes of {len(lower)} "
                "coordinates, which are out of reach.",
            )
            codes = self.codes[at : at + len(low)].astype(np.int64)
            at += len(low)
            inner = codes != self.leaf
            require(
                len(codes) == len(low) and bool(np.all(codes[inner] < len(lower))),
                f"a bisection tree of {where} is broken.",
            )
            if not inner.all():
                yield low[~inner], high[~inner]
            low, high = halves(low[inner], high[inner], codes[inner])
        require(at == len(self.codes), f"a bisection tree of {where} has boxes left over.")


def _joined(parts: list[Corners]) -> Corners:
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def halves(lower: Array, upper: Array, axis: NDArray[np.integer]) -> Corners:
    """Both halves of every box, one after the other; they share the float between them."""
    rows = np.arange(len(lower))
    below, above = lower[rows, axis], upper[rows, axis]
    cut = np.clip(below + (above - below) / 2, below, above)
    low, high = np.repeat(lower, 2, axis=0), np.repeat(upper, 2, axis=0)
    low[1::2][rows, axis] = cut
    high[::2][rows, axis] = cut
    return low, high


@dataclass(frozen=True)
class Limits:
    """The interval in which an error is to be proven to stay."""

    lower: float
    upper: float


@dataclass
class Budget:
    """Boxes that may still be looked at, over all blocks of a certificate."""

    boxes: int

    def spend(self, boxes: int, where: str) -> None:
        """Counts boxes, and refuses when there are too many."""
        self.boxes -= boxes
        require(
            self.boxes >= 0,
            f"the error of {where} could not be confirmed with the boxes allowed; "
            "compile again, or raise most_boxes.",
        )


class Proof:
    """Proves the range of an error on boxes, in batches.

    Args:
        error: the error function.
        limits: the interval that it shall not leave.
        where: whose error it is.
        budget: boxes that may be looked at.
        batch: boxes looked at together; changes the speed only.
    """

    def __init__(
        self, error: ErrorOnBoxes, limits: Limits, where: str, budget: Budget, batch: int
    ) -> None:
        self.error, self.limits, self.where = error, limits, where
        self.budget, self.batch = budget, batch
        self.lower, self.upper = np.inf, -np.inf

    def run(self, boxes: Corners, done: Callable[[int], None]) -> None:
        """Proves the limits on all of the boxes; `lower` and `upper` then hold on them.

        Raises:
            CertificateError: a point outside the limits, or a proof that found no end.
        """
        for at in range(0, len(boxes[0]), self.batch):
            part = slice(at, at + self.batch)
            self._prove(boxes[0][part], boxes[1][part])
            done(len(boxes[0][part]))

    def _prove(self, lower: Array, upper: Array) -> None:
        """Proves depth first, so that few boxes are in memory."""
        todo = [(lower, upper)]
        while todo:
            low, high = todo.pop()
            if len(low) > self.batch:
                todo += [
                    (low[at : at + self.batch], high[at : at + self.batch])
                    for at in range(0, len(low), self.batch)
                ]
                continue
            self.budget.spend(len(low), self.where)
            left = self._step(low, high)
            if len(left[0]):
                todo.append(left)

    def _step(self, lower: Array, upper: Array) -> Corners:
        """Halves of the boxes whose error is not yet proven to stay within the limits."""
        seen, limits = self.error.see(lower, upper), self.limits
        proven = (seen.lower >= limits.lower) & (seen.upper <= limits.upper)
        if proven.any():
            self.lower = min(self.lower, float(seen.lower[proven].min()))
            self.upper = max(self.upper, float(seen.upper[proven].max()))
        open_ = ~proven
        if not open_.any():
            return lower[:0], upper[:0]
        self._refute(lower[open_], upper[open_])
        lower, upper, effect = lower[open_], upper[open_], seen.effect[open_]
        usable = np.isfinite(effect).all(1) & (effect.max(1) > 0)
        axis = np.where(usable[:, None], effect, upper - lower).argmax(1)
        rows = np.arange(len(lower))
        middle = lower[rows, axis] + (upper[rows, axis] - lower[rows, axis]) / 2
        whole = (lower[rows, axis] < middle) & (middle < upper[rows, axis])
        require(
            bool(whole.all()),
            f"the error of {self.where} is not proven near {list(lower[int(whole.argmin())])}.",
        )
        return halves(lower, upper, axis)

    def _refute(self, lower: Array, upper: Array) -> None:
        """Refuses at once if the error leaves the limits, or has no value, at the centre of a box.

        What is undefined at a point is undefined on every box that holds it.
        """
        centre = np.clip(lower + (upper - lower) / 2, lower, upper)
        seen, limits = self.error.see(centre, centre), self.limits
        unknown = np.isnan(seen.lower) | np.isnan(seen.upper)
        outside = (seen.lower > limits.upper) | (seen.upper < limits.lower)
        if unknown.any():
            point = [float(x) for x in centre[int(unknown.argmax())]]
            require(
                False, f"a block of {self.where} is not proven to be finite and real at {point}."
            )
        if outside.any():
            point = [float(x) for x in centre[int(outside.argmax())]]
            require(False, f"the error of {self.where} leaves its certified range near {point}.")
