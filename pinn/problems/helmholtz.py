"""Helmholtz' equation in a square, with waves of different length in both directions."""

from __future__ import annotations

import sympy

from pinn.geometry.box import Box
from pinn.networks import PhysicsFormer
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem


def helmholtz(wavenumber: float = 1.0, waves_x: float = 1.0, waves_y: float = 4.0) -> Problem:
    """u_xx + u_yy + k^2 u = q on [-1, 1]^2, u = 0 on the boundary.

    q belongs to u = sin(a_1 pi x) sin(a_2 pi y).

    Args:
        wavenumber: k, dimensionless.
        waves_x: a_1, a whole number.
        waves_y: a_2, a whole number.

    Source: Wang, Teng, Perdikaris 2021 (arXiv 2001.04536), section 4.1.
    """
    x, y, k = sympy.symbols("x y k")
    u = sympy.Function("u")(x, y)
    a, b = (sympy.nsimplify(n) * sympy.pi for n in (waves_x, waves_y))
    exact = sympy.sin(a * x) * sympy.sin(b * y)
    source = (k**2 - a**2 - b**2) * exact
    return Problem(
        name="helmholtz",
        title="Helmholtz' equation",
        advice={"network": PhysicsFormer.Sizes()},
        coordinates=(x, y),
        fields=(u,),
        equations=(sympy.Eq(u.diff(x, 2) + u.diff(y, 2) + k**2 * u, source),),
        domain=Box(x=(-1, 1), y=(-1, 1)),
        conditions=tuple(
            Condition(sympy.Eq(u, 0), on=part) for part in ("x=-1", "x=1", "y=-1", "y=1")
        ),
        parameters={k: wavenumber},
        exact={u: exact},
        source="Wang, Teng, Perdikaris 2021, section 4.1",
    )
