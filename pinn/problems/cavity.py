"""The lid-driven cavity, written for the difference to the exact flow in the corners of the lid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Box
from pinn.problem.problem import Problem
from pinn.problems.navier_stokes import FORMS, LAMBDA_1, LAMBDA_2, momentum
from pinn.references.cavity import embedded_cavity
from sciformer.errors import DomainError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCE_REYNOLDS = 100.0
CORNER = 0.1  # distance from a corner within which residuals count less
X, Y = sympy.symbols("x y")
_SLOPE = 1 / (math.pi**2 / 4 - 1)  # the constant of Taylor's solution


@dataclass(frozen=True)
class Cavity:
    """A cavity in one form.

    Attributes:
        problem: fields are the differences to the corner flow; equations are multiplied by
            r^2 / (r^2 + 0.01) for the distance r from either lid corner, where p is unbounded.
        quantities: u, v and p of the whole flow.
        factors: what makes each difference satisfy the walls, by field.
    """

    problem: Problem
    quantities: Mapping[str, Any]
    factors: Mapping[str, Any]


def cavity(reynolds: float = 100.0, *, form: str = "streamfunction") -> Cavity:
    """Steady flow in the unit square whose lid y = 1 moves with speed 1; other walls are at rest.

    Where the lid meets a wall u jumps and p is unbounded as 1 / r. Stokes flow there is known
    exactly; it is blended to zero at the other walls and what is left is smooth. All walls are
    satisfied exactly.

    Args:
        reynolds: lid speed times side over viscosity, > 0; a reference is there for 100.
        form: "streamfunction" (psi, p) or "velocity" (u, v, p with continuity).

    Raises:
        DomainError: reynolds <= 0.
        UnknownNameError: another form.

    Source: Taylor 1962 (the scraper) for the corner flow; its use in a network is our choice.
    """
    if not reynolds > 0:
        raise DomainError(f"cavity: reynolds must be > 0; got {reynolds:g}.")
    if form not in FORMS:
        raise unknown_name("cavity", "form", form, FORMS)
    psi_0, p_0 = corner_flow()
    left, right = X**2 + (1 - Y) ** 2, (1 - X) ** 2 + (1 - Y) ** 2
    wall = 4 * X * (1 - X) * Y * (1 - Y)
    p = sympy.Function("p")(X, Y)
    fields: tuple[Any, ...]
    continuity: tuple[Any, ...]
    if form == "streamfunction":
        psi = sympy.Function("psi")(X, Y)
        u, v = psi_0.diff(Y) + psi.diff(Y), -psi_0.diff(X) - psi.diff(X)
        fields, continuity = (psi, p), ()
        factors = {"psi": wall**2 / ((left + CORNER**2 / 100) * (right + CORNER**2 / 100))}
    else:
        du, dv = (sympy.Function(name)(X, Y) for name in "uv")
        u, v = psi_0.diff(Y) + du, -psi_0.diff(X) + dv
        fields, continuity = (du, dv, p), (du.diff(X) + dv.diff(Y),)
        root = sympy.sqrt((left + CORNER**2 / 100) * (right + CORNER**2 / 100))
        factors = {"u": wall / root, "v": wall / root}
    weight = left * right / ((left + CORNER**2) * (right + CORNER**2))
    balance = momentum((X, Y), u, v, p_0 + p)
    problem = Problem(
        name="cavity",
        title=f"Lid-driven cavity at Re = {reynolds:g}",
        coordinates=(X, Y),
        fields=fields,
        equations=(*(weight * equation for equation in balance), *continuity),
        domain=Box(x=(0, 1), y=(0, 1)),
        parameters={LAMBDA_1: 1.0, LAMBDA_2: 1 / reynolds},
        reference=embedded_cavity() if math.isclose(reynolds, REFERENCE_REYNOLDS) else None,
        source="Ghia, Ghia, Shin 1982",
    )
    return Cavity(problem, {"u": u, "v": v, "p": p_0 + p}, factors)


def corner_flow() -> tuple[Any, Any]:
    """Streamfunction and pressure: Taylor's scraper in both lid corners, blended to the walls.

    psi = b Y + theta (c X + d Y),  p = -2 lambda_2 (c X + d Y) / r^2,
    X, Y the distances from the wall and from the lid, c = 1 / (pi^2 / 4 - 1), d = c pi / 2,
    b = -c pi^2 / 4. The second corner mirrors the first, with the sign of p reversed.

    u = 1 on the lid and u = v = 0 on the other walls hold exactly for the blended psi.
    """
    from_left, from_right = _scraper(X, 1 - Y), _scraper(1 - X, 1 - Y)
    to_right = (1 - X) ** 2 * (1 + 2 * X)  # from 1 to 0, flat at both ends
    upwards = Y**2 * (3 - 2 * Y)
    psi = upwards * (to_right * from_left[0] + (1 - to_right) * from_right[0])
    return psi, from_left[1] - from_right[1]


def _scraper(across: Any, below: Any) -> tuple[Any, Any]:
    c, d, b = _SLOPE, _SLOPE * math.pi / 2, -_SLOPE * math.pi**2 / 4
    mixed = c * across + d * below
    psi = b * below + sympy.atan2(below, across) * mixed
    return psi, -2 * LAMBDA_2 * mixed / (across**2 + below**2)
