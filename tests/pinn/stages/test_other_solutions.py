"""Solutions beside the one that was found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import pinn
from pinn import Box, Condition, Problem
from pinn.problem.spectral.collocation import Collocation
from pinn.problem.spectral.newton import misfit, solve
from pinn.problem.uniqueness import is_determined
from pinn.settings import Settings
from pinn.stages.branches import branches_of
from pinn.stages.other_solutions import other_solution
from pinn.stages.windowing import why_not_marching
from sciformer.runs.processes import ALONE

x, t, s = sympy.symbols("x t s")
u, v = sympy.Function("u")(x), sympy.Function("v")(x)
U1, U2, U3 = u.diff(x), u.diff(x, 2), u.diff(x, 3)
exp, sin, cos, PI = sympy.exp, sympy.sin, sympy.cos, sympy.pi


def line(equations: Any, *given: tuple[Any, Any], **more: Any) -> Problem:
    on = [Condition(form, on=f"x={end}") for form, end in given]
    fields = more.pop("fields", u)
    return Problem("mine", x, fields, equations, more.pop("box", Box(x=(0, 1))), on, **more)


def found(problem: Problem, guess: Any) -> tuple[Collocation, Any]:
    """The solution near a guess on polynomials."""
    collocation = Collocation(problem)
    points, weights = collocation.space.inside(collocation.nodes)
    guesses = guess if isinstance(guess, tuple) else (guess,)
    values = [
        sympy.lambdify(x, one + 0 * x)(points[:, 0]) * np.ones(len(points)) for one in guesses
    ]
    start = (np.stack(values) * weights**2) @ collocation.space.rows(points, [0])
    own = solve(collocation, start)
    assert own is not None
    assert misfit(collocation, own) < 1e-6
    return collocation, own


def values(collocation: Collocation, state: Any, place: float) -> Any:
    return state @ collocation.space.rows(np.array([[place]]), [0])[0]


BRATU = line(U2 + exp(u), (u, 0), (u, 1))
SQUARE = line(U1 + u, (u**2 - 1, 0))
TWO = {
    # 2 log cosh of theta / 4 with theta = sqrt(2) cosh(theta / 4): 1.5171 and 10.9387.
    "Bratu": (BRATU, x * (1 - x) / 10, 0.5, 0.14054, 4.09147),
    "a square at the start": (SQUARE, exp(-x), 0.5, 0.60653, -0.60653),
    "an eikonal": (line(U1**2 - 1, (u, 0)), x, 1.0, 1.0, -1.0),
    # cosh(x / c) c with cosh(1 / 2c) c = 1: c = 0.84834 and 0.23509.
    "a soap film": (line(u * U2 - 1 - U1**2, (u - 1, 0), (u - 1, 1)), 1, 0.5, 0.84834, 0.23509),
    "an algebraic equation": (line(u**2 - 1 - x), 1 + x / 3, 0.44, 1.2, -1.2),
}  # fmt: skip
ONE = {
    "a cubic": (line(U2 - u**3 - 1, (u, 0), (u, 1)), x * (x - 1) / 2),
    "Blasius": (
        line(U3 + u * U2 / 2, (u, 0), (U1, 0), (U1 - 1, 8), box=Box(x=(0, 8))),
        x**2 / (2 + x),
    ),
    "a hanging chain": (line(U2 - sympy.sqrt(1 + U1**2), (u - 1, 0), (u - 1, 1)), 1),
    "Troesch": (line(U2 - 3 * sympy.sinh(3 * u), (u, 0), (u - 1, 1)), x**4),
    "logistic": (line(U1 - 3 * u * (1 - u), (u - 0.1, 0)), 1 / (1 + 9 * exp(-3 * x))),
}
TURN = [u.diff(x) - 2 * PI * v * (u**2 + v**2), v.diff(x) + 2 * PI * u * (u**2 + v**2)]
ENERGY = u**2 + v**2 - 1
FAMILIES = {
    "energies for starts": (
        line([u.diff(x) - v, v.diff(x) + u], (ENERGY, 0), (ENERGY, 1), fields=(u, v)),
        (sin(x + 0.3), cos(x + 0.3)),
    ),
    "a phase": (line(TURN, fields=(u, v), periodic=("x",)), (sin(2 * PI * x), cos(2 * PI * x))),
    "a constant of motion": (line(u * U1 - sin(2 * PI * x), periodic=("x",)), 2),
}


@pytest.mark.parametrize("name", TWO)
def test_a_second_solution_is_found(name: str) -> None:
    """Kills: a first solution that is not divided out, starts of one size only."""
    problem, guess, place, first, second = TWO[name]
    collocation, own = found(problem, guess)
    assert values(collocation, own, place) == pytest.approx(first, abs=2e-5)
    other = other_solution(collocation, own)
    assert other is not None
    assert not other[1]
    assert values(collocation, other[0], place) == pytest.approx(second, abs=2e-5)


@pytest.mark.parametrize("name", ONE)
def test_where_there_is_one_solution_none_is_found(name: str) -> None:
    """Kills: what is not resolved, or misses a condition, taken for a solution."""
    assert other_solution(*found(*ONE[name])) is None


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_told_from_two_solutions(name: str) -> None:
    """Kills: a family that is called a second solution."""
    other = other_solution(*found(*FAMILIES[name]))
    assert other is not None
    assert other[1]


def test_initial_values_leave_no_choice_but_for_powers_of_the_highest_derivative() -> None:
    van_der_pol = line(U2 - (1 - u**2) * U1 + u, (u - 1, 0), (U1, 0))
    assert is_determined(van_der_pol)
    for problem in (SQUARE, BRATU, line(U1**2 - 1, (u, 0)), line(u**2 - 1 - x)):
        assert not is_determined(problem)


def test_a_solve_tells_of_the_second_solution() -> None:
    """Kills: a verdict that is silent."""
    verdict = pinn.solve(SQUARE, iterations=10, progress=False).verdict
    assert "the problem has another solution, in which u is " in str(verdict)
    assert "If the other is meant, add what it alone satisfies." in verdict.remedy


@pytest.mark.slow
def test_a_solution_that_can_be_moved_has_not_converged() -> None:
    problem = line(u * U1 - sin(2 * PI * x), periodic=("x",))
    verdict = pinn.solve(problem, iterations=30, digits=None, progress=False).verdict
    assert not verdict.converged
    assert "not unique" in verdict.reasons[0]
    assert "fixes it" in verdict.remedy


def test_an_equation_that_leaves_a_choice_at_each_place_is_solved_as_a_whole() -> None:
    """Kills: windows of which each takes a branch of its own, with a kink where they meet."""
    for equation, start in ((U1**2 - 1, 0), (U1**2 - 4 * u, 1), (u * U1**2 + U1 - x, 1)):
        problem = line(equation, (u - start, 0))
        why = why_not_marching(problem, Settings.advised(problem), ALONE)
        assert why.startswith("windows need equations that are linear in the highest derivatives")
    square = line([u.diff(x) - v**2, v.diff(x) + u], (u - 1, 0), (v, 0), fields=(u, v))
    assert not why_not_marching(square, Settings.advised(square), ALONE)


def test_choices_at_the_start_are_told() -> None:
    """u'^2 = 4 u from 1 is (1 + x)^2 or (1 - x)^2.

    Kills: one root taken twice, complex roots, lower derivatives that are not put in.
    """
    branches = branches_of(line(U1**2 - 4 * u, (u - 1, 0)))
    assert branches is not None
    assert branches.values == pytest.approx((-2, 2))
    assert "Derivative(u(x), x) may be -2 or 2 at x=0" in str(branches)
    cubic = branches_of(line(u.diff(x, 2) ** 3 - U1 * u.diff(x, 2), (u - 3, 0), (U1 - 4, 0)))
    assert cubic is not None
    assert cubic.values == pytest.approx((-2, 0, 2))
    for unique in (U1 - u, U1**3 + U1 - 1, (U1 - 1) ** 2, sympy.sqrt(1 + U1**2) - 2):
        assert branches_of(line(unique, (u - 1, 0))) is None
