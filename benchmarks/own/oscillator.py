"""u'' + u = 0 to time 100, sixteen periods."""

import sympy

from pinn import Box, Condition, Problem

t = sympy.Symbol("t")
u = sympy.Function("u")(t)
oscillator = Problem(
    name="oscillator",
    coordinates=t,
    fields=u,
    equations=sympy.Eq(u.diff(t, 2) + u, 0),
    domain=Box(t=(0, 100)),
    conditions=(
        Condition(sympy.Eq(u, 1), on="t=0"),
        Condition(sympy.Eq(u.diff(t), 0), on="t=0"),
    ),
    exact={u: sympy.cos(t)},
)
