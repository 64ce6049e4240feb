"""Small problems that between them have all that a refinement must cope with."""

from __future__ import annotations

import math

import numpy as np
import sympy
import torch

from pinn.assembly import build_trial
from pinn.data.cloud import Cloud
from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.problem.reading import normal
from pinn.refinement.linearised import Imposed, all_terms, data_samples, soft_conditions
from pinn.refinement.products import products_for
from pinn.refinement.wide_layer import WideLayer
from pinn.sampling.samplers import Sample, UniformSobol
from pinn.settings import Settings
from pinn.trial.trial_solution import TrialSolution

x, y, t, a = sympy.symbols("x y t a")


def trial_of(problem: Problem, seed: int = 0, **settings: object) -> TrialSolution:
    """An untrained network of six by two neurons, unless the settings say otherwise."""
    given = {"network": MLP.Sizes(width=6, layers=2), "seed": seed, **settings}
    return build_trial(problem, Settings(**given))  # type: ignore[arg-type]


def burgers() -> Problem:
    """Nonlinear, hard conditions."""
    u = sympy.Function("u")(x, t)
    return Problem(
        name="burgers-like",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t) + u * u.diff(x), a * u.diff(x, 2)),),
        domain=Box(x=(-1, 1), t=(0, 1)),
        conditions=(
            Condition(sympy.Eq(u, -sympy.sin(sympy.pi * x)), on="t=0"),
            Condition(sympy.Eq(u, 0), on="x=-1"),
            Condition(sympy.Eq(u, 0), on="x=1"),
        ),
        parameters={a: 0.2},
    )


def dispersive() -> Problem:
    """Third order, periodic, a hard initial value."""
    u = sympy.Function("u")(x, t)
    return Problem(
        name="dispersive",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t) + 3 * u * u.diff(x) + 0.7 * u.diff(x, 3), 0),),
        domain=Box(x=(0, 2), t=(0, 1)),
        conditions=(Condition(sympy.Eq(u, sympy.cos(sympy.pi * x)), on="t=0"),),
        periodic=("x",),
    )


def plate() -> Problem:
    """Fourth order in two dimensions, with soft conditions: a Robin and a Neumann one."""
    u = sympy.Function("u")(x, y)
    flow = normal(x) * u.diff(x) + normal(y) * u.diff(y)
    return Problem(
        name="plate",
        coordinates=(x, y),
        fields=(u,),
        equations=(sympy.Eq(u.diff(x, 4) + 2 * u.diff(x, 2, y, 2) + u.diff(y, 4) + u**2, 1),),
        domain=Box(x=(-1, 1), y=(-1, 1)),
        conditions=(
            Condition(sympy.Eq(flow + 2 * u, x), on="x=1"),
            Condition(sympy.Eq(flow, y**2), on="y=-1"),
        ),
    )


def flow_with_data() -> Problem:
    """Three fields, as many equations, measurements of two of the fields, no conditions."""
    u, v, p = (sympy.Function(name)(x, y, t) for name in "uvp")
    points = torch.quasirandom.SobolEngine(3, seed=5).draw(40, dtype=torch.float64).numpy()
    return Problem(
        name="flow",
        coordinates=(x, y, t),
        fields=(u, v, p),
        equations=(
            sympy.Eq(u.diff(t) + u * u.diff(x) + v * u.diff(y) + p.diff(x), a * u.diff(x, 2)),
            sympy.Eq(v.diff(t) + u * v.diff(x) + v * v.diff(y) + p.diff(y), a * v.diff(y, 2)),
            sympy.Eq(u.diff(x) + v.diff(y), 0),
        ),
        domain=Box(x=(0, 1), y=(0, 1), t=(0, 1)),
        parameters={a: 0.3},
        data=(Cloud(points, {"u": np.sin(points[:, 0]), "p": points[:, 2] ** 2}, name="probes"),),
    )


def bernoulli() -> Problem:
    """A potential flow's speed u, built in on all sides, and its pressure p = -u^2 / 2."""
    u, p = (sympy.Function(name)(x, y) for name in "up")
    exact = sympy.sin(3 * x) * sympy.cosh(3 * y) / 5
    sides = {"x=-1": (x, -1), "x=1": (x, 1), "y=-1": (y, -1), "y=1": (y, 1)}
    return Problem(
        name="bernoulli",
        coordinates=(x, y),
        fields=(u, p),
        equations=(
            sympy.Eq(u.diff(x, 2) + u.diff(y, 2), 0),
            sympy.Eq(p.diff(x) + u * u.diff(x), 0),
            sympy.Eq(p.diff(y) + u * u.diff(y), 0),
        ),
        domain=Box(x=(-1, 1), y=(-1, 1)),
        conditions=tuple(
            Condition(sympy.Eq(u, exact.subs(*end)), on=side) for side, end in sides.items()
        ),
        gauge=("p",),
        exact={u: exact, p: -(exact**2) / 2},
    )


def ramp() -> Problem:
    """-u'' = -(tanh(x + 0.3))'' with soft ends: the solution is one neuron on the input."""
    u = sympy.Function("u")(x, y)
    exact = sympy.tanh(x + sympy.Rational(3, 10) - y / 2)
    sides = ("x=-1", "x=1", "y=-1", "y=1")
    flow = normal(x) * u.diff(x) + normal(y) * u.diff(y) + 3 * u
    ends = {"x": (-1, 1), "y": (-1, 1)}
    conditions = []
    for side in sides:
        name, _, value = side.partition("=")
        axis = {"x": x, "y": y}[name]
        sign = 1 if float(value) == ends[name][1] else -1
        known = (sign * exact.diff(axis) + 3 * exact).subs(axis, int(value))
        conditions.append(Condition(sympy.Eq(flow, known), on=side))
    return Problem(
        name="ramp",
        coordinates=(x, y),
        fields=(u,),
        equations=(sympy.Eq(u.diff(x, 2) + u.diff(y, 2), exact.diff(x, 2) + exact.diff(y, 2)),),
        domain=Box(x=(-1, 1), y=(-1, 1)),
        conditions=tuple(conditions),
        exact={u: exact},
    )


def heat_with_unknown_diffusivity() -> tuple[Problem, float]:
    """Heat flow whose diffusivity is told by measurements; and the true value."""
    u = sympy.Function("u")(x, t)
    true = 0.35
    points = torch.quasirandom.SobolEngine(2, seed=6).draw(60, dtype=torch.float64).numpy()
    measured = np.exp(-true * math.pi**2 * points[:, 1]) * np.sin(math.pi * points[:, 0])
    problem = Problem(
        name="diffusivity",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t), a * u.diff(x, 2)),),
        domain=Box(x=(0, 1), t=(0, 1)),
        conditions=(
            Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=0"),
            Condition(sympy.Eq(u, 0), on="x=0"),
            Condition(sympy.Eq(u, 0), on="x=1"),
        ),
        parameters={a: 0.2},
        data=(Cloud(points, {"u": measured}, name="probes"),),
    )
    return problem, true


def imposed_on(problem: Problem, trial: TrialSolution, points: int = 12) -> Imposed:
    """Unequally weighted points on the equations and each soft condition, and all data."""
    samples = [UniformSobol(problem.domain, 1).draw(points)]
    for condition in soft_conditions(problem, trial):
        samples.append(UniformSobol(problem.domain.part(condition.on), 2).draw(points // 2))
    weights = {term.name: 0.5 + i for i, term in enumerate(all_terms(problem, trial))}
    samples = [Sample(s.points, torch.linspace(0.5, 1.5, len(s)).double()) for s in samples]
    return Imposed([*samples, *data_samples(problem, trial)], weights)


def layer_for(problem: Problem, trial: TrialSolution, neurons: int = 5) -> WideLayer:
    """A layer of random neurons whose output weights are not 0."""
    points = UniformSobol(problem.domain, 3).draw(50).points
    products = products_for(problem, trial, 100)
    layer = WideLayer.random(
        trial, problem, points, neurons=neurons, scale=1.0, seed=0, products=products
    )
    generator = torch.Generator().manual_seed(1)
    layer.output.copy_(0.3 * torch.randn(layer.output.shape, generator=generator))
    return layer


def resonant_square(gap: float) -> Problem:
    """Helmholtz' equation with k^2 beside the lowest eigenvalue of a square, pi^2 / 2 (1 + gap)."""
    u = sympy.Function("u")(x, y)
    square = sympy.pi**2 / 2 * (1 + sympy.Float(gap))
    exact = (1 - x**2) * (1 - y**2) * sympy.exp(x / 2) * sympy.sin(2 * x + y)
    source = exact.diff(x, 2) + exact.diff(y, 2) + square * exact
    return Problem(
        name="resonant",
        coordinates=(x, y),
        fields=(u,),
        equations=(sympy.Eq(u.diff(x, 2) + u.diff(y, 2) + square * u, source),),
        domain=Box(x=(-1, 1), y=(-1, 1)),
        conditions=tuple(Condition(sympy.Eq(u, 0), on=s) for s in ("x=-1", "x=1", "y=-1", "y=1")),
        exact={u: exact},
    )
