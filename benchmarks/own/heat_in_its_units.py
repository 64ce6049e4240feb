"""u_t = 0.1 u_xx over 1 and 1 from 1: `heat_in_si` in its own units."""

import sympy

from pinn import Box, Condition, Problem

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
LENGTH, TIME, DIFFUSIVITY = 1, 1, sympy.Rational(1, 10)
mode = sympy.sin(sympy.pi * x / LENGTH)
heat_in_its_units = Problem(
    name="heat-in-its-units",
    coordinates=(x, t),
    fields=u,
    equations=sympy.Eq(u.diff(t), DIFFUSIVITY * u.diff(x, 2)),
    domain=Box(x=(0, LENGTH), t=(0, TIME)),
    conditions=(
        Condition(sympy.Eq(u, mode), on="t=0"),
        Condition(sympy.Eq(u, 0), on="x=0"),
        Condition(sympy.Eq(u, 0), on=f"x={LENGTH}"),
    ),
    exact={u: mode * sympy.exp(-(sympy.pi**2) * DIFFUSIVITY * t / LENGTH**2)},
)
