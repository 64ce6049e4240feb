"""Inputs: periodic to all orders, rescaled otherwise, with learned waves in time."""

from __future__ import annotations

import math

import pytest
import sympy
import torch
from torch import nn

from pinn.geometry.box import Box
from pinn.jets import Jet, Operators
from pinn.problem.problem import Condition, Problem
from pinn.settings import Settings
from pinn.solution import build_trial
from pinn.trial.embedding import PeriodicEmbedding, Waves, embed

x, y, t = sympy.symbols("x y t")


def problem(**changes: object) -> Problem:
    u = sympy.Function("u")(x, y, t)
    whole: dict[str, object] = {
        "name": "mine",
        "coordinates": (x, y, t),
        "fields": (u,),
        "equations": (sympy.Eq(u.diff(t) + u.diff(x), 0),),
        "domain": Box(x=(1, 4), y=(-2, 0), t=(2, 7)),
        "conditions": (Condition(sympy.Eq(u, 0), on="t=2"),),
        "periodic": ("x",),
    }
    return Problem(**{**whole, **changes})  # type: ignore[arg-type]


def test_columns_are_rescaled_coordinates_then_waves() -> None:
    """Kills: a period of the half interval, sin and cos exchanged, time put in [-1, 1]."""
    embedding = PeriodicEmbedding(problem(), harmonics=2).double()
    point = torch.tensor([[1.75, -0.5, 4.5]], dtype=torch.float64)
    angle = 2 * math.pi * 0.25
    wanted = [0.5, 0.5]
    wanted += [math.cos(angle), math.cos(2 * angle), math.sin(angle), math.sin(2 * angle)]
    assert embedding(point)[0].tolist() == pytest.approx(wanted, abs=1e-15)


@pytest.mark.parametrize("model", ["mlp", "physicsformer"])
def test_any_network_is_periodic_with_its_derivatives(model: str) -> None:
    trial = build_trial(problem(), Settings(model=model, harmonics=3))
    points = problem().domain.sample(9)
    left, right = points.clone(), points.clone()
    left[:, 0], right[:, 0] = 1.0, 4.0
    operators = Operators("xyt", ["1", "x", "xx", "xxx", "t"])
    one, other = (trial(Jet.coordinates(p, operators)) for p in (left, right))
    for name in operators.names:
        assert torch.allclose(one.derivative(name), other.derivative(name), atol=1e-10)
    assert float(one.derivative("x").detach().abs().max()) > 1e-3


def test_waves_append_cosines_and_sines_of_time() -> None:
    waves = Waves(1, [2.0, 5.0]).double()
    inputs = torch.tensor([[7.0, 0.3]], dtype=torch.float64)
    wanted = [7.0, 0.3, math.cos(0.6), math.cos(1.5), math.sin(0.6), math.sin(1.5)]
    assert waves(inputs)[0].tolist() == pytest.approx(wanted, abs=1e-15)
    assert waves.frequencies.requires_grad


def test_frequencies_are_spread_up_to_the_problems() -> None:
    """Kills: radians per unit of time taken for radians over the span."""
    inputs = embed(problem(frequency=6.0), harmonics=1, waves=3)
    assert inputs.frequencies == pytest.approx((10.0, 20.0, 30.0))
    assert inputs.along == 1
    assert embed(problem(), harmonics=1, waves=3).frequencies == ()
    layer = inputs.first_layer(5)
    assert isinstance(layer[1], nn.Linear)
    assert layer[1].in_features == 2 + 2 + 6


def test_the_sequence_steps_along_time_wherever_it_stands() -> None:
    plain = problem(periodic=())
    assert embed(plain, 1, 0).along == 2
    assert embed(problem(periodic=("x", "y")), 1, 0).along == 0
