"""Robertson's kinetics, rates 0.04, 3e7 and 1e4, to time 1000; reference by scipy."""

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from pinn import Box, Condition, Problem

t = sympy.Symbol("t")
a, b, c = (sympy.Function(name)(t) for name in "abc")


def reference(points):
    def rates(_, state):
        slow, fast, back = 0.04 * state[0], 3e7 * state[1] ** 2, 1e4 * state[1] * state[2]
        return [back - slow, slow - fast - back, fast]

    found = solve_ivp(
        rates, (0, 1000), [1, 0, 0], "Radau", dense_output=True, rtol=1e-9, atol=1e-12
    )
    return dict(zip("abc", found.sol(np.asarray(points)[:, 0]), strict=True))


robertson = Problem(
    name="robertson",
    coordinates=t,
    fields=(a, b, c),
    equations=(
        sympy.Eq(a.diff(t), 1e4 * b * c - 0.04 * a),
        sympy.Eq(b.diff(t), 0.04 * a - 3e7 * b**2 - 1e4 * b * c),
        sympy.Eq(c.diff(t), 3e7 * b**2),
    ),
    domain=Box(t=(0, 1000)),
    conditions=[
        Condition(sympy.Eq(field, start), on="t=0") for field, start in ((a, 1), (b, 0), (c, 0))
    ],
    reference=reference,
)
