"""Burgers' equation from random periodic starts."""

from __future__ import annotations

import math
from typing import Any

import sympy

from pinn.families.distributions import GaussianField, LogUniform
from pinn.families.family import Family
from pinn.geometry.box import Box
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.references.families import burgers, forced_burgers


def burgers_family(viscosity: float = 0.01) -> Family:
    """u_t + u u_x = viscosity u_xx with period 1, t in [0, 1], from any smooth start.

    u(x, 0) ~ N(0, 625 (-Laplace + 25)^-4) as in PI-DeepONet's MATLAB code: waves of size
    sqrt(2) 625 ((2 pi n)^2 + 25)^-2.

    Args:
        viscosity: > 0, dimensionless.

    Source: Wang, Wang, Perdikaris 2021, section 4.3; the reference is Cole-Hopf.
    """
    sizes = [math.sqrt(2) * 625 * ((2 * math.pi * n) ** 2 + 25) ** -2 for n in range(1, 17)]
    start = GaussianField(
        length=0.2, std=math.hypot(*sizes), smoothness=4.0, constant=False, waves=16
    )
    x, t, nu = sympy.symbols("x t nu")
    u, given = sympy.Function("u")(x, t), sympy.Function("start")(x)
    problem = Problem(
        name="burgers-family",
        title="Burgers' equation from random starts",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t) + u * u.diff(x), nu * u.diff(x, 2)),),
        domain=Box(x=(0, 1), t=(0, 1)),
        conditions=(Condition(sympy.Eq(u, given), on="t=0"),),
        parameters={nu: viscosity},
        periodic=("x",),
        given=(given,),
        source="Wang, Wang, Perdikaris 2021 (PI-DeepONet), section 4.3",
    )
    return Family(
        problem, {given: start}, lambda members, points: burgers(members, points, viscosity)
    )


def forced_burgers_family() -> Family:
    """u_t + u u_x = nu u_xx + force(x) with period 1, t in [0, 1], rough starts, nu drawn.

    u(x, 0) has length 0.08, smoothness 2.5 and size 0.3, the force length 0.2 and size 0.2; nu is
    log-uniform in [0.005, 0.1]. There is no closed form; the reference is a Fourier method.

    Source: the starts of `operator` benchmarks after Li et al. 2021; the force is ours.
    """
    x, t, nu = sympy.symbols("x t nu")
    u = sympy.Function("u")(x, t)
    start, force = sympy.Function("start")(x), sympy.Function("force")(x)
    problem = Problem(
        name="forced-burgers-family",
        title="Burgers' equation with a random force and viscosity",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t) + u * u.diff(x), nu * u.diff(x, 2) + force),),
        domain=Box(x=(0, 1), t=(0, 1)),
        conditions=(Condition(sympy.Eq(u, start), on="t=0"),),
        periodic=("x",),
        given=(start, force, nu),
        source="a rough variant of PI-DeepONet's family",
    )
    draws: dict[Any, Any] = {
        start: GaussianField(length=0.25 / math.pi, std=0.3, smoothness=2.5, constant=False),
        force: GaussianField(length=0.2, std=0.2, smoothness=4.0, constant=False),
        nu: LogUniform(0.005, 0.1),
    }
    return Family(problem, draws, forced_burgers)
