"""Small families that the tests share."""

from __future__ import annotations

import pytest
import sympy

import pinn
from pinn.families.family import Family


def decaying(walls: bool = False) -> Family:
    """u_t = a u_xx - b u + c u_x - k u^2 + force, with numbers unlike each other."""
    x, t, a = sympy.symbols("x t a")
    u = sympy.Function("u")(x, t)
    start, force = sympy.Function("start")(x), sympy.Function("force")(x)
    right = a * u.diff(x, 2) - 0.7 * u + 0.3 * u.diff(x) - 0.5 * u**2 + 1.1 * force
    problem = pinn.Problem(
        name="decaying",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t), right),),
        domain=pinn.Box(x=(-0.5, 1.5), t=(0.25, 1)),
        conditions=(pinn.Condition(sympy.Eq(u, start), on="t=0.25"),),
        periodic=("x",),
        given=(start, force, a),
    )
    field = pinn.GaussianField(length=0.4, std=0.5, smoothness=3.0, waves=5)
    return pinn.Family(problem, {start: field, force: field, a: pinn.LogUniform(0.01, 0.05)})


@pytest.fixture
def family() -> Family:
    """See `decaying`."""
    return decaying()
