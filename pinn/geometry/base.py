"""Domains of problems: regions of named coordinates and the named parts of their boundary."""

from __future__ import annotations

import abc
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Points on a boundary are off it by rounding: up to this share of the size of the domain.
ROUNDING = 1e-9
# A point of a boundary lies within a whole if the point just across it does, so far away as a share
# of the domain: far more than rounding, far less than any shape.
ACROSS = 1e-6
# Points of a part at which it is looked whether anything of it is left; of a part of which less is
# left a sample could hardly be drawn.
PROBES = 256
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

    def is_called(self, name: str) -> bool:
        """Whether a name means this part, whatever the way it is spelled."""
        return name == self.name

    @abc.abstractmethod
    def normal(self, points: Tensor) -> Tensor:
        """Outward unit normals (p, c) at points of the part."""


class DerivedPart(Part):
    """A part made from a part of another domain; it keeps the name."""

    part: Part

    @property
    def name(self) -> str:
        return self.part.name

    def is_called(self, name: str) -> bool:
        return self.part.is_called(name)


class PartOfPart(DerivedPart):
    """What is left of a part of one domain in a domain made of several."""

    @property
    def dimension(self) -> int:
        return self.part.dimension

    def from_unit(self, unit: Tensor) -> Tensor:
        """Maps points of the unit cube over the whole part, of which some is not left."""
        return self.part.from_unit(unit)

    def normal(self, points: Tensor) -> Tensor:
        return self.part.normal(points)


def probes(part: Part) -> Tensor:
    """Even points (p, c) of the cube that is laid over a part, on it or beyond it."""
    engine: Any = torch.quasirandom.SobolEngine  # untyped in torch
    unit = engine(part.dimension, scramble=True, seed=0).draw(PROBES, dtype=torch.float64)
    return part.from_unit(unit)


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

    def nearly_contains(self, points: Tensor, margin: float) -> Tensor:
        """Which of the points (p, c) belong to the region, or a neighbour of theirs does.

        Args:
            points: (p, c).
            margin: how far away the neighbours are, along the coordinates and the diagonals, as a
                share of the extent.
        """
        found = self.contains(points)
        steps = margin * (points.new_tensor(self.high) - points.new_tensor(self.low))
        for signs in itertools.product((-1, 0, 1), repeat=self.dimension):
            found |= self.contains(points + steps * points.new_tensor(signs))
        return found

    # Bound in the package's `__init__`: the domains they make are built on this class.
    __sub__: Callable[[Domain, Any], Domain]
    __mul__: Callable[[Domain, Any], Domain]
    __or__: Callable[[Domain, Any], Domain]
    __and__: Callable[[Domain, Any], Domain]
    __add__: Callable[[Domain, Any], Domain]

    def named_parts(self) -> dict[str, Part]:
        """All parts of the boundary under distinct names: those that share one are numbered.

        The rim of `Disc(2, x=0, y=0) - Disc(1, x=0, y=0)` is "circle 1", its hole "circle 2".
        """
        parts = self.parts()
        shared = Counter(part.name for part in parts)
        seen: Counter[str] = Counter()
        named: dict[str, Part] = {}
        for part in parts:
            seen[part.name] += 1
            number = f" {seen[part.name]}" if shared[part.name] > 1 else ""
            named[part.name + number] = part
        return named

    def part(self, name: str) -> Part:
        """The part called `name`; a value such as that of "t=0" is compared as a number.

        Raises:
            DomainError: there is no such part, or there are several; the sentence lists them all.
        """
        named = self.named_parts()
        found = [part for full, part in named.items() if full == name or part.is_called(name)]
        if len(found) == 1:
            return found[0]
        many = (
            f"several boundary parts are called {name!r}" if found else f"no boundary part {name!r}"
        )
        raise DomainError(f"{type(self).__name__}: {many}; the parts are {', '.join(named)}.")

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
