"""u_t = u_xx + 6 u (1 - u): the front of Ablowitz and Zeppetella 1979."""

import sympy

from pinn import Box, Condition, Problem

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
front = 1 / (1 + sympy.exp(x - 5 * t)) ** 2
fisher_kpp = Problem(
    name="fisher-kpp",
    coordinates=(x, t),
    fields=u,
    equations=sympy.Eq(u.diff(t), u.diff(x, 2) + 6 * u * (1 - u)),
    domain=Box(x=(-5, 10), t=(0, 1)),
    conditions=(
        Condition(sympy.Eq(u, front.subs(t, 0)), on="t=0"),
        Condition(sympy.Eq(u, front.subs(x, -5)), on="x=-5"),
        Condition(sympy.Eq(u, front.subs(x, 10)), on="x=10"),
    ),
    exact={u: front},
)
