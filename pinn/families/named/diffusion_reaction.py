"""Diffusion and reaction driven by a random source."""

from __future__ import annotations

import sympy

from pinn.families.distributions import GaussianField
from pinn.families.family import Family
from pinn.geometry.box import Box
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.references.families import diffusion_reaction


def diffusion_reaction_family() -> Family:
    """u_t = 0.01 u_xx - 0.01 u^2 + source(x) on [0, 1], t in [0, 1]; u = 0 at the start and walls.

    The source has the covariance exp(-r^2 / (2 0.2^2)).

    Source: DeepXDE's example diffusion_reaction (zcs), after Wang, Wang, Perdikaris 2021.
    """
    x, t = sympy.symbols("x t")
    u, source = sympy.Function("u")(x, t), sympy.Function("source")(x)
    rate = sympy.Rational(1, 100)
    problem = Problem(
        name="diffusion-reaction-family",
        title="Diffusion and reaction with a random source",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t), rate * u.diff(x, 2) - rate * u**2 + source),),
        domain=Box(x=(0, 1), t=(0, 1)),
        conditions=(
            Condition(sympy.Eq(u, 0), on="t=0"),
            Condition(sympy.Eq(u, 0), on="x=0"),
            Condition(sympy.Eq(u, 0), on="x=1"),
        ),
        given=(source,),
        source="DeepXDE, example diffusion_reaction_1d_deeponet_zcs",
    )
    return Family(problem, {source: GaussianField(length=0.2)}, diffusion_reaction)
