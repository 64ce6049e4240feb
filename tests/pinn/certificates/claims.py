"""Claims of small random networks, and their exact values by mpmath."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy

from pinn.assembly import build_trial
from pinn.certificates.balls import Ball
from pinn.certificates.claim import Claim, Wide
from pinn.certificates.claiming import claim_of
from pinn.certificates.residual import Residual
from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.trial.trial_solution import TrialSolution

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)


def problem_of(source: Any = 0) -> Problem:
    """u_t + (u^2 / 2 + 3 u)_x = u_xx / 7 + source on (0, 2) x (1, 3/2), u = sin(pi x) at t = 1."""
    equation = sympy.Eq(u.diff(t) + (u + 3) * u.diff(x), u.diff(x, 2) / 7 + source)
    return Problem(
        name="mine",
        coordinates=(x, t),
        fields=(u,),
        equations=(equation,),
        domain=Box(x=(0, 2), t=(1, 1.5)),
        conditions=(
            Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=1"),
            Condition(sympy.Eq(u, 0), on="x=0"),
            Condition(sympy.Eq(u, 0), on="x=2"),
        ),
    )


def trial_of(problem: Problem, seed: int = 0, layers: int = 2, width: int = 5) -> TrialSolution:
    settings = Settings(network=MLP.Sizes(width=width, layers=layers), seed=seed, spread=True)
    return build_trial(problem, settings)


def claim_with_wide_layer(seed: int = 0) -> Claim:
    """A claim whose network has a wide layer of 4 neurons on its second layer and its inputs."""
    import dataclasses

    problem = problem_of(source=sympy.exp(-t) * sympy.cos(x) * x**3)
    claim = claim_of(problem, trial_of(problem, seed))
    generator = np.random.default_rng(seed)
    wide = Wide(
        (1,),
        generator.normal(size=(4, 7)),
        generator.normal(size=4),
        generator.normal(size=(1, 4)),
    )
    return dataclasses.replace(claim, wide=(wide,))


def residual_of(claim: Claim) -> float:
    """The integral of |r| over the domain, by 64^2 midpoints; nan where r has no value."""
    lines = [
        float(a) + float(b - a) * (np.arange(64) + 0.5) / 64
        for a, b in zip(claim.low, claim.high, strict=True)
    ]
    columns = [Ball.of(g.reshape(-1, 1)) for g in np.meshgrid(*lines, indexing="ij")]
    with np.errstate(all="ignore"):
        middle = Residual(claim)(columns[0], columns[1], lambda ball: ball).middle
    sides = [float(b - a) for a, b in zip(claim.low, claim.high, strict=True)]
    return float(np.abs(middle).mean()) * sides[0] * sides[1]


def exact_value(claim: Claim, place: tuple[Any, Any]) -> Any:
    """v at a place, complex or real, in at least 40 digits."""
    with mpmath.workdps(max(40, mpmath.mp.dps)):
        return _formula(claim.offset, place) + _formula(claim.factor, place) * _network(
            claim, place
        )


def exact_residual(claim: Claim, place: tuple[Any, Any]) -> Any:
    """r at a place by high-order differences of exact values, right to 20 digits."""
    with mpmath.workdps(60):
        a, b = map(mpmath.mpmathify, place)

        def along_x(z: Any) -> Any:
            return exact_value(claim, (z, b))

        def along_t(z: Any) -> Any:
            return exact_value(claim, (a, z))

        v = exact_value(claim, (a, b))
        v_x, v_xx = (mpmath.diff(along_x, a, n) for n in (1, 2))
        v_t = mpmath.diff(along_t, b)
        speed = sum(k * _number(c) * v ** (k - 1) for k, c in enumerate(claim.flux) if k)
        source = _formula(claim.source, (a, b))
        return v_t + speed * v_x - _number(claim.diffusion) * v_xx - source


def _number(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


def _formula(formula: Any, place: tuple[Any, Any]) -> Any:
    if isinstance(formula, str):
        known = {"x": place[0], "t": place[1], "pi": mpmath.pi}
        return known[formula] if formula in known else _number(Fraction(formula))
    head, *rest = formula
    if head == "pow":
        return _formula(rest[0], place) ** rest[1]
    parts = [_formula(f, place) for f in rest]
    if head == "add":
        return sum(parts)
    if head == "mul":
        return mpmath.fprod(parts)
    return getattr(mpmath, head)(parts[0])


def _network(claim: Claim, place: tuple[Any, Any]) -> Any:
    inputs = [
        (z - mpmath.mpf(float(o))) / mpmath.mpf(float(k))
        for z, o, k in zip(place, claim.origin, claim.unit, strict=True)
    ]
    entered, units = [inputs], inputs
    for k, (weight, bias) in enumerate(zip(claim.weights, claim.biases, strict=True)):
        if k:
            entered.append([mpmath.tanh(z) for z in units])
        units = _linear(weight, bias, entered[-1])
    [value] = units
    for one in claim.wide:
        seen = [z for k in one.layers for z in entered[k]] + inputs
        neurons = [mpmath.tanh(z) for z in _linear(one.weights, one.bias, seen)]
        value += _linear(one.output, np.zeros(1), neurons)[0]
    return value


def _linear(weight: Any, bias: Any, given: Any) -> list[Any]:
    return [
        sum(mpmath.mpf(float(w)) * z for w, z in zip(row, given, strict=True))
        + mpmath.mpf(float(b))
        for row, b in zip(weight, bias, strict=True)
    ]
