"""Where a problem lives: regions of named coordinates and the named parts of their boundary."""

from __future__ import annotations

import abc
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PART = re.compile(r"\s*(?P<coordinate>\w+)\s*=\s*(?P<value>[-+.\w]+)\s*")
# Points on a boundary are off it by rounding: up to this share of the size of the domain.
ROUNDING = 1e-9
# A region may fill so little of the cube laid over it; sampling then gives up.
LEAST_SHARE = 1 / 64


class Region(abc.ABC):
    """A set of points that a unit cube can be laid over: a domain or a part of its boundary."""

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """Coordinates of the unit cube."""

    @abc.abstractmethod
    def from_unit(self, unit: Tensor) -> Tensor:
        """Maps points of the unit cube evenly over the region or somewhat beyond it, (p, c)."""

    @abc.abstractmethod
    def contains(self, points: Tensor) -> Tensor:
        """Which of the points (p, c) belong to the closed region, as a boolean (p,)."""

    def sample(self, count: int, seed: int = 0) -> Tensor:
        """`count` even points (count, c), float64.

        Raises:
            DomainError: hardly any point of the cube falls into the region.
        """
        engine: Any = torch.quasirandom.SobolEngine  # untyped in torch
        sequence = engine(self.dimension, scramble=True, seed=seed)
        points = self.from_unit(sequence.draw(count, dtype=torch.float64))
        points = points[self.contains(points)]
        drawn = count
        while len(points) < count:
            self.refuse_thin(len(points), drawn)
            more = self.from_unit(sequence.draw(count, dtype=torch.float64))
            points = torch.cat([points, more[self.contains(more)]])
            drawn += count
        return points[:count]

    def refuse_thin(self, found: int, drawn: int) -> None:
        """Refuses a region that too few of the points drawn have fallen into.

        Raises:
            DomainError: fewer than one in 64.
        """
        if found < LEAST_SHARE * drawn - 1:
            raise DomainError(f"{self}: is empty, or too thin for points to fall into it.")


class Part(Region):
    """A named part of a boundary."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The name a condition refers to it by."""

    @abc.abstractmethod
    def normal(self, points: Tensor) -> Tensor:
        """Outward unit normals (p, c) at points of the part."""


class Domain(Region):
    """A region with named coordinates and boundary parts."""

    @property
    @abc.abstractmethod
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The ends of the smallest box around it, by coordinate."""

    @abc.abstractmethod
    def parts(self) -> Sequence[Part]:
        """All parts of the boundary."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates, in order."""
        return tuple(self.intervals)

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.intervals)

    @property
    def low(self) -> list[float]:
        """Lower ends, in the order of the coordinates."""
        return [low for low, _ in self.intervals.values()]

    @property
    def high(self) -> list[float]:
        """Upper ends, in the order of the coordinates."""
        return [high for _, high in self.intervals.values()]

    def from_unit(self, unit: Tensor) -> Tensor:
        """Maps points (p, c) of the unit cube onto the box around the domain."""
        low, high = unit.new_tensor(self.low), unit.new_tensor(self.high)
        return low + (high - low) * unit

    def __sub__(self, hole: Domain) -> Domain:
        """The domain without the inside of another with the same coordinates."""
        from pinn.geometry.regions import Difference

        return Difference(self, hole)

    def __mul__(self, other: Domain) -> Domain:
        """All points with one share of their coordinates here and the other there."""
        from pinn.geometry.regions import Product

        return Product(self, other)

    def part(self, name: str) -> Part:
        """The part called `name`; values such as that of "t=0" are compared as numbers.

        Raises:
            DomainError: there is no such part; the sentence lists those there are.
        """
        for part in self.parts():
            if part.name == name or same_part(part.name, name):
                return part
        known = ", ".join(part.name for part in self.parts())
        raise DomainError(
            f"{type(self).__name__}: no boundary part {name!r}; the parts are {known}."
        )

    def grid(self, counts: Mapping[str, int] | Sequence[int]) -> Tensor:
        """A tensor grid over the box around it, ends included, (prod(counts), c).

        Args:
            counts: points along each coordinate, by name or in order; the last runs fastest.
        """
        numbers = [counts[n] for n in self.coordinates] if isinstance(counts, dict) else counts
        axes = [
            torch.linspace(low, high, int(count), dtype=torch.float64)
            for low, high, count in zip(self.low, self.high, numbers, strict=True)
        ]
        return torch.cartesian_prod(*axes).reshape(-1, len(axes))


class Box(Domain):
    """A product of intervals, one for each coordinate; time is an interval like the others.

    Args:
        intervals: the ends (low, high) of each coordinate, by name, with low < high.
            `Box(x=(-1, 1), t=(0, 1))`; the order of the names is the order of the coordinates.

    Raises:
        DomainError: no coordinate, an empty interval, or an end that is not finite.
    """

    def __init__(self, **intervals: tuple[float, float]) -> None:
        if not intervals:
            raise DomainError("Box: needs at least one interval, for example Box(x=(-1, 1)).")
        for name, (low, high) in intervals.items():
            if not (np.isfinite([low, high]).all() and low < high):
                raise DomainError(
                    f"Box: the interval of {name} must be finite with low < high; "
                    f"got ({low}, {high})."
                )
        self._intervals = {n: (float(low), float(high)) for n, (low, high) in intervals.items()}

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The ends of each coordinate, by name."""
        return self._intervals

    def contains(self, points: Tensor) -> Tensor:
        """Which of the points (p, c) lie in the closed box, as a boolean (p,)."""
        low, high = points.new_tensor(self.low), points.new_tensor(self.high)
        return ((points >= low) & (points <= high)).all(dim=-1)

    def parts(self) -> list[Face]:
        """All faces of the box, low and high end of each coordinate in turn."""
        return [
            Face(self, axis, value, outward)
            for axis, ends in enumerate(self.intervals.values())
            for value, outward in zip(ends, (-1, +1), strict=True)
        ]

    def __repr__(self) -> str:
        inside = ", ".join(f"{n}=({a:g}, {b:g})" for n, (a, b) in self.intervals.items())
        return f"Box({inside})"


@dataclass(frozen=True)
class Face(Part):
    """Where the coordinate of `axis` is held at `value`, an end of the domain.

    `outward` is +1 where the domain lies below the value and -1 where it lies above.
    """

    domain: Domain
    axis: int
    value: float
    outward: int

    @property
    def coordinate(self) -> str:
        """Name of the coordinate that is held."""
        return self.domain.coordinates[self.axis]

    @property
    def name(self) -> str:
        """For example "x=-1"."""
        return f"{self.coordinate}={self.value:g}"

    @property
    def dimension(self) -> int:
        """As many as the domain has; the one that is held is ignored."""
        return self.domain.dimension

    def from_unit(self, unit: Tensor) -> Tensor:
        """Maps points (p, c) of the unit cube onto the face."""
        points = self.domain.from_unit(unit)
        points[:, self.axis] = self.value
        return points

    def contains(self, points: Tensor) -> Tensor:
        """Which points of the domain lie on the face."""
        size = self.domain.high[self.axis] - self.domain.low[self.axis]
        is_here = (points[:, self.axis] - self.value).abs() <= ROUNDING * size
        return self.domain.contains(points) & is_here

    def normal(self, points: Tensor) -> Tensor:
        """The outward direction of the coordinate that is held."""
        normal = torch.zeros_like(points)
        normal[:, self.axis] = self.outward
        return normal


def same_part(name: str, other: str) -> bool:
    """Whether two names such as "t=1" and "t = 1.0" hold the same coordinate at the same value."""
    one, two = _PART.fullmatch(name), _PART.fullmatch(other)
    if one is None or two is None or one["coordinate"] != two["coordinate"]:
        return False
    try:
        return bool(np.isclose(float(one["value"]), float(two["value"]), rtol=1e-9, atol=1e-12))
    except ValueError:
        return False
