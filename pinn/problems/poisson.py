"""Poisson's equation in the unit square, with a source that is not symmetric."""

from __future__ import annotations

import sympy

from pinn.geometry.box import Box
from pinn.networks import PhysicsFormer
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem


def poisson() -> Problem:
    """-(u_xx + u_yy) = f on [0, 1]^2, u = 0 on the boundary.

    f belongs to u = sin(pi x) sin(2 pi y) + x (1 - x) y (1 - y) e^x.

    Source: a manufactured solution of ours.
    """
    x, y = sympy.symbols("x y")
    u = sympy.Function("u")(x, y)
    exact = sympy.sin(sympy.pi * x) * sympy.sin(2 * sympy.pi * y)
    exact += x * (1 - x) * y * (1 - y) * sympy.exp(x)
    source = -exact.diff(x, 2) - exact.diff(y, 2)
    return Problem(
        name="poisson",
        title="Poisson's equation",
        advice={"network": PhysicsFormer.Sizes()},
        coordinates=(x, y),
        fields=(u,),
        equations=(sympy.Eq(-u.diff(x, 2) - u.diff(y, 2), source),),
        domain=Box(x=(0, 1), y=(0, 1)),
        conditions=tuple(
            Condition(sympy.Eq(u, 0), on=part) for part in ("x=0", "x=1", "y=0", "y=1")
        ),
        exact={u: exact},
        source="manufactured",
    )
