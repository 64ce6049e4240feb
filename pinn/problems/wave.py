"""Wave equation: a string that is plucked with two tones."""

from __future__ import annotations

import math

import sympy

from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from sciformer.errors import DomainError


def wave(squared_speed: float = 4.0) -> Problem:
    """u_tt = c^2 u_xx on x in [0, 1], t in [0, 1].

    u(x, 0) = sin(pi x) + sin(3 pi x) / 2,   u_t(x, 0) = 0,   u(0, t) = u(1, t) = 0, so
    u = sin(pi x) cos(pi c t) + sin(3 pi x) cos(3 pi c t) / 2.

    Args:
        squared_speed: c^2 > 0, dimensionless.

    Raises:
        DomainError: squared_speed <= 0.

    Source: Zhao, Ding, Prakash 2024 (arXiv 2307.11833), 1-D wave; after Wang, Yu, Perdikaris 2022.
    """
    if not squared_speed > 0:
        raise DomainError(f"wave: squared_speed must be > 0; got {squared_speed:g}.")
    x, t, square = sympy.symbols("x t c2")
    u = sympy.Function("u")(x, t)
    pi, c = sympy.pi, sympy.sqrt(square)
    tones = (sympy.sin(pi * x), sympy.sin(3 * pi * x) / 2)
    return Problem(
        name="wave",
        title="Wave equation",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t, 2), square * u.diff(x, 2)),),
        domain=Box(x=(0, 1), t=(0, 1)),
        conditions=(
            Condition(sympy.Eq(u, sum(tones)), on="t=0"),
            Condition(sympy.Eq(u.diff(t), 0), on="t=0"),
            Condition(sympy.Eq(u, 0), on="x=0"),
            Condition(sympy.Eq(u, 0), on="x=1"),
        ),
        frequency=1.2 * 3 * math.pi * math.sqrt(squared_speed),
        parameters={square: squared_speed},
        exact={u: tones[0] * sympy.cos(pi * c * t) + tones[1] * sympy.cos(3 * pi * c * t)},
        advice={"network": MLP.Sizes(width=16, layers=3)},
        source="Zhao, Ding, Prakash 2024",
    )
