"""Poisson's equation in the unit cube, a manufactured solution."""

import sympy

from pinn import Box, Condition, Problem

x, y, z = xyz = sympy.symbols("x y z")
u = sympy.Function("u")(*xyz)
known = sympy.sin(sympy.pi * x) * sympy.sin(2 * sympy.pi * y) * sympy.sin(sympy.pi * z)
poisson_3d = Problem(
    name="poisson-3d",
    coordinates=xyz,
    fields=u,
    equations=sympy.Eq(sum(u.diff(c, 2) for c in xyz), sum(known.diff(c, 2) for c in xyz)),
    domain=Box(x=(0, 1), y=(0, 1), z=(0, 1)),
    conditions=[Condition(sympy.Eq(u, 0), on=f"{c}={end}") for c in xyz for end in (0, 1)],
    exact={u: known},
)
