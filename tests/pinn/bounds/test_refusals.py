"""What no theorem covers is refused in a sentence; what is inexact is counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy
import torch

from pinn.assembly import build_trial
from pinn.bounds.bounding import bound_errors
from pinn.bounds.error_bound import Norm
from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Ansatz, Condition
from pinn.problem.problem import Problem
from pinn.problem.registry import find_problem
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.trial.conditions import soft
from pinn.trial.interfaces import Kinks
from sciformer.errors import UsageError
from tests.pinn.bounds.instances import Draw, heat, poisson, true_errors

x, y, t = sympy.symbols("x y t")
u = sympy.Function("u")(x, t)
START = Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=0")
WALLS = tuple(Condition(sympy.Eq(u, 0), on=on) for on in ("x=0", "x=1"))


def untrained(problem: Problem, **choices: Any) -> Solution:
    settings = Settings(network=MLP.Sizes(width=6, layers=1), seed=1, **choices)
    return Solution(problem, build_trial(problem, settings), settings)


def of(equation: Any, conditions: Any = (START, *WALLS), **given: Any) -> Problem:
    return Problem(
        name="mine",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(equation, 0),),
        domain=Box(x=(0, 1), t=(0, 1)),
        conditions=conditions,
        **given,
    )


CASES = {
    "backward": (u.diff(t) + u.diff(x, 2), "diffusion is negative"),
    "dispersion": (u.diff(t) + u.diff(x, 3), "u_xxx"),
    "porous": (u.diff(t) - (u * u.diff(x)).diff(x), "not linear|depends on the field"),
    "slope squared": (u.diff(t) - u.diff(x, 2) + u.diff(x) ** 2, "not linear in its derivatives"),
    "no number": ((1 + x) * u.diff(t) - u.diff(x, 2), "is not a number"),
    "rough": (u.diff(t) - (1 + sympy.Abs(x - 0.5)) * u.diff(x, 2), "not smooth"),
    "growth": (
        u.diff(t) - u.diff(x, 2) - 40 * u**3,
        "too large for the rate|settle|bound overflows",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_other_equations_are_refused(name: str) -> None:
    equation, words = CASES[name]
    with pytest.raises(UsageError, match=words):
        untrained(of(equation)).error_bound()


def test_a_coefficient_that_is_infinite_at_an_end_is_refused() -> None:
    """u_rr + u_r / r in a disc. Kills: 1/0 handed to numpy, which ended the solve itself."""
    r = sympy.Symbol("r")
    w = sympy.Function("w")(r)
    disc = Problem(
        name="mine",
        coordinates=(r,),
        fields=(w,),
        equations=(sympy.Eq(w.diff(r, 2) + w.diff(r) / r, -4),),
        domain=Box(r=(0, 1)),
        conditions=(Condition(sympy.Eq(w.diff(r), 0), on="r=0"), Condition(sympy.Eq(w, 0), "r=1")),
    )
    with pytest.raises(UsageError, match="a coefficient is infinite on the boundary"):
        untrained(disc).error_bound()


def test_systems_are_refused() -> None:
    with pytest.raises(UsageError, match="3 equations for 3 fields"):
        untrained(find_problem("taylor-green", {})).error_bound()


def test_a_face_that_lets_errors_in_is_refused() -> None:
    """Kills: no look at free faces, the sign of the outward direction."""
    leaving = of(u.diff(t) + u.diff(x), (START, WALLS[0]))
    assert untrained(leaving).error_bound("L1").bound > 0
    with pytest.raises(UsageError, match="enters through x=0"):
        untrained(of(u.diff(t) + u.diff(x), (START, WALLS[1]))).error_bound("L1")
    with pytest.raises(UsageError, match="x=1 has no condition"):
        untrained(of(u.diff(t) - u.diff(x, 2), (START, WALLS[0]))).error_bound("L1")


def test_a_wall_that_feeds_heat_in_is_refused() -> None:
    """u_n = + 2 u at a wall amplifies errors. Kills: the sign of k, of the outward direction."""
    grows = Condition(sympy.Eq(u.diff(x) - 2 * u, 0), on="x=1")
    cools = Condition(sympy.Eq(u.diff(x) + 2 * u, 0), on="x=1")
    at_low = Condition(sympy.Eq(u.diff(x) - 2 * u, 0), on="x=0")
    equation = u.diff(t) - u.diff(x, 2)
    start = Condition(sympy.Eq(u, x**2 * (1 - x) ** 2), on="t=0")
    for norm in Norm:
        with pytest.raises(UsageError, match="errors may flow in"):
            untrained(of(equation, (start, WALLS[0], grows))).error_bound(norm)
        assert untrained(of(equation, (start, WALLS[0], cools))).error_bound(norm).bound > 0
        assert untrained(of(equation, (start, WALLS[1], at_low))).error_bound(norm).bound > 0


def test_soft_conditions_are_counted_in_the_largest_error() -> None:
    """And from there in the other norms. Kills: the misfit at walls or start left out, an L2
    theorem that does not see it."""
    problem = heat(Draw(np.random.default_rng(5)))
    solution = untrained(problem, conditions=soft)
    found, true = bound_errors(problem, solution.trial)[0], true_errors(solution)
    assert found[Norm.MAX].constants["at the start and walls"] > 0.1
    for norm in Norm:
        assert found[norm].bound >= true[norm]
        assert found[norm].theorem.name == "maximum principle"
        assert solution.error_bound(norm).bound >= true[norm]


@pytest.mark.parametrize("norm", list(Norm))
def test_a_soft_start_is_counted_in_every_norm(norm: Norm) -> None:
    """A network that is 0 nearly everywhere has next to no residual, and misses the start. Kills:
    ||e(0)|| left out."""
    wave = sympy.sin(2 * sympy.pi * x)
    exact = wave * sympy.exp(-4 * sympy.pi**2 * t / 10)
    problem = of(u.diff(t) - u.diff(x, 2) / 10, (START_WAVE,), periodic=("x",), exact={u: exact})
    solution = untrained(problem, conditions=soft)
    with torch.no_grad():
        for numbers in solution.trial.parameters():
            numbers.mul_(1e-3)
    bound, true = solution.error_bound(norm).bound, true_errors(solution)[norm]
    assert true * (1 - 1e-3) <= bound <= 1.1 * true


def test_a_kink_in_the_trial_solution_is_refused() -> None:
    """|x - 1/2| has a second derivative that no point sees."""
    start = Condition(sympy.Eq(u, sympy.Abs(x - sympy.Rational(1, 2))), on="t=0")
    form = Ansatz(sympy.Abs(x - sympy.Rational(1, 2)), t)
    problem = of(u.diff(t) - u.diff(x, 2), (start,), periodic=("x",), ansatz={u: form})
    with pytest.raises(UsageError, match="kink"):
        untrained(problem).error_bound()


def test_a_kink_at_the_seam_is_counted_in_l1_and_refused_elsewhere() -> None:
    """u_0 = x (1 - x) continued periodically: its slope jumps by 2. Kills: no look at seams."""
    start = Condition(sympy.Eq(u, x * (1 - x)), on="t=0")
    problem = of(u.diff(t) - u.diff(x, 2) / 10, (start,), periodic=("x",))
    solution = untrained(problem)
    smooth = untrained(of(u.diff(t) - u.diff(x, 2) / 10, (START_WAVE,), periodic=("x",)))
    assert solution.error_bound("L1").constants["int |r|"] > 0.19
    assert smooth.error_bound("L2").bound > 0
    for norm in ("L2", "max"):
        with pytest.raises(UsageError, match="slope of the trial solution jumps"):
            solution.error_bound(norm)


START_WAVE = Condition(sympy.Eq(u, sympy.sin(2 * sympy.pi * x)), on="t=0")


def test_values_that_jump_at_the_seam_are_refused() -> None:
    start = Condition(sympy.Eq(u, x), on="t=0")
    problem = of(u.diff(t) - u.diff(x, 2), (start,), periodic=("x",))
    with pytest.raises(UsageError, match="two ends of x differ"):
        untrained(problem).error_bound()


def test_resonance_is_refused_and_near_it_the_bound_grows() -> None:
    """k^2 = 5 pi^2 is an eigenvalue of the unit square. Kills: an eigenvalue missed."""
    w = sympy.Function("w")(x, y)
    walls = tuple(Condition(sympy.Eq(w, 0), on=on) for on in ("x=0", "x=1", "y=0", "y=1"))

    def plate(k2: Any) -> Solution:
        return untrained(
            Problem(
                name="plate",
                coordinates=(x, y),
                fields=(w,),
                equations=(sympy.Eq(w.diff(x, 2) + w.diff(y, 2) + k2 * w, x),),
                domain=Box(x=(0, 1), y=(0, 1)),
                conditions=walls,
            )
        )

    with pytest.raises(UsageError, match="is an eigenvalue"):
        plate(5 * sympy.pi**2).error_bound("L2")
    far, near = (plate(5 * math.pi**2 * s).error_bound("L2") for s in (0.8, 0.999))
    assert near.bound > 50 * far.bound
    assert near.constants["nearest eigenvalue"] == pytest.approx(5 * math.pi**2)


def test_found_parameters_are_refused() -> None:
    from pinn.problem.parts import Unknown

    a = sympy.Symbol("a")
    problem = of(u.diff(t) - a * u.diff(x, 2), unknown={a: Unknown(size=1.0, start=1.0)})
    with pytest.raises(UsageError, match="found from data"):
        untrained(problem).error_bound()


def test_an_unknown_norm_is_refused() -> None:
    solution = untrained(poisson(Draw(np.random.default_rng(5))))
    with pytest.raises(UsageError, match=r"unknown norm 'l2'.*Known: L1, L2, max"):
        solution.error_bound("l2")


def test_a_solution_of_pieces_is_refused() -> None:
    """Kills: a kink of the network's inputs whose second derivative no point sees."""
    source = sympy.Piecewise((1, x < sympy.Rational(1, 2)), (0, True))
    problem = of(u.diff(t) - u.diff(x, 2) - source)
    solution = untrained(problem)
    network = torch.nn.Sequential(Kinks([0], [0.0]), solution.trial.network)
    solution.trial.network = network
    with pytest.raises(UsageError, match="made of pieces"):
        solution.error_bound()
