"""u_xx + u_yy + 400 u = 0: a plane wave at 30 degrees through the unit square."""

import sympy

from pinn import Box, Condition, Problem

x, y = sympy.symbols("x y")
u = sympy.Function("u")(x, y)
wave = sympy.sin(20 * (sympy.sqrt(3) / 2 * x + y / 2))
helmholtz_20 = Problem(
    name="helmholtz-20",
    coordinates=(x, y),
    fields=u,
    equations=sympy.Eq(u.diff(x, 2) + u.diff(y, 2) + 400 * u, 0),
    domain=Box(x=(0, 1), y=(0, 1)),
    conditions=[
        Condition(sympy.Eq(u, wave.subs(axis, end)), on=f"{axis}={end}")
        for axis in (x, y)
        for end in (0, 1)
    ],
    exact={u: wave},
)
