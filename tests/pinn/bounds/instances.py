"""Random problems with known solutions, and random trial solutions with known errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import torch

from pinn.assembly import build_trial
from pinn.bounds.bounding import bound_errors
from pinn.bounds.correcting import correction, least
from pinn.bounds.error_bound import Norm
from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Ansatz, Condition
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.solution import Solution

x, y, t = sympy.symbols("x y t")
u = sympy.Function("u")(x, t)
w = sympy.Function("w")(x, y)


@dataclass(frozen=True)
class Draw:
    """Random numbers of one instance, short decimals so that formulas stay short."""

    generator: np.random.Generator

    def number(self, low: float, high: float) -> Any:
        return sympy.Rational(round(float(self.generator.uniform(low, high)), 3)).limit_denominator(
            1000
        )

    def integer(self, low: int, high: int) -> int:
        return int(self.generator.integers(low, high + 1))


def forced(
    operator: Callable[[Any], Any], exact: Any, walls: dict[str, Any], **given: Any
) -> Problem:
    """operator(u) = f with the f that belongs to `exact`; walls: parts, and what holds there."""
    source = operator(exact)
    field = given.pop("field", u)
    conditions = [
        Condition(sympy.Eq(of(field), of(exact).subs(symbol, value)), on=f"{symbol}={value}")
        for (symbol, value), of in walls.items()
    ]
    symbols = (x, t) if field == u else (x, y)
    return Problem(
        name="instance",
        coordinates=symbols,
        fields=(field,),
        equations=(sympy.Eq(operator(field), sympy.expand(source)),),
        conditions=tuple(conditions),
        exact={field: exact},
        **given,
    )


def value(field: Any) -> Any:
    return field


def slope(field: Any) -> Any:
    return field.diff(x)


CLOSED = {(t, 0): value, (x, 0): value, (x, 1): value}


def _waves(draw: Draw) -> Any:
    """A few decaying tones that vanish at x = 0 and 1."""
    return sum(
        draw.number(-1, 1) * sympy.sin(k * sympy.pi * x) * sympy.exp(-draw.number(0, 2) * t)
        for k in range(1, 4)
    )


def _travelling(draw: Draw) -> Any:
    """A few tones of period 1 in x that travel."""
    return draw.number(-1, 1) + sum(
        draw.number(-1, 1) * sympy.sin(2 * sympy.pi * k * x - draw.number(-3, 3) * t + k)
        for k in range(1, 3)
    )


def heat(draw: Draw) -> Problem:
    a = draw.number(0.02, 1)
    return forced(
        lambda f: f.diff(t) - a * f.diff(x, 2), _waves(draw), CLOSED, domain=Box(x=(0, 1), t=(0, 1))
    )


def heat_with_insulated_end(draw: Draw) -> Problem:
    a, exact = draw.number(0.02, 1), _waves(draw) + draw.number(-1, 1) * x**2
    walls = {(t, 0): value, (x, 0): value, (x, 1): slope}
    return forced(
        lambda f: f.diff(t) - a * f.diff(x, 2), exact, walls, domain=Box(x=(0, 1), t=(0, 1))
    )


def heat_that_leaks(draw: Draw) -> Problem:
    a, h, exact = draw.number(0.02, 1), draw.number(0.1, 3), _waves(draw) + draw.number(-1, 1) * x
    walls = {(t, 0): value, (x, 0): value, (x, 1): lambda f: f.diff(x) + h * f}
    return forced(
        lambda f: f.diff(t) - a * f.diff(x, 2), exact, walls, domain=Box(x=(0, 1), t=(0, 1))
    )


def uneven_diffusion(draw: Draw) -> Problem:
    a = draw.number(0.2, 1) * (1 + x**2 / 2)
    return forced(
        lambda f: f.diff(t) - a * f.diff(x, 2),
        _waves(draw),
        CLOSED,
        domain=Box(x=(0, 1), t=(0, 1)),
    )


def advection_diffusion(draw: Draw) -> Problem:
    nu, c = draw.number(0.001, 0.1), draw.number(-2, 2) * (1 + sympy.sin(2 * sympy.pi * x) / 2)
    return forced(
        lambda f: f.diff(t) + c * f.diff(x) - nu * f.diff(x, 2),
        _travelling(draw),
        {(t, 0): value},
        domain=Box(x=(0, 1), t=(0, 1)),
        periodic=("x",),
    )


def inflow(draw: Draw) -> Problem:
    c = draw.number(0.2, 3)
    return forced(
        lambda f: f.diff(t) + c * f.diff(x),
        _travelling(draw),
        {(t, 0): value, (x, 0): value},
        domain=Box(x=(0, 1), t=(0, 1)),
    )


def burgers(draw: Draw) -> Problem:
    nu = draw.number(0.01, 0.3)
    return _perturbed(
        draw,
        lambda f: f.diff(t) + f * f.diff(x) - nu * f.diff(x, 2),
        _travelling(draw),
        t,
        {(t, 0): value},
        periodic=("x",),
    )


def burgers_between_walls(draw: Draw) -> Problem:
    nu = draw.number(0.01, 0.3)
    return _perturbed(
        draw,
        lambda f: f.diff(t) + f * f.diff(x) - nu * f.diff(x, 2),
        _waves(draw),
        t * x * (1 - x),
        CLOSED,
    )


def cubic_flux(draw: Draw) -> Problem:
    nu = draw.number(0.01, 0.3)
    return _perturbed(
        draw,
        lambda f: f.diff(t) + f**2 * f.diff(x) - nu * f.diff(x, 2),
        _travelling(draw),
        t,
        {(t, 0): value},
        periodic=("x",),
    )


def fisher(draw: Draw) -> Problem:
    nu, rho = draw.number(0.01, 0.3), draw.number(0.5, 5)
    return _perturbed(
        draw,
        lambda f: f.diff(t) - nu * f.diff(x, 2) - rho * f * (1 - f),
        _waves(draw),
        t * x * (1 - x),
        CLOSED,
    )


def allen_cahn(draw: Draw) -> Problem:
    nu, rho = draw.number(0.001, 0.1), draw.number(0.5, 4)
    return _perturbed(
        draw,
        lambda f: f.diff(t) - nu * f.diff(x, 2) - rho * (f - f**3),
        _travelling(draw),
        t,
        {(t, 0): value},
        periodic=("x",),
    )


def logistic(draw: Draw) -> Problem:
    rho = draw.number(0.5, 5)
    return _perturbed(
        draw, lambda f: f.diff(t) - rho * f * (1 - f), _travelling(draw), t, {(t, 0): value}
    )


def wave(draw: Draw) -> Problem:
    c2, damping, mass = draw.number(0.2, 3), draw.number(0, 1), draw.number(0, 2)
    walls = {**CLOSED}
    problem = forced(
        lambda f: f.diff(t, 2) + damping * f.diff(t) - c2 * f.diff(x, 2) + mass * f,
        _waves(draw),
        walls,
        domain=Box(x=(0, 1), t=(0, 1)),
    )
    [exact] = problem.exact.values()
    start = Condition(sympy.Eq(u.diff(t), exact.diff(t).subs(t, 0)), on="t=0")
    return Problem(
        **{
            **{name: getattr(problem, name) for name in ("name", "coordinates", "fields")},
            "equations": problem.equations,
            "domain": problem.domain,
            "conditions": (*problem.conditions, start),
            "exact": problem.exact,
        }
    )


PLATE = {(x, 0): value, (x, 1): value, (y, 0): value, (y, 1): value}


def _plate(draw: Draw) -> Any:
    return sum(
        draw.number(-1, 1) * sympy.sin(j * sympy.pi * x) * sympy.sin(k * sympy.pi * y)
        for j in (1, 2)
        for k in (1, 2)
    )


def poisson(draw: Draw) -> Problem:
    a, b = draw.number(0.2, 2), draw.number(0.2, 2)
    return forced(
        lambda f: -a * f.diff(x, 2) - b * f.diff(y, 2),
        _plate(draw),
        PLATE,
        domain=Box(x=(0, 1), y=(0, 1)),
        field=w,
    )


def helmholtz(draw: Draw) -> Problem:
    k2 = draw.number(0, 120)
    return forced(
        lambda f: f.diff(x, 2) + f.diff(y, 2) + k2 * f,
        _plate(draw),
        PLATE,
        domain=Box(x=(0, 1), y=(0, 1)),
        field=w,
    )


def coercive(draw: Draw) -> Problem:
    b, q = draw.number(-2, 2), draw.number(0, 3)
    return forced(
        lambda f: -f.diff(x, 2) - (1 + x * y) * f.diff(y, 2) + b * f.diff(x) + q * (1 + x) * f,
        _plate(draw),
        PLATE,
        domain=Box(x=(0, 1), y=(0, 1)),
        field=w,
    )


def semilinear(draw: Draw) -> Problem:
    q = draw.number(0, 3)
    return _perturbed(
        draw,
        lambda f: -f.diff(x, 2) - f.diff(y, 2) + q * f**3,
        _plate(draw),
        16 * x * (1 - x) * y * (1 - y),
        PLATE,
        field=w,
    )


LINEAR = (
    heat,
    heat_with_insulated_end,
    heat_that_leaks,
    uneven_diffusion,
    advection_diffusion,
    inflow,
    wave,
    poisson,
    helmholtz,
    coercive,
)
NONLINEAR = (
    burgers,
    burgers_between_walls,
    cubic_flux,
    fisher,
    allen_cahn,
    logistic,
    semilinear,
)


def _perturbed(
    draw: Draw,
    operator: Callable[[Any], Any],
    exact: Any,
    factor: Any,
    walls: dict[Any, Any],
    **given: Any,
) -> Problem:
    """v = exact + size * factor * network, so that errors of any size occur."""
    field = given.get("field", u)
    size = sympy.Rational(1, 10 ** draw.integer(1, 6))
    domain = Box(x=(0, 1), t=(0, 1)) if field == u else Box(x=(0, 1), y=(0, 1))
    return forced(
        operator,
        exact,
        walls,
        domain=domain,
        ansatz={field: Ansatz(exact, size * factor)},
        **given,
    )


def solved(problem: Problem, seed: int) -> Solution:
    """A solution by a random network, whose error is large or small as its factor."""
    settings = Settings(
        network=MLP.Sizes(width=6 + seed % 5, layers=1 + seed % 3), seed=seed, spread=True
    )
    return Solution(problem, build_trial(problem, settings), settings)


def true_errors(solution: Solution) -> dict[Norm, float]:
    """The largest norm over space of the error at any of many moments, by the closed form."""
    problem = solution.problem
    low, high = problem.domain.low, problem.domain.high
    counts = (240, 41) if problem.time else (120, 120)
    axes = [
        (np.arange(n) + 0.5) / n * (b - a) + a if name != "t" else np.linspace(a, b, n)
        for name, n, a, b in zip(problem.domain.coordinates, counts, low, high, strict=True)
    ]
    grid = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], -1)
    assert problem.reference is not None
    [name] = problem.field_names
    with torch.no_grad():
        gap = np.abs(solution(grid)[name] - problem.reference(grid)[name]).reshape(counts)
    gap = gap if problem.time else gap.reshape(-1, 1)
    cell = (high[0] - low[0]) / counts[0]
    cell *= 1.0 if problem.time else (high[1] - low[1]) / counts[1]
    sums = {n: float(((gap**n.power).sum(0) * cell).max()) for n in (Norm.L1, Norm.L2)}
    return {Norm.L1: sums[Norm.L1], Norm.L2: sums[Norm.L2] ** 0.5, Norm.MAX: float(gap.max())}


def ratios(solution: Solution, *, is_corrected: bool = False) -> dict[Norm, float]:
    """The bound over the true error in each norm with a bound; infinite where that is 0.

    By the residual itself, or by way of a correction.
    """
    problem, trial = solution.problem, solution.trial
    bounds, _ = bound_errors(problem, trial)
    if is_corrected:
        bounds = least(bounds, problem, trial, correction(problem, trial))
    true = true_errors(solution)
    return {n: b.bound / true[n] if true[n] > 0 else math.inf for n, b in bounds.items()}
