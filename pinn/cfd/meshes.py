"""Curved triangulations of the three flows: a cylinder in a stream, in a channel, and a cavity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pinn.cfd.engine import finite_elements


@dataclass(frozen=True)
class WakeMesh:
    """A cylinder of diameter 1 at the origin of a rectangle that is periodic in y.

    Args:
        box: x_min, x_max, y_min, y_max in diameters; the default is that of Raissi's data, whose
            cylinders stand 16 diameters apart.
        surface: edge length on the cylinder.
        wake: edge length in [-1.5, 10] x [-2.5, 2.5].
        far: edge length elsewhere.
    """

    box: tuple[float, float, float, float] = (-15.0, 25.0, -8.0, 8.0)
    surface: float = 0.15
    wake: float = 0.35
    far: float = 1.6

    def build(self, order: int) -> Any:
        """The NGSolve mesh with edges curved to a degree.

        Its boundaries are "in", "out", "cylinder", and "side" (top and bottom, identified).
        """
        ngsolve, occ = finite_elements()
        x_min, x_max, y_min, y_max = self.box
        outer = occ.MoveTo(x_min, y_min).Rectangle(x_max - x_min, y_max - y_min).Face()
        outer.edges.Min(occ.X).name, outer.edges.Max(occ.X).name = "in", "out"
        top, bottom = outer.edges.Max(occ.Y), outer.edges.Min(occ.Y)
        top.name = bottom.name = "side"
        top.Identify(bottom, "side", occ.IdentificationType.PERIODIC)
        cylinder = occ.Circle((0, 0), 0.5).Face()
        cylinder.edges.name = "cylinder"
        cylinder.edges.maxh = self.surface
        near = occ.MoveTo(-1.5, -2.5).Rectangle(11.5, 5).Face()
        outer = outer - near
        near = near - cylinder
        outer.faces.maxh, near.faces.maxh = self.far, self.wake
        return _curved(ngsolve, occ, occ.Glue([outer, near]), self.far, order)


@dataclass(frozen=True)
class ChannelMesh:
    """The channel of the DFG benchmarks, [0, 2.2] x [0, 0.41].

    Its cylinder has the radius 0.05 and stands at (0.2, 0.2).

    Args:
        surface: edge length on the cylinder.
        far: edge length elsewhere.
    """

    surface: float = 0.012
    far: float = 0.06

    def build(self, order: int) -> Any:
        """The NGSolve mesh with edges curved to a degree.

        Its boundaries are "in", "out", "wall" and "cylinder".
        """
        ngsolve, occ = finite_elements()
        cylinder = occ.Circle((0.2, 0.2), 0.05).Face()
        cylinder.edges.name = "cylinder"
        cylinder.edges.maxh = self.surface
        channel = occ.MoveTo(0, 0).Rectangle(2.2, 0.41).Face()
        channel.edges.name = "wall"
        channel.edges.Min(occ.X).name, channel.edges.Max(occ.X).name = "in", "out"
        return _curved(ngsolve, occ, channel - cylinder, self.far, order)


@dataclass(frozen=True)
class CavityMesh:
    """The unit square, refined towards its corners, where the lid meets the walls.

    Args:
        corner: edge length at the corners.
        far: edge length elsewhere.
    """

    corner: float = 0.001
    far: float = 0.06

    def build(self) -> Any:
        """The NGSolve mesh; boundaries "wall" and "lid" (y = 1)."""
        ngsolve, occ = finite_elements()
        square = occ.Rectangle(1, 1).Face()
        square.edges.name = "wall"
        square.edges.Max(occ.Y).name = "lid"
        for vertex in square.vertices:
            vertex.maxh = self.corner
        return _curved(ngsolve, occ, square, self.far, 1)


def _curved(ngsolve: Any, occ: Any, shape: Any, edge: float, order: int) -> Any:
    geometry = occ.OCCGeometry(shape, dim=2)
    mesh = ngsolve.Mesh(geometry.GenerateMesh(maxh=edge, grading=0.3))
    mesh.Curve(order)
    return mesh
