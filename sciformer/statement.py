"""A boundary value problem as it is stated: what solvers and compilers read, whatever made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sympy import Eq, Expr, Symbol


class Box(Protocol):
    """A region of named coordinates, by the smallest box around it."""

    @property
    def intervals(self) -> dict[str, tuple[float, float]]: ...


class Condition(Protocol):
    """An equation on a part of the boundary, such as "x=0"."""

    @property
    def equation(self) -> Eq: ...
    @property
    def on(self) -> str: ...


class Statement(Protocol):
    """Equations for fields on a domain, with conditions on its boundary, in sympy.

    Attributes:
        name: for messages.
        coordinates: symbols, in the order of the domain's.
        fields: functions of the coordinates.
        parameters: a number for each further symbol.
        periodic: names of coordinates whose ends are one point.
    """

    @property
    def name(self) -> str: ...
    @property
    def coordinates(self) -> tuple[Symbol, ...]: ...
    @property
    def fields(self) -> tuple[Expr, ...]: ...
    @property
    def equations(self) -> tuple[Eq, ...]: ...
    @property
    def domain(self) -> Box: ...
    @property
    def conditions(self) -> Sequence[Condition]: ...
    @property
    def parameters(self) -> Mapping[Any, float]: ...
    @property
    def periodic(self) -> Sequence[str]: ...
