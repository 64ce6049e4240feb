"""The error that a kink of initial values leaves at a seam, against Fourier series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import pinn
from pinn import Box, Condition, Problem
from pinn.assembly import build_trial
from pinn.networks import MLP
from pinn.refinement.refine import Refiner
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.stages.seam_error import seam_error, with_seam
from pinn.training.verdict import Evidence, Outcome, judge
from pinn.trial.seams import FADE

x, t = sympy.symbols("x t")
u, v = (sympy.Function(name)(x, t) for name in "uv")
HALF, END = 5.0, 2.0
COSH = 1 / sympy.cosh(x)


def untrained(equations: Any, starts: dict[Any, Any]) -> Solution:
    given = [Condition(sympy.Eq(field, value), on="t=0") for field, value in starts.items()]
    box = Box(x=(-HALF, HALF), t=(0, END))
    problem = Problem("seam", (x, t), list(starts), equations, box, given, periodic=("x",))
    settings = Settings.advised(problem, network=MLP.Sizes(width=4, layers=1))
    return Solution(problem, build_trial(problem, settings), settings)


def left_out(factor: complex, start: Any, slope: float) -> float:
    """What h_t = factor h_xx lacks without the source factor J exp(-fade t / T) delta(x - HALF).

    The source is integrated exactly in each mode; relative L2 over x and t.
    """
    count = 4096
    places = -HALF + 2 * HALF * np.arange(count) / count
    waves = np.pi / HALF * np.fft.fftfreq(count, 1 / count)
    rate, times = FADE / END, np.linspace(0, END, 200)[:, None]
    decay = factor * waves**2
    modes = factor * slope / (2 * HALF) * (np.exp(-rate * times) - np.exp(-decay * times))
    modes = modes / (decay - rate)
    whole = np.fft.fft(start(places)) / count * np.exp(-decay * times)
    return float(np.linalg.norm(modes) / np.linalg.norm(whole))


def test_heat() -> None:
    """Kills: a factor, span or norm left out; a gap of another order."""
    solution = untrained(sympy.Eq(u.diff(t), u.diff(x, 2) / 10), {u: COSH})
    slope = 2 / np.cosh(HALF) * np.tanh(HALF)
    wanted = left_out(0.1, lambda places: 1 / np.cosh(places), slope)
    assert 1 / 3 < seam_error(solution) / wanted < 3


def test_a_system_that_links_derivatives_of_different_fields() -> None:
    """Schroedinger's equation. Kills: a factor looked for in the field's own equation only."""
    equations = [sympy.Eq(u.diff(t), -v.diff(x, 2) / 2), sympy.Eq(v.diff(t), u.diff(x, 2) / 2)]
    solution = untrained(equations, {u: 2 * COSH, v: sympy.Integer(0)})
    slope = 2 / np.cosh(HALF) * np.tanh(HALF)
    wanted = left_out(0.5j, lambda places: 1 / np.cosh(places), slope)
    assert 1 / 3 < seam_error(solution) / wanted < 3


def test_what_closes_smoothly_leaves_nothing() -> None:
    heat = sympy.Eq(u.diff(t), u.diff(x, 2) / 10)
    assert seam_error(untrained(heat, {u: sympy.cos(sympy.pi * x / 5)})) == pytest.approx(0.0)
    assert seam_error(untrained(heat, {u: x})) > 5e-3


def test_a_verdict_tells_of_it() -> None:
    """Kills: "converged" for a sawtooth whose jump no residual sees."""
    verdict = judge(Evidence(residuals={"the equation": 1e-6}))
    assert with_seam(verdict, 1e-9) == verdict
    told = with_seam(verdict, 1e-3)
    assert told.converged
    assert "a relative error of about 1e-03 that no residual sees" in str(told)
    assert with_seam(verdict, 0.1).outcome is Outcome.DOUBTFUL


def test_what_does_not_solve_the_equation_has_no_estimate() -> None:
    """A front that forms a shock, after a few steps.

    Kills: an estimate of one per cent, from linear terms, beside a residual that is a third.
    """
    equation = sympy.Eq(u.diff(t) + u * u.diff(x), 0)
    start = [Condition(sympy.Eq(u, -sympy.sin(sympy.pi * x / HALF)), on="t=0")]
    box = Box(x=(-HALF, HALF), t=(0, 2 * HALF))
    shock = Problem("shock", (x, t), u, equation, box, start, periodic=("x",))
    network = MLP.Sizes(width=8, layers=2)
    solved = pinn.solve(shock, network=network, iterations=6, points=0.2, progress=False,
                        digits=Refiner(neurons=60, scales=(1.0,)))  # fmt: skip
    assert solved.verdict.outcome is Outcome.NOT_CONVERGED
    assert solved.verdict.residual > 0.05
    assert solved.error_estimate is None
