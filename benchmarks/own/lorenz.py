"""Lorenz 1963 with rho = 15, from (-8, 7, 27) to time 3; reference by scipy."""

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from pinn import Box, Condition, Problem

t = sympy.Symbol("t")
x, y, z = (sympy.Function(name)(t) for name in "xyz")
START = -8, 7, 27


def reference(points):
    def rates(_, state):
        a, b, c = state
        return [10 * (b - a), a * (15 - c) - b, a * b - 8 / 3 * c]

    found = solve_ivp(rates, (0, 3), START, "DOP853", dense_output=True, rtol=1e-12, atol=1e-12)
    return dict(zip("xyz", found.sol(np.asarray(points)[:, 0]), strict=True))


lorenz = Problem(
    name="lorenz",
    coordinates=t,
    fields=(x, y, z),
    equations=(
        sympy.Eq(x.diff(t), 10 * (y - x)),
        sympy.Eq(y.diff(t), x * (15 - z) - y),
        sympy.Eq(z.diff(t), x * y - sympy.Rational(8, 3) * z),
    ),
    domain=Box(t=(0, 3)),
    conditions=[
        Condition(sympy.Eq(field, start), on="t=0")
        for field, start in zip((x, y, z), START, strict=True)
    ],
    reference=reference,
)
