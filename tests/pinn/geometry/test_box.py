"""Boxes and the names of their faces."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pinn.geometry.box import Box
from sciformer.errors import DomainError

ends = st.floats(-10, 10).map(lambda v: round(v, 3))


@given(low=ends, width=st.floats(0.01, 5), points=st.integers(1, 20))
def test_unit_cube_is_mapped_onto_the_box(low: float, width: float, points: int) -> None:
    """Kills: scaling by the upper end instead of the width."""
    box = Box(x=(low, low + width), t=(2, 5))
    unit = torch.rand(points, 2, dtype=torch.float64)
    mapped = box.from_unit(unit)
    assert torch.allclose((mapped[:, 0] - low) / width, unit[:, 0], atol=1e-9)
    assert torch.allclose((mapped[:, 1] - 2) / 3, unit[:, 1], atol=1e-12)
    assert bool(box.contains(mapped).all())


def test_faces_know_their_side() -> None:
    box = Box(x=(-1, 3), t=(0, 0.5))
    found = [(face.name, face.axis, face.outward) for face in box.parts()]
    assert found == [("x=-1", 0, -1), ("x=3", 0, 1), ("t=0", 1, -1), ("t=0.5", 1, 1)]


@pytest.mark.parametrize("name", ["t=0.5", "t = 0.5", "t=0.50", "t=5e-1"])
def test_a_face_is_found_by_any_spelling_of_its_value(name: str) -> None:
    assert Box(x=(-1, 3), t=(0, 0.5)).part(name).value == 0.5


@pytest.mark.parametrize("name", ["t=1", "y=0", "left", "t=zero"])
def test_an_unknown_part_lists_the_parts_there_are(name: str) -> None:
    with pytest.raises(DomainError, match=r"no boundary part .*x=-1, x=3, t=0, t=0.5"):
        Box(x=(-1, 3), t=(0, 0.5)).part(name)


def test_points_on_a_face_hold_its_coordinate_only() -> None:
    box = Box(x=(-1, 3), t=(0, 0.5))
    points = box.part("x=3").from_unit(torch.tensor([[0.25, 0.5], [0.5, 1.0]]))
    assert points.tolist() == [[3.0, 0.25], [3.0, 0.5]]


def test_grid_has_the_last_coordinate_fastest_and_both_ends() -> None:
    grid = Box(x=(0, 1), t=(0, 2)).grid([2, 3])
    assert grid.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    assert torch.equal(Box(x=(0, 1), t=(0, 2)).grid({"t": 3, "x": 2}), grid)


@pytest.mark.parametrize("interval", [(1, 1), (2, 1), (0, float("inf")), (float("nan"), 1)])
def test_an_empty_or_infinite_interval_is_refused(interval: tuple[float, float]) -> None:
    with pytest.raises(DomainError, match="interval of x must be finite with low < high"):
        Box(x=interval)
