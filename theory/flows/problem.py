"""What the compiler asks of a boundary value problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Box(Protocol):
    """A product of intervals with named coordinates."""

    @property
    def intervals(self) -> dict[str, tuple[float, float]]: ...


class Condition(Protocol):
    """An equation on a part of the boundary, such as "x=0"."""

    @property
    def equation(self) -> Any: ...
    @property
    def on(self) -> str: ...


class Problem(Protocol):
    """A boundary value problem, as `pinn.Problem` has it."""

    @property
    def name(self) -> str: ...
    @property
    def coordinates(self) -> tuple[Any, ...]: ...
    @property
    def fields(self) -> tuple[Any, ...]: ...
    @property
    def equations(self) -> tuple[Any, ...]: ...
    @property
    def domain(self) -> Box: ...
    @property
    def conditions(self) -> Sequence[Condition]: ...
    @property
    def parameters(self) -> Mapping[Any, float]: ...
    @property
    def periodic(self) -> Sequence[str]: ...
