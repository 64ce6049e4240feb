"""The problems stated for sciformer, each with its default settings and without its reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

import pinn
from benchmarks.beside.cases import FISHER_RATE, heat_samples


def burgers(seconds: float) -> Any:
    """u_t + u u_x = 0.01 / pi u_xx from -sin(pi x), 0 at both ends."""
    x, t = sympy.symbols("x t")
    u = sympy.Function("u")(x, t)
    problem = pinn.Problem(
        name="burgers",
        coordinates=(x, t),
        fields=u,
        equations=sympy.Eq(u.diff(t) + u * u.diff(x), 0.01 / sympy.pi * u.diff(x, 2)),
        domain=pinn.Box(x=(-1, 1), t=(0, 1)),
        conditions=(
            pinn.Condition(sympy.Eq(u, -sympy.sin(sympy.pi * x)), on="t=0"),
            pinn.Condition(sympy.Eq(u, 0), on="x=-1"),
            pinn.Condition(sympy.Eq(u, 0), on="x=1"),
        ),
    )
    solved = pinn.solve(problem, budget=seconds, progress=False)
    return lambda points: solved.solution(points)["u"][:, None]


def wave(seconds: float) -> Any:
    """u_tt = 4 u_xx from sin(pi x) + sin(3 pi x) / 2 at rest, 0 at both ends."""
    x, t = sympy.symbols("x t")
    u = sympy.Function("u")(x, t)
    start = sympy.sin(sympy.pi * x) + sympy.sin(3 * sympy.pi * x) / 2
    problem = pinn.Problem(
        name="wave",
        coordinates=(x, t),
        fields=u,
        equations=sympy.Eq(u.diff(t, 2), 4 * u.diff(x, 2)),
        domain=pinn.Box(x=(0, 1), t=(0, 1)),
        conditions=(
            pinn.Condition(sympy.Eq(u, start), on="t=0"),
            pinn.Condition(sympy.Eq(u.diff(t), 0), on="t=0"),
            pinn.Condition(sympy.Eq(u, 0), on="x=0"),
            pinn.Condition(sympy.Eq(u, 0), on="x=1"),
        ),
    )
    solved = pinn.solve(problem, budget=seconds, progress=False)
    return lambda points: solved.solution(points)["u"][:, None]


def poisson(seconds: float) -> Any:
    """-(u_xx + u_yy) = f in the unit square, 0 on its boundary."""
    x, y = sympy.symbols("x y")
    u = sympy.Function("u")(x, y)
    waves = 5 * sympy.pi**2 * sympy.sin(sympy.pi * x) * sympy.sin(2 * sympy.pi * y)
    source = waves + sympy.exp(x) * (x * (x + 3) * y * (1 - y) + 2 * x * (1 - x))
    problem = pinn.Problem(
        name="poisson",
        coordinates=(x, y),
        fields=u,
        equations=sympy.Eq(-u.diff(x, 2) - u.diff(y, 2), source),
        domain=pinn.Box(x=(0, 1), y=(0, 1)),
        conditions=[
            pinn.Condition(sympy.Eq(u, 0), on=side) for side in ("x=0", "x=1", "y=0", "y=1")
        ],
    )
    solved = pinn.solve(problem, budget=seconds, progress=False)
    return lambda points: solved.solution(points)["u"][:, None]


def fisher(seconds: float) -> Any:
    """u_t = u_xx + 6 u (1 - u), a wave that travels."""
    x, t = sympy.symbols("x t")
    u = sympy.Function("u")(x, t)
    front = 1 / (1 + sympy.exp(x - 5 * t)) ** 2
    problem = pinn.Problem(
        name="fisher",
        coordinates=(x, t),
        fields=u,
        equations=sympy.Eq(u.diff(t), u.diff(x, 2) + FISHER_RATE * u * (1 - u)),
        domain=pinn.Box(x=(-5, 10), t=(0, 1)),
        conditions=(
            pinn.Condition(sympy.Eq(u, front.subs(t, 0)), on="t=0"),
            pinn.Condition(sympy.Eq(u, front.subs(x, -5)), on="x=-5"),
            pinn.Condition(sympy.Eq(u, front.subs(x, 10)), on="x=10"),
        ),
    )
    solved = pinn.solve(problem, budget=seconds, progress=False)
    return lambda points: solved.solution(points)["u"][:, None]


def van_der_pol(seconds: float) -> Any:
    """q' = p, p' = (1 - q^2) p - q from (2, 0), to time 10."""
    t = sympy.symbols("t")
    q, p = (sympy.Function(name)(t) for name in "qp")
    problem = pinn.Problem(
        name="van-der-pol",
        coordinates=t,
        fields=(q, p),
        equations=(sympy.Eq(q.diff(t), p), sympy.Eq(p.diff(t), (1 - q**2) * p - q)),
        domain=pinn.Box(t=(0, 10)),
        conditions=(
            pinn.Condition(sympy.Eq(q, 2), on="t=0"),
            pinn.Condition(sympy.Eq(p, 0), on="t=0"),
        ),
    )
    solved = pinn.solve(problem, budget=seconds, progress=False)
    return lambda points: np.stack([solved.solution(points)[name] for name in "qp"], axis=-1)


def inverse_heat(seconds: float) -> tuple[float, float]:
    """The diffusivity a of u_t = a u_xx from 200 noisy samples, and the half of its interval."""
    points, values = heat_samples()
    x, t, a = sympy.symbols("x t a")
    u = sympy.Function("u")(x, t)
    problem = pinn.Problem(
        name="inverse-heat",
        coordinates=(x, t),
        fields=u,
        equations=sympy.Eq(u.diff(t), a * u.diff(x, 2)),
        domain=pinn.Box(x=(0, 1), t=(0, 1)),
        conditions=[pinn.Condition(sympy.Eq(u, 0), on=side) for side in ("x=0", "x=1")],
        unknown={a: pinn.Unknown(size=0.1, start=0.1)},
    )
    found = pinn.identify(problem, pinn.Cloud(points, {"u": values[:, 0]}), budget=seconds)
    low, high = found.interval("a")
    return found.values["a"], (high - low) / 2
