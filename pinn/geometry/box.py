"""Boxes: products of intervals, and their faces."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinn.geometry.base import ROUNDING, Domain, Part
from sciformer.errors import DomainError

# A value in a name means an end of the interval up to this share of its length: so far off are
# ends that were printed with six digits.
SPELLING = 1e-5
_CONSTANTS = {"pi": math.pi, "e": math.e, "E": math.e}
_SIGNS = {ast.USub: -1.0, ast.UAdd: 1.0}
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}
_FUNCTIONS: dict[str, Callable[[float], float]] = {"sqrt": math.sqrt, "exp": math.exp}


class Box(Domain):
    """A product of intervals, one for each coordinate; time is an interval like the others.

    Args:
        intervals: the ends (low, high) of each coordinate, by name, with low < high.
            `Box(x=(-1, 1), t=(0, 1))`; the order of the names is the order of the coordinates.

    Raises:
        DomainError: no coordinate, an empty interval, or an end that is not finite.

    Examples:
        >>> Box(x=(-1, 1), t=(0, 1)).intervals
        {'x': (-1.0, 1.0), 't': (0.0, 1.0)}
    """

    def __init__(self, **intervals: tuple[Any, Any]) -> None:
        if not intervals:
            raise DomainError("Box: needs at least one interval, for example Box(x=(-1, 1)).")
        self._intervals = {name: _ends(name, ends) for name, ends in intervals.items()}

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


def _ends(name: str, ends: tuple[Any, Any]) -> tuple[float, float]:
    """The ends of an interval as numbers; sympy's, such as pi, are numbers too."""
    try:
        low, high = (float(end) for end in ends)
    except (TypeError, ValueError) as error:
        raise DomainError(
            f"Box: the interval of {name} must be two numbers (low, high); got {ends}."
        ) from error
    if not (np.isfinite([low, high]).all() and low < high):
        raise DomainError(
            f"Box: the interval of {name} must be finite with low < high; got ({low}, {high})."
        )
    return low, high


@dataclass(frozen=True)
class Face(Part):
    """The face where the coordinate of `axis` is held at `value`, an end of the domain.

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
        """The name, for example "x=-1"."""
        short = f"{self.value:g}"
        is_close = abs(float(short) - self.value) <= SPELLING * self._width
        return f"{self.coordinate}={short if is_close else f'{self.value:.17g}'}"

    def is_called(self, name: str) -> bool:
        coordinate, _, text = name.partition("=")
        value = _number(text) if coordinate.strip() == self.coordinate else None
        return value is not None and self.is_at(value)

    def is_at(self, value: float) -> bool:
        """Whether a number means the value that is held, however it is rounded."""
        return abs(value - self.value) <= SPELLING * self._width

    @property
    def _width(self) -> float:
        """The length of the interval that the value is an end of."""
        return self.domain.high[self.axis] - self.domain.low[self.axis]

    @property
    def dimension(self) -> int:
        """The dimension of the domain; the coordinate that is held is ignored."""
        return self.domain.dimension

    def from_unit(self, unit: Tensor) -> Tensor:
        """Maps points (p, c) of the unit cube onto the face."""
        points = self.domain.from_unit(unit)
        points[:, self.axis] = self.value
        return points

    def contains(self, points: Tensor) -> Tensor:
        """Which points of the domain lie on the face."""
        is_here = (points[:, self.axis] - self.value).abs() <= ROUNDING * self._width
        return self.domain.contains(points) & is_here

    def normal(self, points: Tensor) -> Tensor:
        """The outward direction of the coordinate that is held."""
        normal = torch.zeros_like(points)
        normal[:, self.axis] = self.outward
        return normal


def _number(text: str) -> float | None:
    """The value of a number written out, such as "1", "-2*pi", "1/3" or "sqrt(2)/2"."""
    try:
        return _evaluate(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, KeyError, ArithmeticError, RecursionError):
        return None


def _evaluate(node: ast.expr) -> float:
    """Arithmetic only: a name of a part is never run as a program."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.Name):
        return _CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp):
        return _SIGNS[type(node.op)] * _evaluate(node.operand)
    if isinstance(node, ast.BinOp):
        return float(_OPERATORS[type(node.op)](_evaluate(node.left), _evaluate(node.right)))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return _FUNCTIONS[node.func.id](_evaluate(node.args[0]))
    raise ValueError("not a number written out")
