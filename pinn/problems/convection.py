"""Convection: a sine wave that moves without changing its shape."""

from __future__ import annotations

import math

import sympy

from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem


def convection(beta: float = 30.0) -> Problem:
    """u_t + beta u_x = 0 on x in [0, 2 pi], periodic, t in [0, 1].

    u(x, 0) = sin x, so u = sin(x - beta t).

    Args:
        beta: wave speed, dimensionless; 30 and 50 are the usual hard cases.

    Source: Krishnapriyan et al. 2021 (arXiv 2109.01050), section 3.1.
    """
    x, t, speed = sympy.symbols("x t beta")
    u = sympy.Function("u")(x, t)
    return Problem(
        name="convection",
        title="Convection",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t) + speed * u.diff(x), 0),),
        domain=Box(x=(0, 2 * math.pi), t=(0, 1)),
        conditions=(Condition(sympy.Eq(u, sympy.sin(x)), on="t=0"),),
        periodic=("x",),
        frequency=1.2 * abs(beta),
        parameters={speed: beta},
        exact={u: sympy.sin(x - speed * t)},
        advice={"network": MLP.Sizes(width=20, layers=3), "points": 2.0},
        source="Krishnapriyan et al. 2021, section 3.1",
    )
