"""Hard conditions hold exactly, whatever the network says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pinn.assembly import build_trial
from pinn.data.cloud import Cloud
from pinn.geometry.box import Box
from pinn.loss.terms import boundary
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.problems.burgers import burgers
from pinn.settings import Settings
from pinn.trial.conditions import hard
from pinn.trial.hard_constraint import HardConstraint
from pinn.trial.trial_solution import TrialSolution
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


def test_conditions_that_do_not_meet_are_refused_where_all_must_be_hard() -> None:
    problem = heat(
        Condition(sympy.Eq(u, 1 + x), on="t=1"),
        Condition(sympy.Eq(u, 0), on="x=0"),
    )
    [why] = HardConstraint(problem).soft.values()
    assert "do not meet at the edges of" in why
    with pytest.raises(DomainError, match=r"no hard form .* do not meet"):
        build_trial(problem, Settings(conditions=hard))


def test_burgers_offset_follows_its_formula() -> None:
    constraint = HardConstraint(burgers())
    points = torch.tensor([[0.3, 0.4]], dtype=torch.float64)
    value = constraint(points, torch.full((1, 1), 7.0, dtype=torch.float64))
    expected = -math.sin(0.3 * math.pi) + 7 * 0.4 * (1 - 0.09)
    assert float(value) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("end", ["t=1", "t=3"])
def test_value_and_slope_at_a_time_are_met(end: str) -> None:
    """Kills: a factor of first order, a slope added with the wrong sign or from the wrong end."""
    given_slope = Condition(sympy.Eq(u.diff(t), (x + 3) * 7), on=end)
    problem = heat(
        Condition(sympy.Eq(u, 5 * x**2 + x), on=end),
        given_slope,
        Condition(sympy.Eq(u, 21 * (t - int(end[-1]))), on="x=0"),
    )
    torch.manual_seed(3)
    trial = TrialSolution(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), HardConstraint(problem))
    trial.double()
    for condition in problem.conditions:
        points = problem.domain.part(condition.on).sample(20)
        gap = boundary(problem, trial, condition).residual(points)
        assert float(gap.detach().abs().max()) < 1e-11


def test_initial_values_fade_and_the_conditions_still_hold() -> None:
    """Kills: a factor that does not vanish at the start, a fade in other units than the span."""
    problem = heat(
        Condition(sympy.Eq(u, 5 * x**2 + x), on="t=1"),
        Condition(sympy.Eq(u, 4 * (t - 1)), on="x=0"),
    )
    constraint = HardConstraint(problem, fade=3.0)
    for condition in problem.conditions:
        points = problem.domain.part(condition.on).sample(20)
        x_, t_ = points.unbind(-1)
        found = constraint(points, torch.full((20, 1), 7.0, dtype=torch.float64))[:, 0]
        wanted = 5 * x_**2 + x_ if condition.on == "t=1" else 4 * (t_ - 1)
        assert torch.allclose(found, wanted, atol=1e-12)
    late = torch.tensor([[1.3, 3.0]], dtype=torch.float64)
    left = (5 * 1.3**2 + 1.3) * math.exp(-3.0) + 8.0
    assert float(constraint(late, torch.zeros(1, 1))[0, 0]) == pytest.approx(left, rel=1e-12)
    # At the end of the time span the factor is that of the distance to x = 0.
    assert float(constraint(late, torch.ones(1, 1))[0, 0]) == pytest.approx(left + 0.65)


def at(constraint: HardConstraint, place: float, time: float) -> float:
    return float(constraint.offset[0].subs({x: place, t: time}))


def test_initial_values_do_not_fade_where_a_slope_is_given() -> None:
    """u = sin pi x and u_t = 3 x at the start, fade 3. Kills: values that fade beside a slope."""
    wave = Problem(
        name="wave",
        coordinates=(x, t),
        fields=(u,),
        equations=(sympy.Eq(u.diff(t, 2), u.diff(x, 2)),),
        domain=Box(x=(0, 2), t=(0, 1)),
        conditions=(
            Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=0"),
            Condition(sympy.Eq(u.diff(t), 3 * x), on="t=0"),
        ),
    )
    offset = HardConstraint(wave, fade=3.0).offset[0]
    slope = float(offset.diff(t).subs({x: 0.7, t: 0}))
    assert slope == pytest.approx(2.1, abs=1e-12)


def test_final_values_do_not_fade() -> None:
    """1 at the end, fade 3: 1 everywhere (mutant: 20.1 at the start). Kills: any end as a start."""
    problem = heat(Condition(sympy.Eq(u, 1), on="t=3"))
    constraint = HardConstraint(problem, fade=3.0)
    assert at(constraint, 0.7, 1.0) == pytest.approx(1.0, abs=1e-12)
    start = HardConstraint(heat(Condition(sympy.Eq(u, 1), on="t=1")), fade=3.0)
    assert at(start, 0.7, 3.0) == pytest.approx(math.exp(-3), rel=1e-12)


def test_conditions_that_miss_each_other_by_a_thousandth_do_not_meet() -> None:
    """1 at the start and 1.001 at the wall. Kills: a tolerance of a per cent."""
    problem = heat(
        Condition(sympy.Eq(u, 1), on="t=1"), Condition(sympy.Eq(u, sympy.Float(1.001)), on="x=0")
    )
    with pytest.raises(DomainError, match="do not meet"):
        hard(problem)


def test_only_a_measured_field_without_a_face_is_multiplied_by_its_size_alone() -> None:
    """Kills: headroom for samples, whose fits it slows fivefold; none where the size is a guess."""
    v, w = (sympy.Function(name)(x, t) for name in "vw")
    cloud = Cloud(np.array([[0.5, 1.5], [1.0, 2.0]]), {name: np.ones(2) for name in "uv"})
    flow = replace(
        heat(Condition(sympy.Eq(u, 0), on="x=0")),
        fields=(u, v, w),
        equations=(
            sympy.Eq(u.diff(t), v.diff(x)),
            sympy.Eq(v, u.diff(x)),
            sympy.Eq(w.diff(x), u),
        ),
        data=(cloud,),
    )
    faced, measured, guessed = HardConstraint(flow, sizes={u: 3.0, v: 5.0, w: 7.0}).factor
    assert measured == 5
    assert guessed == 4 * 7
    assert faced.subs(x, 2) == 4 * 3 * HardConstraint(flow).factor[0].subs(x, 2)
