"""(k u')' = 0 through two layers, k = 1 and then 10, with the flux as a field of its own."""

import sympy

from pinn import Box, Condition, Problem

x = sympy.Symbol("x")
u, q = (sympy.Function(name)(x) for name in "uq")
half = sympy.Rational(1, 2)
conductivity = sympy.Piecewise((1, x < half), (10, True))
flux = sympy.Rational(20, 11)
two_materials = Problem(
    name="two-materials",
    coordinates=x,
    fields=(u, q),
    equations=(sympy.Eq(q, conductivity * u.diff(x)), sympy.Eq(q.diff(x), 0)),
    domain=Box(x=(0, 1)),
    conditions=(Condition(sympy.Eq(u, 0), on="x=0"), Condition(sympy.Eq(u, 1), on="x=1")),
    exact={u: sympy.Piecewise((flux * x, x < half), (1 - flux * (1 - x) / 10, True)), q: flux},
)
