"""The incompressible Navier-Stokes equations in the plane, in two forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LAMBDA_1, LAMBDA_2 = sympy.symbols("lambda_1 lambda_2")


@dataclass(frozen=True)
class Flow:
    """u_t + lambda_1 (u.grad) u + grad p - lambda_2 lap u = 0 and div u = 0, in one form.

    Attributes:
        coordinates: x, y, and t unless the flow is steady.
        fields: what a network has to give.
        equations: expressions that vanish.
        quantities: u, v and p as expressions of the fields; p is known up to a function of time.
    """

    coordinates: tuple[Any, ...]
    fields: tuple[Any, ...]
    equations: tuple[Any, ...]
    quantities: Mapping[str, Any]


def velocity_pressure(*, steady: bool = False) -> Flow:
    """Fields u, v, p; second derivatives; continuity is a third equation."""
    coordinates = _coordinates(steady)
    u, v, p = (sympy.Function(name)(*coordinates) for name in "uvp")
    x, y = coordinates[:2]
    equations = (*momentum(coordinates, u, v, p), u.diff(x) + v.diff(y))
    return Flow(coordinates, (u, v, p), equations, {"u": u, "v": v, "p": p})


def streamfunction_pressure(*, steady: bool = False) -> Flow:
    """Fields psi, p with u = psi_y, v = -psi_x; third derivatives; continuity holds exactly."""
    coordinates = _coordinates(steady)
    psi, p = (sympy.Function(name)(*coordinates) for name in ("psi", "p"))
    x, y = coordinates[:2]
    u, v = psi.diff(y), -psi.diff(x)
    return Flow(coordinates, (psi, p), momentum(coordinates, u, v, p), {"u": u, "v": v, "p": p})


FORMS: dict[str, Callable[..., Flow]] = {
    "streamfunction": streamfunction_pressure,
    "velocity": velocity_pressure,
}


def _coordinates(steady: bool) -> tuple[Any, ...]:
    x, y, t = sympy.symbols("x y t")
    return (x, y) if steady else (x, y, t)


def momentum(coordinates: tuple[Any, ...], u: Any, v: Any, p: Any) -> tuple[Any, Any]:
    """The two components of the momentum balance, which vanish; steady without a time."""
    x, y = coordinates[:2]

    def balance(component: Any, along: Any) -> Any:
        rate = component.diff(coordinates[2]) if len(coordinates) == 3 else 0
        convection = u * component.diff(x) + v * component.diff(y)
        laplacian = component.diff(x, 2) + component.diff(y, 2)
        return rate + LAMBDA_1 * convection + p.diff(along) - LAMBDA_2 * laplacian

    return balance(u, x), balance(v, y)
