"""Parts of boundaries are named by value, within rounding, and every hole has a name of its own."""

from __future__ import annotations

import math

import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st

from pinn.geometry.box import Box
from pinn.geometry.shapes import Disc, Polygon
from sciformer.errors import DomainError


@pytest.mark.parametrize("name", [f"x={2 * math.pi}", "x=6.28319", "x=2*pi", "x = 2 * pi"])
def test_an_end_with_many_digits_is_found_by_its_value(name: str) -> None:
    """Kills: faces identified by six printed digits."""
    assert Box(x=(0, 2 * math.pi)).part(name).is_called("x=6.28319")


def test_ends_that_agree_in_six_digits_are_told_apart() -> None:
    """Kills: a tolerance relative to the value instead of the width."""
    box = Box(x=(4512000, 4512004))
    assert [part.name for part in box.parts()] == ["x=4.512e+06", "x=4512004"]
    assert [box.part(f"x={v}").value for v in (4512000, 4512004.0)] == [4512000, 4512004]
    with pytest.raises(DomainError, match=r"x=4.512e\+06, x=4512004"):
        box.part("x=4512002")


@given(low=st.integers(-9, 9), width=st.integers(1, 9), power=st.integers(-15, 15))
def test_both_ends_are_found_in_any_unit(low: int, width: int, power: int) -> None:
    """Kills: an absolute tolerance, by which both ends of a small box are one."""
    unit = 10.0**power
    ends = (low * unit, (low + width) * unit)
    box = Box(x=ends)
    assert [box.part(f"x={end}").value for end in ends] == list(ends)
    assert [box.part(part.name).value for part in box.parts()] == list(ends)


def test_ends_may_be_numbers_of_sympy() -> None:
    box = Box(x=(0, sympy.pi), y=(sympy.Rational(1, 3), sympy.sqrt(2)))
    assert box.intervals == {"x": (0.0, math.pi), "y": (1 / 3, math.sqrt(2))}
    assert box.part("x=pi").value == math.pi
    assert box.part("y=1/3").value == 1 / 3
    assert box.part("y=sqrt(2)").value == math.sqrt(2)


@pytest.mark.parametrize("name", ["x=__import__('os')", "x=(1", "x=1/0", "x=a", "x=exp(1e9)", "x="])
def test_a_name_is_arithmetic_and_never_a_program(name: str) -> None:
    with pytest.raises(DomainError, match="no boundary part"):
        Box(x=(0, 1)).part(name)


@pytest.mark.parametrize("ends", [(0,), (0, sympy.Symbol("L")), "ab", None])
def test_ends_that_are_no_numbers_are_refused(ends: object) -> None:
    with pytest.raises(DomainError, match="interval of x must be two numbers"):
        Box(x=ends)  # type: ignore[arg-type]


def test_the_rim_of_a_ring_and_its_hole_have_names_of_their_own() -> None:
    """Kills: the first of two parts that are called alike."""
    ring = Disc(2, x=0, y=0) - Disc(1, x=0, y=0)
    with pytest.raises(DomainError, match=r"several .* 'circle'; the parts .*circle 1, circle 2"):
        ring.part("circle")
    radii = [ring.part(f"circle {n}").sample(8).norm(dim=-1) for n in (1, 2)]
    assert [float(r.mean()) for r in radii] == pytest.approx([2, 1])
    named = Disc(2, x=0, y=0) - Disc(1, x=0, y=0, name="inner")
    assert list(named.named_parts()) == ["circle", "inner"]


def test_holes_are_numbered_in_the_order_they_are_cut() -> None:
    square = Box(x=(-1, 1), y=(-1, 1))
    plate = square - Disc(0.2, x=-0.5, y=0) - Disc(0.2, x=0.5, y=0)
    lasting = plate * Box(t=(0, 1))
    for domain in (plate, lasting):
        middle = [float(domain.part(f"circle {n}").sample(64)[:, 0].mean()) for n in (1, 2)]
        assert middle == pytest.approx([-0.5, 0.5], abs=0.05)
        assert torch.all(domain.part("x = -1.0").sample(4)[:, 0] == -1)


def test_edges_of_two_polygons_are_told_apart() -> None:
    one = Polygon([(0, 0), (4, 0), (0, 4)])
    two = one - Polygon([(1, 1), (1.5, 1), (1, 1.5)])
    assert "polygon:0 2" in two.named_parts()
