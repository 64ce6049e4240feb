"""Quadrature over regions of the plane and along their boundaries."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinn import Box, Disc, Polygon
from pinn.geometry.base import Domain
from pinn.geometry.quadrature import along, on, over, within
from sciformer.errors import DomainError

DISC = Disc(1, x=0, y=0)
SQUARE = Box(x=(0, 2), y=(0, 2))
# Areas and integrals of x^2.
REGIONS = {
    "disc": (DISC, math.pi, math.pi / 4),
    "far disc": (Disc(1e-3, x=2e-3, y=5), math.pi * 1e-6, math.pi * 4.25e-12),
    "ring": (Disc(2, x=0, y=0) - DISC, 3 * math.pi, 15 * math.pi / 4),
    "triangle": (Polygon([(0, 0), (3, 0), (0, 3)]), 4.5, 6.75),
    "clockwise": (Polygon([(0, 3), (3, 0), (0, 0)]), 4.5, 6.75),
    "quarter": (DISC & SQUARE, math.pi / 4, math.pi / 16),
    "bitten": (SQUARE - DISC, 4 - math.pi / 4, 16 / 3 - math.pi / 16),
    "two boxes": (SQUARE | Box(x=(1, 3), y=(1, 4)), 9.0, 16 / 3 + 26 - 7 / 3),
}


@pytest.mark.parametrize(("region", "area", "square"), REGIONS.values(), ids=REGIONS)
def test_polynomials_are_integrated(region: Domain, area: float, square: float) -> None:
    """Kills: normals of holes that are not turned, corners and ends of parts that are missed, a
    chord for an arc, a face that lies within the union.
    """
    points, weights = over(region, 12)
    assert weights.sum() == pytest.approx(area, rel=1e-8)
    assert weights @ points[:, 0] ** 2 == pytest.approx(square, rel=1e-8)


def test_lengths() -> None:
    """Kills: weights that add up to 1 and not to the length."""
    [circle] = DISC.parts()
    assert along(circle)[1].sum() == pytest.approx(2 * math.pi, rel=1e-10)
    arc = next(p for p in (DISC & SQUARE).parts() if p.name == "circle")
    points, weights = along(arc)
    assert weights.sum() == pytest.approx(math.pi / 2, rel=1e-8)
    assert weights @ points[:, 0] ** 9 == pytest.approx(128 / 315, rel=1e-8)
    edge = Polygon([(0, 0), (3, 4), (0, 4)]).part("polygon:0")
    assert along(edge)[1].sum() == pytest.approx(5.0)
    assert np.ptp(along(edge)[0] @ [4, -3]) < 1e-12


def test_space_has_no_outline() -> None:
    with pytest.raises(DomainError, match="is not a region of the plane"):
        over(Box(x=(0, 1), y=(0, 1), z=(0, 1)), 3)


def test_what_is_extruded_has_the_quadrature_of_its_factors() -> None:
    """Volume, and integrals of x^2 z over a cylinder, its wall and its top, in either order.

    Kills: coordinates in the wrong order, a wall without its height, an end without its place.
    """
    height = Box(z=(1, 3))
    for cylinder in (DISC * height, height * DISC):
        x, z = (cylinder.coordinates.index(name) for name in "xz")
        found = {
            "inside": within(cylinder, 6),
            "wall": on(cylinder.part("circle"), 6),
            "top": on(cylinder.part("z=3"), 6),
        }
        exact = {
            "inside": (2 * math.pi, math.pi),
            "wall": (4 * math.pi, 4 * math.pi),
            "top": (math.pi, 3 * math.pi / 4),
        }
        for name, (points, weights) in found.items():
            size, integral = exact[name]
            assert weights.sum() == pytest.approx(size, rel=1e-9)
            assert weights @ (points[:, x] ** 2 * points[:, z]) == pytest.approx(integral, rel=1e-9)
    box = Box(x=(0, 2), y=(0, 1)) * height
    points, weights = on(box.part("x=2"), 4)
    assert weights.sum() == pytest.approx(2)
    assert weights @ points[:, 1] ** 2 == pytest.approx(2 / 3)
    assert set(points[:, 0]) == {2.0}
