"""Initial values with a kink where a periodic coordinate closes leave the hard form."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch

import pinn
from pinn.geometry.box import Box
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.trial.conditions import auto
from pinn.trial.seams import FADE, fade_of

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
DIFFUSION = sympy.Eq(u.diff(t), u.diff(x, 2))


def problem(start: Any, equation: Any = DIFFUSION, **more: Any) -> Problem:
    given = {"periodic": ("x",), **more}
    start = Condition(sympy.Eq(u, start), on="t=0")
    return Problem("seam", (x, t), (u,), (equation,), Box(x=(-5, 5), t=(0, 2)), (start,), **given)


@pytest.mark.parametrize(
    ("start", "equation", "fade"),
    [
        (2 / sympy.cosh(x), DIFFUSION, FADE),
        (1e-9 * x**2, DIFFUSION, FADE),
        (x, sympy.Eq(u.diff(t), u.diff(x)), FADE),
        (sympy.cos(sympy.pi * x / 5), DIFFUSION, 0.0),
        (sympy.Integer(3), DIFFUSION, 0.0),
        (x**2, sympy.Eq(u.diff(t), u.diff(x)), 0.0),
        (x, sympy.Eq(u.diff(t), -u), 0.0),
        (sympy.exp(-4 * x**2), DIFFUSION, 0.0),
    ],
)
def test_values_that_do_not_close_fade(start: Any, equation: Any, fade: float) -> None:
    """Kills: values alone or slopes alone compared, an absolute tolerance, orders not looked at."""
    assert fade_of(problem(start, equation)) == fade


def test_only_periodic_coordinates_have_seams() -> None:
    """Kills: ends that are two places taken for one."""
    assert fade_of(problem(sympy.sin(x), periodic=())) == 0.0
    assert all(fade_of(pinn.find_problem(name)) == 0 for name in ("kdv", "convection", "reaction"))


def test_the_form_keeps_the_start_and_loses_the_kink() -> None:
    """Kills: a fade that no form is made with, one that changes the initial values."""
    form = auto(problem(2 / sympy.cosh(x)))
    assert form.conditions
    points = torch.tensor([[4.5, 0.0], [4.5, 2.0]]).double()
    start, end = form(points, torch.zeros(2, 1).double())[:, 0].tolist()
    assert start == pytest.approx(float(2 / sympy.cosh(4.5)), rel=1e-12)
    assert abs(end) < 1e-8 * start


def test_a_check_names_what_does_not_close() -> None:
    said = str(problem(x).check())
    assert "the initial value of u(x, t) differs by 10 between the ends of x" in said
    assert "differs" not in str(problem(sympy.cos(sympy.pi * x / 5)).check())
