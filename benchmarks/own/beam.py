"""w_tt + w_xxxx = 0: the Euler-Bernoulli beam, simply supported, for one period of its mode."""

import sympy

from pinn import Box, Condition, Problem

x, t = sympy.symbols("x t")
w = sympy.Function("w")(x, t)
beam = Problem(
    name="beam",
    coordinates=(x, t),
    fields=w,
    equations=sympy.Eq(w.diff(t, 2) + w.diff(x, 4), 0),
    domain=Box(x=(0, 1), t=(0, 0.6)),
    conditions=(
        Condition(sympy.Eq(w, sympy.sin(sympy.pi * x)), on="t=0"),
        Condition(sympy.Eq(w.diff(t), 0), on="t=0"),
        *(
            Condition(sympy.Eq(moment, 0), on=f"x={end}")
            for end in (0, 1)
            for moment in (w, w.diff(x, 2))
        ),
    ),
    exact={w: sympy.sin(sympy.pi * x) * sympy.cos(sympy.pi**2 * t)},
)
