"""A channel whose inflow is not yet developed, with an open end."""

from __future__ import annotations

import sympy

from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.problems.navier_stokes import LAMBDA_1, LAMBDA_2, momentum
from sciformer.errors import DomainError

X, Y = sympy.symbols("x y")
LENGTH = 3.0  # in heights; at Re = 20 the flow is developed long before the end
# The mean speed is 1: 2 sin^2(pi y) enters, which is flat at the walls, and 6 y (1 - y) leaves.
INFLOW = 2 * sympy.sin(sympy.pi * Y) ** 2


def channel(reynolds: float = 20.0) -> Problem:
    """(u.grad) u + grad p = lap u / Re, div u = 0, in a channel of height 1 and length 3.

    u = 2 sin^2(pi y), v = 0 enters at x = 0; walls at y = 0 and y = 1 are at rest. At the open end
    x = 3 the flow is parallel and free of normal stress: v = 0 and u_x / Re = p.

    Args:
        reynolds: mean speed times height over viscosity, > 0. There is no reference; at the open
            end the flow is u = 6 y (1 - y) as long as reynolds is well below 50.

    Raises:
        DomainError: reynolds <= 0.

    Source: the open end of Heywood, Rannacher, Turek 1996; the inflow is our choice.
    """
    if not reynolds > 0:
        raise DomainError(f"channel: reynolds must be > 0; got {reynolds:g}.")
    u, v, p = (sympy.Function(name)(X, Y) for name in "uvp")
    end = f"x={LENGTH:g}"
    return Problem(
        name="channel",
        title=f"Channel with an open end at Re = {reynolds:g}",
        coordinates=(X, Y),
        fields=(u, v, p),
        equations=(*momentum((X, Y), u, v, p), u.diff(X) + v.diff(Y)),
        domain=Box(x=(0, LENGTH), y=(0, 1)),
        conditions=(
            Condition(sympy.Eq(u, INFLOW), on="x=0"),
            *(Condition(sympy.Eq(u, 0), on=part) for part in ("y=0", "y=1")),
            *(Condition(sympy.Eq(v, 0), on=part) for part in ("x=0", end, "y=0", "y=1")),
            Condition(sympy.Eq(LAMBDA_2 * u.diff(X), p), on=end),
        ),
        parameters={LAMBDA_1: 1.0, LAMBDA_2: 1 / reynolds},
        scales={"x": 0.5, "y": 0.5},
        advice={"network": MLP.Sizes(width=20, layers=3), "budget": 40.0},
        source="Heywood, Rannacher, Turek 1996",
    )
