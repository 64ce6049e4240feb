"""Heat equation: two tones of temperature fade at different rates."""

from __future__ import annotations

import sympy

from pinn.geometry.box import Box
from pinn.networks import PhysicsFormer
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from sciformer.errors import DomainError


def heat(diffusivity: float = 0.05) -> Problem:
    """u_t = a u_xx on x in [0, 1], t in [0, 1].

    u(x, 0) = sin(pi x) + sin(3 pi x) / 3,   u(0, t) = u(1, t) = 0, so
    u = sin(pi x) e^(-a pi^2 t) + sin(3 pi x) e^(-9 a pi^2 t) / 3.

    Args:
        diffusivity: a > 0, dimensionless.

    Raises:
        DomainError: diffusivity <= 0.

    Source: Fourier 1822; the two tones are our choice.
    """
    if not diffusivity > 0:
        raise DomainError(
            f"heat: diffusivity must be > 0 (heat does not flow backwards); got {diffusivity:g}."
        )
    x, t, a = sympy.symbols("x t a")
    u = sympy.Function("u")(x, t)
    rate = a * sympy.pi**2
    tones = (sympy.sin(sympy.pi * x), sympy.sin(3 * sympy.pi * x) / 3)
    return Problem(
        name="heat",
        title="Heat equation",
        advice={"network": PhysicsFormer.Sizes()},
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t), a * u.diff(x, 2)),),
        domain=Box(x=(0, 1), t=(0, 1)),
        conditions=(
            Condition(sympy.Eq(u, sum(tones)), on="t=0"),
            Condition(sympy.Eq(u, 0), on="x=0"),
            Condition(sympy.Eq(u, 0), on="x=1"),
        ),
        parameters={a: diffusivity},
        exact={u: tones[0] * sympy.exp(-rate * t) + tones[1] * sympy.exp(-9 * rate * t)},
        source="Fourier 1822",
    )
