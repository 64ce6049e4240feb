"""u_t = 0.1 u_xx over 1e6 m and 1e12 s from 500 K: `heat_in_its_units` in metres and seconds."""

import sympy

from pinn import Box, Condition, Problem

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
LENGTH, TIME, DIFFUSIVITY = 10**6, 10**12, sympy.Rational(1, 10)
mode = 500 * sympy.sin(sympy.pi * x / LENGTH)
heat_in_si = Problem(
    name="heat-in-si",
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
