"""The lid-driven cavity: a sliding lid, with Stokes flow in its corners, or a regularised one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Ansatz, Condition
from pinn.problem.problem import Problem
from pinn.problems.navier_stokes import FORMS, LAMBDA_1, LAMBDA_2, Flow, momentum
from pinn.references.cavity import REYNOLDS, embedded_cavity
from pinn.references.regularised_cavity import MOST_REYNOLDS, RegularisedCavity
from pinn.sampling.schedule import Schedule, Stage
from sciformer.errors import DomainError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

CORNER = 0.1  # distance from a corner within which residuals count less
UNKNOWN = 0.02  # distance from a corner within which a spline through the jump means little
X, Y = sympy.symbols("x y")
WALLS = ("x=0", "x=1", "y=0", "y=1")
WALL = 4 * X * (1 - X) * Y * (1 - Y)  # 0 on all walls, 1/4 at the centre
SCALES = {"x": 0.3, "y": 0.3}  # of the vortices, by eye
# Found by trials against the reference at Re = 100.
ADVICE = {
    "network": MLP.Sizes(width=24, layers=3),
    "schedule": Schedule((Stage(0, 400), Stage(20, 1000), Stage(40, 2000)), final=Stage(0, 4000)),
    "spread": True,
    "budget": 120.0,
}
_SLOPE = 1 / (math.pi**2 / 4 - 1)  # the constant of Taylor's solution


def cavity(reynolds: float = 100.0, form: str = "streamfunction", lid: str = "sliding") -> Problem:
    """Steady flow in the unit square whose lid y = 1 moves; other walls are at rest.

    u = 1 on the lid "sliding", and u = 16 x^2 (1 - x)^2 on the lid "regularised". Where a sliding
    lid meets a wall u jumps and p is unbounded as 1 / r. Stokes flow there is known exactly; it is
    blended to zero at the other walls and what is left is smooth. The fields are what is left, the
    quantities u, v and p those of the whole flow. All walls are satisfied exactly. With a sliding
    lid equations are multiplied by r^2 / (r^2 + 0.01) for the distance r from either lid corner.

    Args:
        reynolds: the unit speed times the side over viscosity, > 0. A sliding lid has a reference
            for 100, 400 and 1000, a regularised one for any up to 1000.
        form: "streamfunction" (psi, p) or "velocity" (u, v, p with continuity).
        lid: "sliding" or "regularised".

    Raises:
        DomainError: reynolds <= 0.
        UnknownNameError: another form or lid.

    Source: Taylor 1962 (the scraper) for the corner flow, Shen 1991 for the regularised lid; the
        use of the former in a network is our choice.
    """
    if not reynolds > 0:
        raise DomainError(f"cavity: reynolds must be > 0; got {reynolds:g}.")
    if form not in FORMS:
        raise unknown_name("cavity", "form", form, FORMS)
    if lid not in LIDS:
        raise unknown_name("cavity", "lid", lid, LIDS)
    driven = LIDS[lid]()
    rest, walls = _REST[form](driven.near)
    u = driven.psi.diff(Y) + rest.quantities["u"]
    v = -driven.psi.diff(X) + rest.quantities["v"]
    p = rest.quantities["p"]
    balance = momentum((X, Y), u, v, driven.p + p)
    return Problem(
        name="cavity",
        title=f"Lid-driven cavity at Re = {reynolds:g}, {lid} lid",
        coordinates=(X, Y),
        fields=rest.fields,
        # After the two components of momentum comes continuity, if the form needs it.
        equations=(*(driven.weight * equation for equation in balance), *rest.equations[2:]),
        domain=Box(x=(0, 1), y=(0, 1)),
        conditions=tuple(Condition(sympy.Eq(held, 0), on=part) for held, part in walls.conditions),
        # The pressure is left as the network gives it: all fields are of size 1.
        ansatz={field: Ansatz(0, walls.factors.get(field, 1)) for field in rest.fields},
        parameters={LAMBDA_1: 1.0, LAMBDA_2: 1 / reynolds},
        quantities={"u": u, "v": v, "p": driven.p + p},
        gauge=("p",),
        scales=SCALES,
        # Near a sliding lid's corners terms cancel that are large: their sizes would say nothing.
        residual_sizes=(1.0,) * (len(rest.equations)),
        reference=driven.reference(reynolds),
        advice=ADVICE,
        source=driven.source,
    )


@dataclass(frozen=True)
class KnownCavity:
    """The finite-element reference of a sliding lid; NaN near the lid's corners.

    Args:
        reynolds: one of `pinn.references.cavity.REYNOLDS`.
    """

    reynolds: int

    def __call__(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """u, v and p at points (p, 2)."""
        x, y = np.asarray(points, dtype=np.float64).T
        distance = np.hypot(np.minimum(x, 1 - x), 1 - y)
        is_known = distance > UNKNOWN
        return {
            name: np.where(is_known, values, np.nan)
            for name, values in embedded_cavity(self.reynolds)(points).items()
        }


@dataclass(frozen=True)
class _Lid:
    """The part of a flow that is known before it is solved.

    Args:
        psi, p: a flow that moves as the lid does on it and rests on the other walls.
        weight: factor of the momentum equations.
        near: small near corners where what is left may vary fast; factors are divided by it.
        reference: of a Reynolds number, or None.
        source: where the problem was stated.
    """

    psi: Any
    p: Any
    weight: Any
    near: Any
    reference: Callable[[float], Any]
    source: str


def _sliding() -> _Lid:
    left, right = X**2 + (1 - Y) ** 2, (1 - X) ** 2 + (1 - Y) ** 2
    psi, p = corner_flow()
    return _Lid(
        psi=psi,
        p=p,
        weight=left * right / ((left + CORNER**2) * (right + CORNER**2)),
        near=(left + CORNER**2 / 100) * (right + CORNER**2 / 100),
        reference=lambda reynolds: next(
            (KnownCavity(known) for known in REYNOLDS if math.isclose(reynolds, known)), None
        ),
        source="Ghia, Ghia, Shin 1982",
    )


def _regularised() -> _Lid:
    """psi = 16 x^2 (1 - x)^2 (y^3 - y^2), which is 0 and flat on all walls but the lid."""
    return _Lid(
        psi=16 * X**2 * (1 - X) ** 2 * (Y**3 - Y**2),
        p=sympy.Integer(0),
        weight=sympy.Integer(1),
        near=sympy.Integer(1),
        reference=lambda reynolds: (
            RegularisedCavity(float(reynolds)) if reynolds <= MOST_REYNOLDS else None
        ),
        source="Shen 1991",
    )


LIDS: dict[str, Callable[[], _Lid]] = {"sliding": _sliding, "regularised": _regularised}


@dataclass(frozen=True)
class _Walls:
    """Fields that vanish on each wall, and the factor of each field that makes it so."""

    conditions: list[tuple[Any, str]]
    factors: dict[Any, Any]


def _streamfunction(near: Any) -> tuple[Flow, _Walls]:
    """The form of psi and p: psi and its slope vanish on all walls."""
    rest = FORMS["streamfunction"](steady=True)
    psi = rest.fields[0]
    slopes = [(psi.diff(X if wall[0] == "x" else Y), wall) for wall in WALLS]
    return rest, _Walls([*((psi, wall) for wall in WALLS), *slopes], {psi: WALL**2 / near})


def _velocity(near: Any) -> tuple[Flow, _Walls]:
    """The form of u, v and p: both components vanish on all walls."""
    rest = FORMS["velocity"](steady=True)
    u, v, _ = rest.fields
    near = sympy.sqrt(near)
    conditions = [(component, wall) for component in (u, v) for wall in WALLS]
    return rest, _Walls(conditions, {u: WALL / near, v: WALL / near})


_REST = {"streamfunction": _streamfunction, "velocity": _velocity}


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
