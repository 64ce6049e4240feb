"""w'''' = 1 + x of a static cantilever, clamped at 0 and free at 1."""

import sympy

from pinn import Box, Condition, Problem

x = sympy.Symbol("x")
w = sympy.Function("w")(x)
cantilever = Problem(
    name="cantilever",
    coordinates=x,
    fields=w,
    equations=sympy.Eq(w.diff(x, 4), 1 + x),
    domain=Box(x=(0, 1)),
    conditions=(
        Condition(sympy.Eq(w, 0), on="x=0"),
        Condition(sympy.Eq(w.diff(x), 0), on="x=0"),
        Condition(sympy.Eq(w.diff(x, 2), 0), on="x=1"),
        Condition(sympy.Eq(w.diff(x, 3), 0), on="x=1"),
    ),
    exact={w: x**5 / 120 + x**4 / 24 - x**3 / 4 + 5 * x**2 / 12},
)
