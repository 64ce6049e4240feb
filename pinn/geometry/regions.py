"""Domains made of domains: with a hole, or lasting for a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pinn.geometry.base import ACROSS, DerivedPart, Domain, Part, PartOfPart, probes
from pinn.geometry.box import Face
from pinn.geometry.shapes import Polygon
from sciformer.errors import DomainError


class Difference(Domain):
    """The points of one domain that are not inside another; `whole - hole` makes it.

    Its boundary consists of what is left of both boundaries; the normals of the hole's point into
    the hole. A hole may reach up to the boundary of the whole, or beyond it: where two faces
    coincide neither of them is left.

    Args:
        whole: what a hole is cut into.
        hole: has the same coordinates.

    Raises:
        DomainError: the coordinates differ.
    """

    def __init__(self, whole: Domain, hole: Domain) -> None:
        if whole.coordinates != hole.coordinates:
            raise DomainError(
                f"Difference: both domains need the same coordinates in the same order; got "
                f"{whole.coordinates} and {hole.coordinates}."
            )
        self.whole, self.hole = whole, hole

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The ends of the whole, by coordinate."""
        return self.whole.intervals

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie in the whole and not inside the hole; the hole's boundary belongs where
        something of the whole lies beyond it.
        """
        outside = ~self.hole.contains(points)
        extent = points.new_tensor(self.high) - points.new_tensor(self.low)
        for part in self.hole.parts():
            beyond = points + ACROSS * extent * part.normal(points)
            outside |= part.contains(points) & self.whole.contains(beyond)
        return self.whole.contains(points) & outside

    def parts(self) -> list[Part]:
        """The remainders of the parts of both, as far as anything is left of them."""
        return list(self._left)

    @cached_property
    def _left(self) -> list[Part]:
        rims = [Remainder(part, self, 1) for part in self.whole.parts()]
        rims += [Remainder(part, self, -1) for part in self.hole.parts()]
        return [rim for rim in rims if bool(rim.contains(probes(rim)).any())]

    def __repr__(self) -> str:
        return f"{self.whole} - {self.hole}"


@dataclass(frozen=True)
class Remainder(PartOfPart):
    """The remainder of a part in a difference; `sense` -1 turns its normals round."""

    part: Part
    domain: Difference
    sense: int

    def contains(self, points: Tensor) -> Tensor:
        """Which points of the part belong to the difference."""
        return self.part.contains(points) & self.domain.contains(points)

    def normal(self, points: Tensor) -> Tensor:
        """Unit normals that point out of the difference."""
        return self.sense * self.part.normal(points)


def from_shapely(geometry: Any, coordinates: tuple[str, str] = ("x", "y")) -> Domain:
    """The domain of a shapely polygon, whatever made it: a buffer, a union, a file.

    Args:
        geometry: a `shapely.Polygon`; its outer line becomes the part "outline", with its edges
            "outline:0", ..., and its holes the parts "hole 0", "hole 1", ...
        coordinates: names of its two coordinates.

    Raises:
        DomainError: no single polygon, or an empty one.

    Examples:
        >>> import pinn
        >>> from shapely import Point
        >>> ring = pinn.from_shapely(Point(0, 0).buffer(2).difference(Point(0, 0).buffer(1)))
        >>> list(ring.coordinates)
        ['x', 'y']
    """
    if getattr(geometry, "geom_type", "") != "Polygon" or geometry.is_empty:
        raise DomainError(
            f"from_shapely: needs one shapely Polygon that is not empty; got "
            f"{getattr(geometry, 'geom_type', type(geometry).__name__)}."
        )

    def ring(line: Any, name: str) -> Domain:
        return Polygon(
            [point[:2] for point in line.coords[:-1]], name=name, coordinates=coordinates
        )

    domain = ring(geometry.exterior, "outline")
    for index, hole in enumerate(geometry.interiors):
        domain = domain - ring(hole, f"hole {index}")
    return domain


class Product(Domain):
    """Pairs of a point of one domain and a point of another; `disc * Box(t=(0, 1))` makes it.

    Args:
        first: gives the first coordinates.
        second: gives the others.

    Raises:
        DomainError: a coordinate occurs in both.
    """

    def __init__(self, first: Domain, second: Domain) -> None:
        if set(first.coordinates) & set(second.coordinates):
            raise DomainError(
                f"Product: the domains must have different coordinates; got {first.coordinates} "
                f"and {second.coordinates}."
            )
        self.first, self.second = first, second

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The ends of both factors, by coordinate."""
        return {**self.first.intervals, **self.second.intervals}

    def split(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The coordinates of the first domain and those of the second."""
        count = self.first.dimension
        return points[:, :count], points[:, count:]

    def contains(self, points: Tensor) -> Tensor:
        """Which points have both shares in their domains."""
        one, other = self.split(points)
        return self.first.contains(one) & self.second.contains(other)

    def parts(self) -> list[Part]:
        """The parts of each factor, all over the other."""
        return [*map(self._extend, self.first.parts()), *map(self._extend, self.second.parts())]

    def _extend(self, part: Part) -> Part:
        if isinstance(part, Face):
            axis = self.coordinates.index(part.coordinate)
            return Face(self, axis, part.value, part.outward)
        return Extension(part, self, part in self.first.parts())

    def __repr__(self) -> str:
        return f"{self.first} * {self.second}"


@dataclass(frozen=True)
class Extension(DerivedPart):
    """A part of one factor of a product, all over the other; `is_first` says of which."""

    part: Part
    domain: Product
    is_first: bool

    @property
    def other(self) -> Domain:
        """The factor that the part is extended over."""
        return self.domain.second if self.is_first else self.domain.first

    @property
    def dimension(self) -> int:
        """The dimensions of the part and of the other factor together."""
        return self.part.dimension + self.other.dimension

    def from_unit(self, unit: Tensor) -> Tensor:
        """The first coordinates of the cube run over the part, the others over the other factor."""
        count = self.part.dimension
        here, there = self.part.from_unit(unit[:, :count]), self.other.from_unit(unit[:, count:])
        return self._joined(here, there)

    def contains(self, points: Tensor) -> Tensor:
        """Which points have one share on the part and the other in its domain."""
        here, there = self._split(points)
        return self.part.contains(here) & self.other.contains(there)

    def normal(self, points: Tensor) -> Tensor:
        """Normal of one factor, padded by 0 in the coordinates of the other."""
        here, there = self._split(points)
        return self._joined(self.part.normal(here), torch.zeros_like(there))

    def _split(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The coordinates of the part's factor and those of the other."""
        first, second = self.domain.split(points)
        return (first, second) if self.is_first else (second, first)

    def _joined(self, here: Tensor, there: Tensor) -> Tensor:
        """The coordinates of both factors in the order of the product."""
        return torch.cat([here, there] if self.is_first else [there, here], dim=-1)
