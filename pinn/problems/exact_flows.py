"""Incompressible flows with known solutions: Kovasznay, Taylor-Green, Ethier-Steinman."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy

from pinn.geometry.box import Box
from pinn.networks import MLP, PhysicsFormer
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.references.taylor_green import MOST_REYNOLDS, TaylorGreen
from sciformer.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Sequence

x, y, z, t = sympy.symbols("x y z t")
nu = sympy.Symbol("nu")
_TURN = (0, 2 * math.pi)


def kovasznay(reynolds: float = 40.0) -> Problem:
    """Steady flow behind a grid: (u.grad) u + grad p = nu lap u, div u = 0, nu = 1/Re.

    u = 1 - e^(r x) cos(2 pi y),   v = r/(2 pi) e^(r x) sin(2 pi y),   p = (1 - e^(2 r x))/2,
    r = -4 pi^2 / (Re/2 + sqrt(Re^2/4 + 4 pi^2)),   on x in [-0.5, 1], y in [-0.5, 1.5].

    u and v are given on the boundary; p is determined up to a constant.

    Args:
        reynolds: Re > 0.

    Raises:
        DomainError: reynolds <= 0.

    Source: Kovasznay 1948, eqs. 1 to 3.
    """
    _refuse_not_positive("kovasznay", "reynolds", reynolds)
    velocity, p = _fields("uv", (x, y))
    u, v = velocity
    # Re/2 - sqrt(...) as a fraction: the difference cancels at large Reynolds numbers.
    r = -4 * sympy.pi**2 / (1 / (2 * nu) + sympy.sqrt(1 / (4 * nu**2) + 4 * sympy.pi**2))
    grown, angle = sympy.exp(r * x), 2 * sympy.pi * y
    exact = {
        u: 1 - grown * sympy.cos(angle),
        v: r / (2 * sympy.pi) * grown * sympy.sin(angle),
        p: (1 - grown**2) / 2,
    }
    return Problem(
        name="kovasznay",
        title="Kovasznay flow",
        advice={"network": PhysicsFormer.Sizes()},
        coordinates=(x, y),
        fields=(u, v, p),
        equations=_navier_stokes((x, y), velocity, p),
        domain=Box(x=(-0.5, 1), y=(-0.5, 1.5)),
        conditions=_given(velocity, exact, ("x=-0.5", "x=1", "y=-0.5", "y=1.5")),
        parameters={nu: 1 / reynolds},
        gauge=("p",),
        exact=exact,
        source="Kovasznay 1948",
    )


def taylor_green(viscosity: float = 0.01) -> Problem:
    """Decaying vortices: u_t + (u.grad) u + grad p = nu lap u, div u = 0, [0, 2 pi]^2, t in [0, 1].

    u = -cos x sin y e^(-2 nu t),   v = sin x cos y e^(-2 nu t),
    p = -(cos 2x + cos 2y)/4 e^(-4 nu t),   periodic in x and y.

    u and v are given at the start; p is determined up to a function of time.

    Args:
        viscosity: nu > 0, dimensionless.

    Raises:
        DomainError: viscosity <= 0.

    Source: Taylor, Green 1937, in the plane.
    """
    _refuse_not_positive("taylor-green", "viscosity", viscosity)
    velocity, p = _fields("uv", (x, y, t))
    u, v = velocity
    fading = sympy.exp(-2 * nu * t)
    exact = {
        u: -sympy.cos(x) * sympy.sin(y) * fading,
        v: sympy.sin(x) * sympy.cos(y) * fading,
        p: -(sympy.cos(2 * x) + sympy.cos(2 * y)) / 4 * fading**2,
    }
    return Problem(
        name="taylor-green",
        title="Taylor-Green vortices",
        advice={"network": PhysicsFormer.Sizes()},
        coordinates=(x, y, t),
        fields=(u, v, p),
        equations=_navier_stokes((x, y), velocity, p, t),
        domain=Box(x=(0, 2 * math.pi), y=(0, 2 * math.pi), t=(0, 1)),
        conditions=_given(velocity, exact, ("t=0",), start=True),
        periodic=("x", "y"),
        parameters={nu: viscosity},
        gauge=("p",),
        exact=exact,
        source="Taylor, Green 1937",
    )


def taylor_green_3d(reynolds: float = 20.0) -> Problem:
    """Vortices that stretch each other, (0, 2 pi)^3, t in [0, 1], periodic.

    u_t + (u.grad) u + grad p = lap u / Re, div u = 0;   at t = 0
    u = sin x cos y cos z,   v = -cos x sin y cos z,   w = 0

    p is determined up to a function of time. There is no closed form: the reference is a Fourier
    method of its own.

    Args:
        reynolds: 0 < Re <= 100; waves of larger ones are finer than the reference's.

    Raises:
        DomainError: another Reynolds number.

    Source: Taylor, Green 1937, in space; units as Brachet and others 1983.
    """
    if not 0 < reynolds <= MOST_REYNOLDS:
        raise DomainError(
            f"taylor-green-3d: reynolds must lie in (0, {MOST_REYNOLDS:g}]; got {reynolds:g}."
        )
    space = (x, y, z)
    velocity, p = _fields("uvw", (*space, t))
    start = (
        sympy.sin(x) * sympy.cos(y) * sympy.cos(z),
        -sympy.cos(x) * sympy.sin(y) * sympy.cos(z),
        sympy.Integer(0),
    )
    return Problem(
        name="taylor-green-3d",
        title="Taylor-Green vortices in space",
        coordinates=(*space, t),
        fields=(*velocity, p),
        equations=_navier_stokes(space, velocity, p, t),
        domain=Box(x=_TURN, y=_TURN, z=_TURN, t=(0, 1)),
        conditions=tuple(
            Condition(sympy.Eq(v, s), on="t=0") for v, s in zip(velocity, start, strict=True)
        ),
        periodic=("x", "y", "z"),
        parameters={nu: 1 / reynolds},
        gauge=("p",),
        reference=TaylorGreen(float(reynolds)),
        source="Taylor, Green 1937",
    )


def ethier_steinman(viscosity: float = 1.0) -> Problem:
    """A flow in the cube [-1, 1]^3 for t in [0, 1] in which every term of the equations matters.

    u = -a [e^(a x) sin(a y + d z) + e^(a z) cos(a x + d y)] e^(-nu d^2 t), and v, w by rotating
    x -> y -> z -> x; a = pi/4, d = pi/2.

    u, v and w are given at the start and on the sides; p is determined up to a function of time.

    Args:
        viscosity: nu > 0, dimensionless.

    Raises:
        DomainError: viscosity <= 0.

    Source: Ethier, Steinman 1994, eqs. 8 to 11 (there nu = 1).
    """
    _refuse_not_positive("ethier-steinman", "viscosity", viscosity)
    space, a, d = (x, y, z), sympy.pi / 4, sympy.pi / 2
    velocity, p = _fields("uvw", (x, y, z, t))
    exact: dict[Any, Any] = {}
    pressure: Any = 0
    for index, component in enumerate(velocity):
        one, two, three = (space[(index + shift) % 3] for shift in range(3))
        exact[component] = (
            -a
            * (
                sympy.exp(a * one) * sympy.sin(a * two + d * three)
                + sympy.exp(a * three) * sympy.cos(a * one + d * two)
            )
            * sympy.exp(-nu * d**2 * t)
        )
        pressure += sympy.exp(2 * a * one) + 2 * sympy.exp(a * (two + three)) * sympy.sin(
            a * one + d * two
        ) * sympy.cos(a * three + d * one)
    exact[p] = -(a**2) / 2 * pressure * sympy.exp(-2 * nu * d**2 * t)
    sides = tuple(f"{name}={end}" for name in "xyz" for end in (-1, 1))
    return Problem(
        name="ethier-steinman",
        title="Ethier-Steinman flow",
        advice={"network": MLP.Sizes()},
        coordinates=(x, y, z, t),
        fields=(*velocity, p),
        equations=_navier_stokes(space, velocity, p, t),
        domain=Box(x=(-1, 1), y=(-1, 1), z=(-1, 1), t=(0, 1)),
        conditions=(
            *_given(velocity, exact, ("t=0",), start=True),
            *_given(velocity, exact, sides),
        ),
        parameters={nu: viscosity},
        gauge=("p",),
        exact=exact,
        source="Ethier, Steinman 1994",
    )


def _fields(names: str, coordinates: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
    """Velocity components and the pressure."""
    return tuple(sympy.Function(n)(*coordinates) for n in names), sympy.Function("p")(*coordinates)


def _navier_stokes(
    space: Sequence[Any], velocity: Sequence[Any], p: Any, time: Any = None
) -> tuple[Any, ...]:
    """Momentum in each direction, then continuity; steady without a time."""
    momentum = []
    for component, along in zip(velocity, space, strict=True):
        rate = 0 if time is None else component.diff(time)
        convection = sum(v * component.diff(s) for v, s in zip(velocity, space, strict=True))
        laplacian = sum(component.diff(s, 2) for s in space)
        momentum.append(sympy.Eq(rate + convection + p.diff(along), nu * laplacian))
    divergence = sum(v.diff(s) for v, s in zip(velocity, space, strict=True))
    return (*momentum, sympy.Eq(divergence, 0))


def _given(
    velocity: Sequence[Any], exact: dict[Any, Any], parts: Sequence[str], *, start: bool = False
) -> tuple[Condition, ...]:
    """The exact velocity on parts of the boundary."""
    return tuple(
        Condition(sympy.Eq(v, exact[v].subs(t, 0) if start else exact[v]), on=part)
        for part in parts
        for v in velocity
    )


def _refuse_not_positive(who: str, name: str, value: float) -> None:
    if not value > 0:
        raise DomainError(f"{who}: {name} must be > 0; got {value:g}.")
