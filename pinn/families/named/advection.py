"""Transport of a sine by random velocities."""

from __future__ import annotations

import sympy

from pinn.families.distributions import GaussianField
from pinn.families.family import Family
from pinn.geometry.box import Box
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.references.families import advection


def advection_family() -> Family:
    """u_t + exp(v(x)) u_x = 0 with period 1, t in [0, 1], from sin(2 pi x).

    v is a field of length 0.2 and size 0.2: velocities of about 0.7 to 1.5.

    Source: the variable-coefficient advection of Wang, Wang, Perdikaris 2021, section 4.2.
    Deviates: periodic, and the velocity is positive by its exponential and not by a shift.
    """
    x, t = sympy.symbols("x t")
    u, v = sympy.Function("u")(x, t), sympy.Function("v")(x)
    problem = Problem(
        name="advection-family",
        title="Advection by a random velocity",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t) + sympy.exp(v) * u.diff(x), 0),),
        domain=Box(x=(0, 1), t=(0, 1)),
        conditions=(Condition(sympy.Eq(u, sympy.sin(2 * sympy.pi * x)), on="t=0"),),
        periodic=("x",),
        given=(v,),
        source="Wang, Wang, Perdikaris 2021 (PI-DeepONet), section 4.2",
    )
    return Family(problem, {v: GaussianField(length=0.2, std=0.2, smoothness=4.0)}, advection)
