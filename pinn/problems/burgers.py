"""Burgers' equation: a sine wave steepens into a front of width 2 viscosity."""

from __future__ import annotations

import math

import sympy

from pinn.geometry.box import Box
from pinn.networks import PhysicsFormer
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.references.cole_hopf import ColeHopf
from sciformer.errors import DomainError


def burgers(viscosity: float = 0.01 / math.pi) -> Problem:
    """u_t + u u_x = viscosity u_xx on x in [-1, 1], t in [0, 1].

    u(x, 0) = -sin(pi x),   u(-1, t) = u(1, t) = 0.

    Args:
        viscosity: > 0, dimensionless.

    Raises:
        DomainError: viscosity <= 0 or too small for the reference's quadrature.

    Source: Basdevant et al. 1986; Raissi, Perdikaris, Karniadakis 2019, appendix A.1.
    """
    if not viscosity > 0:
        raise DomainError(
            f"burgers: viscosity must be > 0 (without it the solution has shocks that a residual "
            f"cannot see); got {viscosity:g}."
        )
    x, t, nu = sympy.symbols("x t nu")
    u = sympy.Function("u")(x, t)
    return Problem(
        name="burgers",
        title="Burgers' equation",
        advice={"network": PhysicsFormer.Sizes()},
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t) + u * u.diff(x), nu * u.diff(x, 2)),),
        domain=Box(x=(-1, 1), t=(0, 1)),
        conditions=(
            Condition(sympy.Eq(u, -sympy.sin(sympy.pi * x)), on="t=0"),
            Condition(sympy.Eq(u, 0), on="x=-1"),
            Condition(sympy.Eq(u, 0), on="x=1"),
        ),
        parameters={nu: viscosity},
        reference=ColeHopf(viscosity),
        source="Basdevant et al. 1986; Raissi, Perdikaris, Karniadakis 2019, appendix A.1",
    )
