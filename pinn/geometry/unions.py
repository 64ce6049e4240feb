"""Domains made of two that overlap or touch: all points of either, or those of both."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from pinn.geometry.base import ACROSS, Domain, Part, PartOfPart, probes
from pinn.geometry.box import Box, Face
from sciformer.errors import DomainError


class Combination(Domain):
    """A combination of two domains with the same coordinates; its boundary is the remainder of
    theirs.

    Raises:
        DomainError: the coordinates differ, or nothing is left.
    """

    def __init__(self, first: Domain, second: Domain) -> None:
        self.first, self.second = first, second
        for name, (low, high) in self.intervals.items():
            if not low < high:
                raise DomainError(f"{self}: is empty; no {name} belongs to both.")

    def parts(self) -> list[Part]:
        """The remainders of the parts of both; faces of one value are one part."""
        return list(self._left)

    @cached_property
    def _left(self) -> list[Part]:
        rims = [Rim(part, self) for part in dict.fromkeys(self._faced())]
        return [rim for rim in rims if bool(rim.contains(probes(rim)).any())]

    def _faced(self) -> Iterator[Part]:
        for part in (*self.first.parts(), *self.second.parts()):
            if isinstance(part, Face):
                yield Face(self, part.axis, part.value, part.outward)
            else:
                yield part

    @abc.abstractmethod
    def contains(self, points: Tensor) -> Tensor:
        """Which points (p, c) belong to the combination."""

    def across(self, points: Tensor, normals: Tensor) -> Tensor:
        """Which points have their neighbour in the direction of a normal within it, too."""
        extent = points.new_tensor(self.high) - points.new_tensor(self.low)
        return self.contains(points + ACROSS * extent * normals)


class Union(Combination):
    """The points of either of two domains; `first | second` makes it.

    Raises:
        DomainError: they do not touch.
    """

    def __init__(self, first: Domain, second: Domain) -> None:
        super().__init__(first, second)
        meet = (
            one.contains(probes(part)).any()
            for one, other in ((first, second), (second, first))
            for part in other.parts()
        )
        if not any(map(bool, meet)):
            raise DomainError(
                f"{self}: the two do not touch; what holds in one says nothing of the other, so "
                f"solve two problems."
            )

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The ends of the box around both, by coordinate."""
        other = self.second.intervals
        return {
            name: (min(low, other[name][0]), max(high, other[name][1]))
            for name, (low, high) in self.first.intervals.items()
        }

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie in one of them."""
        return self.first.contains(points) | self.second.contains(points)

    def __repr__(self) -> str:
        return f"{self.first} | {self.second}"


class Intersection(Combination):
    """The points of both of two domains; `first & second` makes it."""

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The ends of the common part of the boxes around both, by coordinate."""
        other = self.second.intervals
        return {
            name: (max(low, other[name][0]), min(high, other[name][1]))
            for name, (low, high) in self.first.intervals.items()
        }

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie in both."""
        return self.first.contains(points) & self.second.contains(points)

    def __repr__(self) -> str:
        return f"{self.first} & {self.second}"


@dataclass(frozen=True)
class Rim(PartOfPart):
    """The remainder of a part of one domain in a combination."""

    part: Part
    domain: Combination

    def contains(self, points: Tensor) -> Tensor:
        """Which points of the part have nothing of the combination beyond them."""
        here = self.part.contains(points) & self.domain.contains(points)
        return here & ~self.domain.across(points, self.part.normal(points))


def union(first: Domain, second: Domain) -> Domain:
    """All points of two domains; two boxes that make one give a box."""
    return _one_box(first, second) or Union(first, second)


def intersection(first: Domain, second: Domain) -> Domain:
    """The points that two domains share; of two boxes a box."""
    whole = Intersection(first, second)
    are_boxes = isinstance(first, Box) and isinstance(second, Box)
    return Box(**whole.intervals) if are_boxes else whole


def _one_box(first: Domain, second: Domain) -> Box | None:
    """The box that two boxes make together, if they differ along one coordinate at most."""
    if not (isinstance(first, Box) and isinstance(second, Box)):
        return None
    pairs = {n: (ends, second.intervals[n]) for n, ends in first.intervals.items()}
    differing = [pair for pair in pairs.values() if pair[0] != pair[1]]
    around = {n: (min(a[0], b[0]), max(a[1], b[1])) for n, (a, b) in pairs.items()}
    if len(differing) > 1:
        return None
    if any(max(a[0], b[0]) > min(a[1], b[1]) for a, b in differing):
        return None  # with a gap between them
    return Box(**around)
