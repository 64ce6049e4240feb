"""Laws of regions: areas, boundaries and normals, against shapely where it knows the answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinn.geometry.base import Domain
from pinn.geometry.box import Box
from pinn.geometry.regions import Difference, from_shapely
from pinn.geometry.shapes import Disc, Polygon
from sciformer.errors import DomainError

L_SHAPE = ((0.0, 0.0), (3.0, 0.0), (3.0, 1.0), (1.0, 1.0), (1.0, 2.5), (0.0, 2.5))
SHAPES: dict[str, tuple[Domain, shapely.Polygon]] = {
    "disc": (Disc(0.7, x=0.3, y=-0.2), shapely.Point(0.3, -0.2).buffer(0.7, quad_segs=2000)),
    "polygon": (Polygon(L_SHAPE), shapely.Polygon(L_SHAPE)),
    "clockwise": (Polygon(L_SHAPE[::-1]), shapely.Polygon(L_SHAPE)),
    "box with a hole": (
        Box(x=(-1, 2), y=(0, 2)) - Disc(0.4, x=0.5, y=1.1),
        shapely.box(-1, 0, 2, 2) - shapely.Point(0.5, 1.1).buffer(0.4, quad_segs=2000),
    ),
    "bitten box": (
        Box(x=(-1, 2), y=(0, 2)) - Polygon([(1, -1), (3, 1), (3, -1)]),
        shapely.box(-1, 0, 2, 2) - shapely.Polygon([(1, -1), (3, 1), (3, -1)]),
    ),
    "ring": (
        Disc(1.0, x=0, y=0) - Disc(0.5, x=0.1, y=0, name="inner"),
        shapely.Point(0, 0).buffer(1, quad_segs=2000)
        - shapely.Point(0.1, 0).buffer(0.5, quad_segs=2000),
    ),
    "two boxes": (
        Box(x=(0, 3), y=(0, 1)) | Box(x=(0, 1), y=(1, 2.5)),
        shapely.Polygon(L_SHAPE),
    ),
    "disc or box": (
        Disc(1.0, x=0, y=0) | Box(x=(0, 2), y=(-0.6, 0.6)),
        shapely.Point(0, 0).buffer(1, quad_segs=2000) | shapely.box(0, -0.6, 2, 0.6),
    ),
    "disc and box": (
        Disc(1.0, x=0, y=0) & Box(x=(0.6, 2), y=(-1, 1)),
        shapely.Point(0, 0).buffer(1, quad_segs=2000) & shapely.box(0.6, -1, 2, 1),
    ),
}
BITTEN = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (-1.0, 2.0), (-1.0, 0.0), (1.0, 0.0), (2.0, 1.0))
CUT = ((0.8, -0.6), (0.8, 0.6), (2.0, -0.6), (2.0, 0.6), (0.6, -0.8), (0.6, 0.8))
CORNERS = shapely.MultiPoint([*BITTEN, *CUT, *L_SHAPE])
each = pytest.mark.parametrize("name", SHAPES)


def points_of(shape: Tensor) -> np.ndarray:
    return np.asarray(shapely.points(shape.numpy()))


@each
def test_inside_is_inside(name: str) -> None:
    """Kills: a ray test with a wrong side, a hole that counts, a difference the other way round."""
    domain, oracle = SHAPES[name]
    low, high = torch.tensor(domain.low), torch.tensor(domain.high)
    cloud = low - 0.3 + (high - low + 0.6) * torch.rand(3000, 2, dtype=torch.float64)
    wanted = shapely.contains(oracle, points_of(cloud))
    sure = shapely.distance(oracle.boundary, points_of(cloud)) > 1e-5
    assert np.array_equal(domain.contains(cloud).numpy()[sure], wanted[sure])


@each
def test_the_share_of_the_box_is_the_area(name: str) -> None:
    domain, oracle = SHAPES[name]
    unit = torch.quasirandom.SobolEngine(2, scramble=True, seed=1).draw(16384, dtype=torch.float64)  # type: ignore[no-untyped-call]
    share = float(domain.contains(domain.from_unit(unit)).double().mean())
    box = math.prod(b - a for a, b in domain.intervals.values())
    # A boundary of length L is met by about L sqrt(p) cells, half of them by chance.
    assert share * box == pytest.approx(oracle.area, abs=0.02 * oracle.length / 5)
    sample = domain.sample(500)
    assert sample.shape == (500, 2)
    assert bool(domain.contains(sample).all())


@each
def test_parts_lie_on_the_boundary_and_cover_it(name: str) -> None:
    """Kills: a part of the hole outside the whole, an edge left out."""
    domain, oracle = SHAPES[name]
    everything = []
    for part in domain.parts():
        if ":" in part.name:
            continue
        unit = torch.rand(400, part.dimension, dtype=torch.float64)
        points = part.from_unit(unit)
        points = points[part.contains(points)]
        if len(points):
            assert shapely.distance(oracle.boundary, points_of(points)).max() < 1e-6
            assert bool(domain.contains(points).all())
            everything.append(points)
    found = shapely.MultiPoint(torch.cat(everything).numpy())
    along = [oracle.boundary.interpolate(s, normalized=True) for s in np.linspace(0, 1, 60)]
    assert max(shapely.distance(found, along)) < 0.02 * oracle.length


@each
def test_normals_have_length_one_and_point_out(name: str) -> None:
    """Kills: a tangent for a normal, an inward normal, a hole's normal not turned round."""
    domain, oracle = SHAPES[name]
    for part in domain.parts():
        points = part.from_unit(torch.rand(100, part.dimension, dtype=torch.float64))
        points = points[part.contains(points)]
        if not len(points):
            continue
        normal = part.normal(points)
        assert torch.allclose(normal.norm(dim=-1), torch.ones(len(points)).double(), atol=1e-9)
        step = 1e-4
        # Not at corners, where a step may leave the neighbourhood of the edge.
        away = shapely.distance(CORNERS, points_of(points)) > 1e-2
        outer = shapely.contains(oracle, points_of(points + step * normal))
        inner = shapely.contains(oracle, points_of(points - step * normal))
        assert not outer[away].any()
        assert inner[away].all()


def test_normals_are_orthogonal_to_edges_by_name() -> None:
    triangle = Polygon([(0, 0), (4, 0), (0, 3)], name="wing")
    normals = [triangle.part(f"wing:{i}").normal(torch.zeros(1, 2))[0].tolist() for i in range(3)]
    assert np.allclose(normals, [[0, -1], [0.6, 0.8], [-1, 0]])
    assert np.allclose(triangle.part("wing:1").sample(9) @ torch.tensor([0.6, 0.8]).double(), 2.4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), corners=st.integers(3, 9))
def test_star_shaped_polygons_agree_with_shapely(seed: int, corners: int) -> None:
    generator = np.random.default_rng(seed)
    angles = np.sort(generator.uniform(0, 2 * np.pi, corners))
    if np.diff(angles, append=angles[0] + 2 * np.pi).max() > 3:
        return
    rim = generator.uniform(0.4, 1.6, corners)[:, None] * np.stack(
        [np.cos(angles), np.sin(angles)], -1
    )
    polygon, oracle = Polygon([tuple(p) for p in rim]), shapely.Polygon(rim)
    cloud = torch.from_numpy(generator.uniform(-1.7, 1.7, (300, 2)))
    assert np.array_equal(
        polygon.contains(cloud).numpy(), shapely.contains(oracle, points_of(cloud))
    )
    assert polygon.area == pytest.approx(oracle.area)


def test_any_shapely_polygon_becomes_a_domain() -> None:
    """Kills: a hole that is lost, the closing corner taken twice."""
    hole = shapely.box(0.3, 0.3, 0.6, 0.7)
    geometry = shapely.Polygon(L_SHAPE).buffer(0.2) - hole - shapely.box(2, 0.2, 2.5, 0.6)
    domain = from_shapely(geometry)
    names = [part.name for part in domain.parts() if ":" not in part.name]
    assert names == ["outline", "hole 0", "hole 1"]
    cloud = -0.5 + 4 * torch.rand(2000, 2, dtype=torch.float64)
    wanted = shapely.contains(geometry, points_of(cloud))
    assert np.array_equal(domain.contains(cloud).numpy(), wanted)
    with pytest.raises(DomainError, match=r"needs one shapely Polygon .* got MultiPolygon"):
        from_shapely(shapely.MultiPolygon([hole, shapely.box(5, 5, 6, 6)]))


def test_a_disc_for_a_time_has_its_circle_and_both_times() -> None:
    domain = Disc(2.0, x=1, y=0) * Box(t=(0, 3))
    assert domain.coordinates == ("x", "y", "t")
    assert [part.name for part in domain.parts()] == ["circle", "t=0", "t=3"]
    rim = domain.part("circle")
    points = rim.sample(50)
    assert torch.allclose((points[:, 0] - 1) ** 2 + points[:, 1] ** 2, torch.tensor(4.0).double())
    assert float(points[:, 2].max()) > 2.5
    assert torch.equal(rim.normal(points)[:, 2], torch.zeros(50).double())
    start = domain.part("t=0")
    assert bool(domain.contains(start.sample(200)).all())
    assert start.normal(points)[0].tolist() == [0, 0, -1]
    unit = torch.rand(20_000, 3, dtype=torch.float64)
    share = float(domain.contains(domain.from_unit(unit)).double().mean())
    assert share == pytest.approx(math.pi / 4, abs=0.01)


def test_time_may_come_first() -> None:
    domain = Box(t=(0, 1)) * Disc(1.0, x=0, y=0)
    points = domain.part("circle").sample(20)
    assert torch.allclose(points[:, 1:].norm(dim=-1), torch.ones(20).double())
    assert domain.part("circle").normal(points)[:, 0].tolist() == [0] * 20


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Disc(-1.0, x=0, y=0), "Disc: needs a radius > 0"),
        (lambda: Disc(1.0, x=0), "two coordinates of the centre"),
        (lambda: Polygon([(0, 0), (1, 1)]), "at least three corners"),
        (lambda: Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "do not cross"),
        (lambda: Polygon([(0, 0), (0, 0), (1, 0), (0, 1)]), "have a length"),
        (lambda: Disc(1, x=0, y=0) - Disc(1, y=0, x=0), "same coordinates in the same order"),
        (lambda: Disc(1, x=0, y=0) * Box(x=(0, 1)), "must have different coordinates"),
        (lambda: Disc(1, x=0, y=0).part("rim"), "no boundary part 'rim'; the parts are circle"),
        (lambda: (Disc(1, x=0, y=0) - Disc(2, x=0, y=0)).sample(10), "is empty, or too thin"),
        (lambda: Box(x=(0, 1)) | (0, 1), r"both must be domains, such as a Box"),
        (lambda: Box(x=(0, 1)) - 1, "both must be domains"),
        (lambda: Box(x=(0, 1)) | Box(y=(0, 1)), "same coordinates in the same order"),
        (lambda: Box(x=(0, 1)) + Box(x=(1, 2)), r"write one \| other for all points of both"),
        (lambda: Box(x=(0, 1)) & Box(x=(1, 2)), "is empty; no x belongs to both"),
        (lambda: Box(x=(0, 1)) | Box(x=(2, 3)), "the two do not touch; .* solve two problems"),
    ],
)
def test_regions_that_cannot_be(make: object, sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        make()  # type: ignore[operator]


def test_boxes_that_make_a_box_are_one_and_faces_of_one_value_are_one_part() -> None:
    """Kills: the seam of two boxes kept as a boundary; y=0 of both in two parts of one name."""
    assert repr(Box(x=(0, 1), y=(0, 1)) | Box(x=(1, 2), y=(0, 1))) == "Box(x=(0, 2), y=(0, 1))"
    assert repr(Box(x=(0, 2), y=(0, 1)) & Box(x=(1, 3), y=(0, 1))) == "Box(x=(1, 2), y=(0, 1))"
    step = Box(x=(0, 1), y=(0, 1)) | Box(x=(1, 2), y=(0, 2))
    assert sorted(step.named_parts()) == ["x=0", "x=1", "x=2", "y=0", "y=1", "y=2"]
    assert float(step.part("x=1").sample(50)[:, 1].min()) > 1
    assert float(step.part("y=0").sample(200)[:, 0].max()) > 1.9


def test_a_hole_that_touches_nothing_changes_nothing() -> None:
    whole = Box(x=(0, 1), y=(0, 1))
    domain = Difference(whole, Disc(0.1, x=5, y=5))
    cloud = torch.rand(100, 2, dtype=torch.float64)
    assert torch.equal(domain.contains(cloud), whole.contains(cloud))


def test_a_hole_up_to_the_boundary_leaves_no_part_where_faces_coincide() -> None:
    """Kills: points of a boundary that was cut away; two parts called x=0, of which one is empty;
    faces of a hole outside of the whole listed as parts.
    """
    square = Box(x=(0, 1), y=(0, 1))
    for hole in (Box(x=(0, 0.5), y=(0, 0.5)), Box(x=(-1, 0.5), y=(-1, 0.5))):
        step = square - hole
        assert list(step.named_parts()) == ["x=0", "x=1", "y=0", "y=1", "x=0.5", "y=0.5"]
        assert float(step.part("x=0").sample(100)[:, 1].min()) >= 0.5
        assert float(step.part("x=0.5").sample(100)[:, 1].max()) <= 0.5
        corner = torch.tensor([[0.0, 0.25], [0.0, 0.0], [0.0, 0.5], [0.5, 0.0], [0.5, 0.25]])
        assert step.contains(corner.double()).tolist() == [False, False, True, True, True]


def test_holes_that_share_a_face_make_one_hole() -> None:
    """Kills: the seam between two holes kept as a boundary."""
    slot = Box(x=(0.5, 1), y=(0.5, 1)), Box(x=(1, 1.5), y=(0.5, 1))
    domain = Box(x=(0, 2), y=(0, 1)) - slot[0] - slot[1]
    assert not any(name.startswith("x=1") and name != "x=1.5" for name in domain.named_parts())
    assert float(domain.part("x=1.5").normal(domain.part("x=1.5").sample(1))[0, 0]) == -1
