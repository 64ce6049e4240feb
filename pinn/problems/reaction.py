"""Reaction: logistic growth at every point, without transport."""

from __future__ import annotations

import math

import sympy

from pinn.geometry.box import Box
from pinn.networks import PhysicsFormer
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem


def reaction(rho: float = 5.0) -> Problem:
    """u_t = rho u (1 - u) on x in [0, 2 pi], t in [0, 1].

    u(x, 0) = h = exp(-(x - pi)^2 / (2 (pi/4)^2)), so u = h / (h + (1 - h) e^(-rho t)).

    Args:
        rho: rate, dimensionless.

    Source: Krishnapriyan et al. 2021 (arXiv 2109.01050), section 3.2, without diffusion.
    Deviates: the periodic conditions are left out: the equation has no derivative in x, and the
        initial values have slopes of opposite sign at the two ends.
    """
    x, t, rate = sympy.symbols("x t rho")
    u = sympy.Function("u")(x, t)
    start = sympy.exp(-((x - sympy.pi) ** 2) / (2 * (sympy.pi / 4) ** 2))
    return Problem(
        name="reaction",
        title="Reaction",
        advice={"network": PhysicsFormer.Sizes()},
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t), rate * u * (1 - u)),),
        domain=Box(x=(0, 2 * math.pi), t=(0, 1)),
        conditions=(Condition(sympy.Eq(u, start), on="t=0"),),
        parameters={rate: rho},
        exact={u: start / (start + (1 - start) * sympy.exp(-rate * t))},
        source="Krishnapriyan et al. 2021, section 3.2",
    )
