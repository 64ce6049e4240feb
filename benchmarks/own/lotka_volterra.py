"""r' = 2 r - 0.04 r p, p' = 0.02 r p - 1.06 p from (100, 15), to time 10; reference by scipy."""

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from pinn import Box, Condition, Problem

t = sympy.Symbol("t")
prey, predators = (sympy.Function(name)(t) for name in "rp")


def reference(points):
    def rates(_, state):
        r, p = state
        return [2 * r - 0.04 * r * p, 0.02 * r * p - 1.06 * p]

    found = solve_ivp(rates, (0, 10), [100, 15], "DOP853", dense_output=True, rtol=1e-11, atol=1e-9)
    return dict(zip("rp", found.sol(np.asarray(points)[:, 0]), strict=True))


lotka_volterra = Problem(
    name="lotka-volterra",
    coordinates=t,
    fields=(prey, predators),
    equations=(
        sympy.Eq(prey.diff(t), 2 * prey - 0.04 * prey * predators),
        sympy.Eq(predators.diff(t), 0.02 * prey * predators - 1.06 * predators),
    ),
    domain=Box(t=(0, 10)),
    conditions=(
        Condition(sympy.Eq(prey, 100), on="t=0"),
        Condition(sympy.Eq(predators, 15), on="t=0"),
    ),
    reference=reference,
)
