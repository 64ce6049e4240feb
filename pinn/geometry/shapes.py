"""Shapes in the plane: discs and polygons, with the named parts of their boundaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinn.geometry.base import ROUNDING, Domain, Part
from sciformer.errors import DomainError

Point = tuple[float, float]


class Disc(Domain):
    """The points within a distance of a centre.

    Args:
        centre: its two coordinates, by name: `Disc(0.5, x=0.2, y=0)` has centre (0.2, 0).
        radius: > 0.
        name: of its boundary.

    Raises:
        DomainError: not two coordinates, or radius <= 0.

    Examples:
        >>> Disc(0.5, x=0.2, y=0).intervals
        {'x': (-0.3, 0.7), 'y': (-0.5, 0.5)}
    """

    def __init__(self, radius: float, *, name: str = "circle", **centre: float) -> None:
        if len(centre) != 2 or not radius > 0:
            raise DomainError(
                f"Disc: needs a radius > 0 and two coordinates of the centre, such as "
                f"Disc(0.5, x=0, y=0); got radius {radius:g} and {centre}."
            )
        self.radius, self.centre, self._name = float(radius), centre, name

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The square around the disc."""
        return {n: (c - self.radius, c + self.radius) for n, c in self.centre.items()}

    def contains(self, points: Tensor) -> Tensor:
        """Which points (p, 2) are at most a radius from the centre."""
        middle = points.new_tensor(list(self.centre.values()))
        distance: Tensor = torch.linalg.vector_norm(points - middle, dim=-1)
        return distance <= self.radius * (1 + ROUNDING)

    def parts(self) -> list[Part]:
        """The circle."""
        return [Circle(self, self._name)]

    def __repr__(self) -> str:
        at = ", ".join(f"{name}={value:g}" for name, value in self.centre.items())
        return f"Disc({self.radius:g}, {at})"


@dataclass(frozen=True)
class Circle(Part):
    """The boundary of a disc."""

    disc: Disc
    label: str

    @property
    def name(self) -> str:
        """The name that was given."""
        return self.label

    @property
    def dimension(self) -> int:
        """The dimension 1, that of the angle."""
        return 1

    def from_unit(self, unit: Tensor) -> Tensor:
        """Maps the unit interval evenly along the circle."""
        angle = 2 * math.pi * unit[:, :1]
        middle = unit.new_tensor(list(self.disc.centre.values()))
        return middle + self.disc.radius * torch.cat([angle.cos(), angle.sin()], dim=-1)

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie at the radius from the centre."""
        middle = points.new_tensor(list(self.disc.centre.values()))
        distance: Tensor = torch.linalg.vector_norm(points - middle, dim=-1)
        return (distance - self.disc.radius).abs() <= ROUNDING * self.disc.radius

    def normal(self, points: Tensor) -> Tensor:
        """Unit vectors away from the centre."""
        middle = points.new_tensor(list(self.disc.centre.values()))
        return (points - middle) / self.disc.radius


class Polygon(Domain):
    """The inside of a closed line of straight edges that does not cross itself.

    Args:
        corners: at least three (x, y), in either sense of rotation, the first not repeated.
        name: of its boundary; its edges are called name:0, name:1, ... from the first corner on.
        coordinates: names of the two coordinates.

    Raises:
        DomainError: fewer than three corners, an edge without length, or edges that cross.

    Examples:
        >>> Polygon([(0, 0), (1, 0), (0, 1)]).contains(torch.tensor([[0.2, 0.2], [0.8, 0.8]]))
        tensor([ True, False])
    """

    def __init__(
        self,
        corners: Sequence[Point],
        *,
        name: str = "polygon",
        coordinates: tuple[str, str] = ("x", "y"),
    ) -> None:
        self.corners = torch.tensor(corners, dtype=torch.float64).reshape(-1, 2)
        self._names, self._name = coordinates, name
        starts, ends = self.edges()
        if len(self.corners) < 3 or bool((starts == ends).all(-1).any()) or _cross(starts, ends):
            raise DomainError(
                f"Polygon: needs at least three corners whose edges have a length and do not "
                f"cross; got {[tuple(c) for c in self.corners.tolist()]}."
            )

    def edges(self) -> tuple[Tensor, Tensor]:
        """Starts and ends (edges, 2), in the order of the corners."""
        return self.corners, self.corners.roll(-1, 0)

    @property
    def area(self) -> float:
        """The signed area: positive for corners that run counter-clockwise (shoelace formula)."""
        (x, y), (u, v) = (corners.unbind(-1) for corners in self.edges())
        return float((x * v - u * y).sum() / 2)

    @property
    def tolerance(self) -> float:
        """Distance from an edge within which rounding may put its points."""
        return ROUNDING * float((self.corners.max(0).values - self.corners.min(0).values).max())

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """The rectangle around the polygon."""
        low, high = self.corners.min(0).values.tolist(), self.corners.max(0).values.tolist()
        return {n: (a, b) for n, a, b in zip(self._names, low, high, strict=True)}

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie inside, by the parity of the edges that a ray to the right crosses, or
        on the boundary.
        """
        starts, ends = (e.to(points) for e in self.edges())
        x, y = points[:, :1], points[:, 1:]
        straddles = (starts[:, 1] > y) != (ends[:, 1] > y)
        rise = torch.where(straddles, ends[:, 1] - starts[:, 1], 1)
        crossing = starts[:, 0] + (y - starts[:, 1]) * (ends[:, 0] - starts[:, 0]) / rise
        inside = (straddles & (x < crossing)).sum(-1) % 2 == 1
        return inside | (self.distances(points).min(-1).values <= self.tolerance)

    def distances(self, points: Tensor) -> Tensor:
        """Distances (p, edges) of points to the edges."""
        starts, ends = (e.to(points) for e in self.edges())
        along = ends - starts
        offset = points[:, None] - starts
        share = ((offset * along).sum(-1) / along.square().sum(-1)).clamp(0, 1)
        distances: Tensor = torch.linalg.vector_norm(offset - share[..., None] * along, dim=-1)
        return distances

    def parts(self) -> list[Part]:
        """The whole line, and each edge."""
        every = tuple(range(len(self.corners)))
        return [
            Edges(self, self._name, every),
            *(Edges(self, f"{self._name}:{edge}", (edge,)) for edge in every),
        ]

    def __repr__(self) -> str:
        return f"Polygon({len(self.corners)} corners)"


@dataclass(frozen=True)
class Edges(Part):
    """Some edges of a polygon."""

    polygon: Polygon
    label: str
    chosen: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name that was given."""
        return self.label

    @property
    def dimension(self) -> int:
        """The dimension 1, that of the length along the edges."""
        return 1

    def from_unit(self, unit: Tensor) -> Tensor:
        """Maps the unit interval evenly along the edges, one after the other."""
        starts, ends = self._ends(unit)
        lengths = (ends - starts).norm(dim=-1)
        before = lengths.cumsum(0) - lengths
        way = unit[:, 0] * lengths.sum()
        edge = (torch.searchsorted(before, way, right=True) - 1).clamp_min(0)
        share = ((way - before[edge]) / lengths[edge])[:, None]
        placed: Tensor = starts[edge] + share * (ends - starts)[edge]
        return placed

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie on the edges."""
        near = self.polygon.distances(points)[:, list(self.chosen)].min(-1).values
        return near <= self.polygon.tolerance

    def normal(self, points: Tensor) -> Tensor:
        """Unit normals of the nearest edge: to its right if the corners run counter-clockwise."""
        starts, ends = self._ends(points)
        along = (ends - starts) / (ends - starts).norm(dim=-1, keepdim=True)
        outward = torch.stack([along[:, 1], -along[:, 0]], dim=-1)
        outward = outward if self.polygon.area > 0 else -outward
        return outward[self.polygon.distances(points)[:, list(self.chosen)].argmin(-1)]

    def _ends(self, like: Tensor) -> tuple[Tensor, Tensor]:
        starts, ends = (e.to(like)[list(self.chosen)] for e in self.polygon.edges())
        return starts, ends


def _cross(starts: Tensor, ends: Tensor) -> bool:
    """Whether two edges cross in their inside."""

    def side(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        one, two = b - a, c - a
        return torch.sign(one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0])

    a, b, c, d = starts[:, None], ends[:, None], starts[None], ends[None]
    apart = side(a, b, c) * side(a, b, d) < 0
    return bool((apart & (side(c, d, a) * side(c, d, b) < 0)).any())
