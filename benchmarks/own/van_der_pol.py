"""q' = p, p' = (1 - q^2) p - q from (2, 0), to time 10; reference by scipy."""

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from pinn import Box, Condition, Problem

t = sympy.Symbol("t")
q, p = (sympy.Function(name)(t) for name in "qp")


def reference(points):
    def rates(_, state):
        return [state[1], (1 - state[0] ** 2) * state[1] - state[0]]

    found = solve_ivp(rates, (0, 10), [2, 0], "DOP853", dense_output=True, rtol=1e-12, atol=1e-12)
    return dict(zip("qp", found.sol(np.asarray(points)[:, 0]), strict=True))


van_der_pol = Problem(
    name="van-der-pol",
    coordinates=t,
    fields=(q, p),
    equations=(sympy.Eq(q.diff(t), p), sympy.Eq(p.diff(t), (1 - q**2) * p - q)),
    domain=Box(t=(0, 10)),
    conditions=(Condition(sympy.Eq(q, 2), on="t=0"), Condition(sympy.Eq(p, 0), on="t=0")),
    reference=reference,
)
