"""The heat equation from random starts, with a random diffusivity."""

from __future__ import annotations

from typing import Any

import sympy

from pinn.families.distributions import GaussianField, LogUniform
from pinn.families.family import Family
from pinn.geometry.box import Box
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.references.families import heat


def heat_family() -> Family:
    """u_t = a u_xx with period 1, t in [0, 1]; u(x, 0) a field of length 0.1, a in [0.002, 0.05].

    Linear with constant coefficients: the start of the answer is the solution itself, and nothing
    is left to learn.

    Source: Fourier 1822.
    """
    x, t, a = sympy.symbols("x t a")
    u, start = sympy.Function("u")(x, t), sympy.Function("start")(x)
    problem = Problem(
        name="heat-family",
        title="The heat equation from random starts",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t), a * u.diff(x, 2)),),
        domain=Box(x=(0, 1), t=(0, 1)),
        conditions=(Condition(sympy.Eq(u, start), on="t=0"),),
        periodic=("x",),
        given=(start, a),
        source="Fourier 1822",
    )
    draws: dict[Any, Any] = {
        start: GaussianField(length=0.1, smoothness=4.0),
        a: LogUniform(0.002, 0.05),
    }
    return Family(problem, draws, heat)
