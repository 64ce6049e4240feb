"""Inputs: periodic to all orders, rescaled otherwise, with learned waves in time."""

from __future__ import annotations

import math

import pytest
import sympy
import torch
from torch import nn

from pinn.assembly import build_trial
from pinn.geometry.box import Box
from pinn.jets import Jet, Operators
from pinn.networks import MLP, PhysicsFormer
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.trial.inputs import (
    Inputs,
    PeriodicEmbedding,
    PeriodicWave,
    Rescale,
    TravellingWave,
    Waves,
    inputs_of,
)

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


@pytest.mark.parametrize("model", [MLP.Sizes(), PhysicsFormer.Sizes()])
def test_any_network_is_periodic_with_its_derivatives(
    model: MLP.Sizes | PhysicsFormer.Sizes,
) -> None:
    trial = build_trial(problem(), Settings(network=model, harmonics=3))
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


def test_rescaling_centres_space_and_starts_time() -> None:
    rescale = Rescale.to_unit_box(Box(x=(2, 6), t=(1, 4)), time="t")
    points = torch.tensor([[2.0, 1.0], [5.0, 4.0]]).double()
    assert rescale(points).tolist() == [[-1.0, 0.0], [0.5, 1.0]]
    assert Rescale.to_unit_box(Box(x=(-1, 1), t=(0, 1)), time="t").is_identity


def test_scales_keep_all_digits() -> None:
    """Kills: buffers made in single precision, which move surveyors' coordinates by metres."""
    rescale = Rescale.to_unit_box(Box(x=(4512000.3, 4512004.3)))
    assert float(rescale(torch.tensor([[4512003.3]], dtype=torch.float64))) == pytest.approx(
        0.5, abs=1e-8
    )


def test_frequencies_are_spread_up_to_the_problems() -> None:
    """Kills: radians per unit of time taken for radians over the span."""
    inputs = inputs_of(problem(frequency=6.0), harmonics=1, waves=3)
    assert isinstance(inputs.appended, Waves)
    assert inputs.appended.frequencies.tolist() == pytest.approx([10.0, 20.0, 30.0])
    assert inputs.along == 1
    assert inputs.width == 2 + 2 + 6
    assert inputs_of(problem(), harmonics=1, waves=3).appended is None


def test_the_sequence_steps_along_time_wherever_it_stands() -> None:
    plain = problem(periodic=())
    assert inputs_of(plain, 1, 0).along == 2
    assert inputs_of(problem(periodic=("x", "y")), 1, 0).along == 0


@pytest.mark.parametrize("features", [None, Waves(1, [3.0]), TravellingWave([0.4, -2.0])])
@pytest.mark.parametrize("network", [MLP, PhysicsFormer])
def test_a_network_with_inputs_is_the_network_of_its_inputs(
    network: type[nn.Module], features: nn.Module | None
) -> None:
    """A pseudo-sequence steps in scaled time, and every token has features of its own.

    Kills: inputs that are dropped, features of the first token given to all.
    """
    scale = Rescale([1.0, 2.0], [3.0, 5.0])
    inputs = Inputs(2, scale, features, along=1)  # type: ignore[arg-type]
    whole = network(2, 1, inputs=inputs).double()
    points = torch.rand(4, 2).double()
    scaled = (points - torch.tensor([1.0, 2.0])) / torch.tensor([3.0, 5.0])
    if isinstance(whole, MLP):
        ahead = scaled if features is None else features(scaled)
        assert torch.equal(whole(points), whole.layers(ahead))
        return
    assert isinstance(whole, PhysicsFormer)
    seen: list[torch.Tensor] = []
    whole.embedding.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    whole(points)
    for token in range(whole.steps):
        later = scaled + torch.tensor([0.0, whole.step * token])
        wanted = later if features is None else features(later)
        assert torch.allclose(seen[0][:, token], wanted, atol=1e-12)


def test_jets_go_through_inputs() -> None:
    for features in (Waves(1, [3.0]), PeriodicWave([0.4, -2.0])):
        inputs = Inputs(2, Rescale([1.0, 2.0], [3.0, 5.0]), features).double()
        points = torch.rand(3, 2).double()
        jet = inputs(Jet.coordinates(points, Operators("xt", ["1", "t"])))
        step = torch.tensor([0.0, 1e-6]).double()
        slope = (inputs(points + step) - inputs(points - step)) / 2e-6
        assert torch.allclose(jet.derivative("t"), slope, atol=1e-8)
