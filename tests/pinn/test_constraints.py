"""Hard conditions hold exactly, whatever the network says."""

from __future__ import annotations

import math

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pinn.constraints import HardConstraint, TrialSolution
from pinn.domain import Box
from pinn.problem import Condition, Problem
from pinn.problems.burgers import burgers
from sciformer.errors import DomainError

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)


def heat(*conditions: Condition) -> Problem:
    return Problem(
        name="heat",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t), u.diff(x, 2)),),
        domain=Box(x=(0, 2), t=(1, 3)),
        conditions=conditions,
    )


@settings(max_examples=10)  # each compiles a problem symbolically
@given(a=st.integers(-3, 3), b=st.integers(-3, 3), seed=st.integers(0, 99))
def test_values_at_all_faces_are_met(a: int, b: int, seed: int) -> None:
    """Kills: a blend from the wrong end, a factor that does not vanish at one face."""
    initial = a * x**2 + b * x + 5
    problem = heat(
        Condition(sympy.Eq(u, initial), on="t=1"),
        Condition(sympy.Eq(u, 5 * sympy.cos(t - 1)), on="x=0"),
        Condition(sympy.Eq(u, (4 * a + 2 * b + 5) * t), on="x=2"),
    )
    torch.manual_seed(seed)
    trial = TrialSolution(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), HardConstraint(problem))
    trial.double()
    s = torch.rand(7, dtype=torch.float64)
    start = torch.stack([2 * s, torch.ones_like(s)], -1)
    assert torch.allclose(trial.at(start)[:, 0], a * (2 * s) ** 2 + b * 2 * s + 5, atol=1e-12)
    times = 1 + 2 * s
    left = torch.stack([torch.zeros_like(s), times], -1)
    assert torch.allclose(trial.at(left)[:, 0], 5 * torch.cos(times - 1), atol=1e-12)
    right = torch.stack([torch.full_like(s, 2.0), times], -1)
    assert torch.allclose(trial.at(right)[:, 0], (4 * a + 2 * b + 5) * times, atol=1e-12)
    inside = torch.tensor([[0.7, 2.0]], dtype=torch.float64)
    assert trial.constraint is not None
    bare = trial.constraint(inside, torch.zeros(1, 1, dtype=torch.float64))
    network = trial.network(inside).detach()
    assert torch.allclose(trial.at(inside) - bare, 0.5 * 4 * 0.35 * 0.65 * network, atol=1e-12)


def test_burgers_has_the_form_of_the_literature() -> None:
    constraint = HardConstraint(burgers())
    assert constraint.offset == [-sympy.sin(sympy.pi * x)]
    assert sympy.simplify(constraint.factor[0] - t * (1 - x**2)) == 0


def test_conditions_that_do_not_meet_are_refused() -> None:
    problem = heat(
        Condition(sympy.Eq(u, 1 + x), on="t=1"),
        Condition(sympy.Eq(u, 0), on="x=0"),
    )
    with pytest.raises(DomainError, match=r"heat: the conditions on .* do not meet"):
        HardConstraint(problem)


def test_a_derivative_condition_has_no_hard_form() -> None:
    problem = heat(Condition(sympy.Eq(u.diff(x), 0), on="x=0"))
    with pytest.raises(DomainError, match=r"needs conditions u\(x, t\) = value"):
        HardConstraint(problem)


def test_burgers_offset_follows_its_formula() -> None:
    constraint = HardConstraint(burgers())
    points = torch.tensor([[0.3, 0.4]], dtype=torch.float64)
    value = constraint(points, torch.full((1, 1), 7.0, dtype=torch.float64))
    expected = -math.sin(0.3 * math.pi) + 7 * 0.4 * (1 - 0.09)
    assert float(value) == pytest.approx(expected, abs=1e-14)
