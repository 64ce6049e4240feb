"""Where a problem lives: boxes of named coordinates and the named parts of their boundary."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PART = re.compile(r"\s*(?P<coordinate>\w+)\s*=\s*(?P<value>[-+.\w]+)\s*")


@dataclass(frozen=True)
class Face:
    """One side of a box: `coordinate` is held at `value`.

    `outward` is +1 where the box lies below the value and -1 where it lies above.
    """

    axis: int
    coordinate: str
    value: float
    outward: int

    @property
    def name(self) -> str:
        """The name a condition refers to it by, for example "x=-1"."""
        return f"{self.coordinate}={self.value:g}"


class Box:
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
        self.intervals: dict[str, tuple[float, float]] = {
            name: (float(low), float(high)) for name, (low, high) in intervals.items()
        }

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the coordinates, in order."""
        return tuple(self.intervals)

    @property
    def low(self) -> list[float]:
        """Lower ends, in the order of the coordinates."""
        return [low for low, _ in self.intervals.values()]

    @property
    def high(self) -> list[float]:
        """Upper ends, in the order of the coordinates."""
        return [high for _, high in self.intervals.values()]

    def from_unit(self, unit: Tensor) -> Tensor:
        """Maps points (p, c) of the unit cube onto the box."""
        low, high = unit.new_tensor(self.low), unit.new_tensor(self.high)
        return low + (high - low) * unit

    def contains(self, points: Tensor) -> Tensor:
        """Which of the points (p, c) lie in the closed box, as a boolean (p,)."""
        low, high = points.new_tensor(self.low), points.new_tensor(self.high)
        return ((points >= low) & (points <= high)).all(dim=-1)

    def faces(self) -> list[Face]:
        """All faces of the box, low and high end of each coordinate in turn."""
        return [
            Face(axis, name, value, outward)
            for axis, (name, ends) in enumerate(self.intervals.items())
            for value, outward in zip(ends, (-1, +1), strict=True)
        ]

    def part(self, name: str) -> Face:
        """The face called `name`, for example "t=0".

        Raises:
            DomainError: the box has no such face; the sentence lists those it has.
        """
        match = _PART.fullmatch(name)
        if match is not None:
            for face in self.faces():
                if face.coordinate == match["coordinate"] and _is(match["value"], face.value):
                    return face
        known = ", ".join(face.name for face in self.faces())
        raise DomainError(f"Box: no boundary part {name!r}; the parts are {known}.")

    def on_face(self, face: Face, unit: Tensor) -> Tensor:
        """Maps points (p, c) of the unit cube onto a face, by holding its coordinate."""
        points = self.from_unit(unit)
        points[:, face.axis] = face.value
        return points

    def grid(self, counts: Mapping[str, int] | Sequence[int]) -> Tensor:
        """All points of a tensor grid with the ends included, (prod(counts), c), last axis fastest.

        Args:
            counts: points along each coordinate, by name or in order.
        """
        numbers = [counts[n] for n in self.coordinates] if isinstance(counts, dict) else counts
        axes = [
            torch.linspace(low, high, int(count), dtype=torch.float64)
            for low, high, count in zip(self.low, self.high, numbers, strict=True)
        ]
        return torch.cartesian_prod(*axes).reshape(-1, len(axes))

    def __repr__(self) -> str:
        inside = ", ".join(f"{n}=({a:g}, {b:g})" for n, (a, b) in self.intervals.items())
        return f"Box({inside})"


def _is(text: str, value: float) -> bool:
    try:
        return bool(np.isclose(float(text), value, rtol=1e-9, atol=1e-12))
    except ValueError:
        return False
