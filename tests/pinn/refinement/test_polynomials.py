"""Polynomials as features: their formula, their derivatives, and layers of them on the disk."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch

from pinn.jets import Jet, Operators
from pinn.problem.problem import Problem
from pinn.refinement.polynomials import PolynomialLayer, Polynomials, orders_within
from pinn.refinement.saved_layers import trunk, widened
from pinn.refinement.wide_layer import WideLayer
from sciformer.errors import DataError
from tests.oracles.nested_autograd import all_derivatives
from tests.pinn.refinement.problems import dispersive, flow_with_data, plate, trial_of

NAMES = ["1", "x", "t", "xx", "xxx", "xt"]


def test_features_are_chebyshev_polynomials_and_waves() -> None:
    """Against cos(n arccos s). Kills: a box that is not the problem's, a wave of another length or
    phase, orders of another coordinate."""
    problem = dispersive()  # x in [0, 2], periodic; t in [0, 1]
    orders = torch.tensor([[0, 0], [1, 0], [2, 3], [3, 5], [4, 1]])
    points = problem.domain.sample(20)
    s, tau = points[:, 0].numpy() - 1, np.arccos(2 * points[:, 1].numpy() - 1)
    pi = math.pi
    expected = [
        np.ones(20),
        np.sin(pi * s),
        np.cos(pi * s) * np.cos(3 * tau),
        np.sin(2 * pi * s) * np.cos(5 * tau),
        np.cos(2 * pi * s) * np.cos(tau),
    ]
    found = Polynomials(problem, orders)(points).numpy()
    assert found == pytest.approx(np.stack(expected, axis=1), abs=1e-12)


def test_derivatives_are_those_of_nested_autograd() -> None:
    """Kills: a constant with a slope, a recurrence that holds for values alone."""
    problem, points = dispersive(), dispersive().domain.sample(6)
    polynomials = Polynomials(problem, orders_within(problem, 12))
    jet = polynomials(Jet.coordinates(points, Operators("xt", NAMES)))
    nested = all_derivatives(polynomials, points, ("x", "t"), NAMES)
    for name, expected in zip(NAMES, nested, strict=True):
        found = jet.derivative(name).numpy()
        assert found == pytest.approx(expected.detach().numpy(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("make", [dispersive, flow_with_data, plate])
def test_orders_lie_within_a_radius(make: Any) -> None:
    """Kills: a box of orders, a wave that counts as one degree, more features than asked for."""
    problem: Problem = make()
    periodic = [name in problem.periodic for name in problem.domain.coordinates]
    for count in (1, 30, 200):
        orders = orders_within(problem, count).numpy()
        degrees = np.where(periodic, math.pi * ((orders + 1) // 2), orders)
        assert len(np.unique(orders, axis=0)) == len(orders) <= count
        assert len(orders) > 0.6 * count  # the next radius adds all of its orders at once
        radius = np.sqrt((degrees**2).sum(1)).max()
        for missing in np.eye(len(periodic)):  # one order more than the largest along each axis
            highest = (orders * missing).max(0) @ missing + 1
            degree = math.pi * ((highest + 1) // 2) if periodic[missing.argmax()] else highest
            assert degree > radius


def saved() -> tuple[Problem, PolynomialLayer]:
    problem = plate()
    trial = trial_of(problem)
    points = problem.domain.sample(20)
    below = WideLayer.random(trial, problem, points, neurons=4, scale=1.0, seed=0)
    orders = orders_within(problem, 12)
    output = torch.linspace(-1, 2, len(orders), dtype=torch.float64)[None]
    return problem, PolynomialLayer(below, Polynomials(problem, orders), output)


def test_a_saved_layer_is_built_again_on_the_wide_layer_below() -> None:
    """Kills: orders or values that are lost, a layer below that is left out."""
    problem, layer = saved()
    again = widened(trial_of(problem).network, problem, layer.state_dict())
    assert isinstance(again, PolynomialLayer)
    assert isinstance(again.network, WideLayer)
    again.load_state_dict(layer.state_dict())
    points = problem.domain.sample(9)
    assert torch.equal(again(points), layer(points))
    assert trunk(layer) is layer.network.network


def test_a_saved_layer_that_does_not_fit_is_refused() -> None:
    """Kills: orders of other coordinates, negative ones, endless ones, another count of values."""
    problem, layer = saved()
    state = layer.state_dict()
    orders, output = state["polynomials.orders"], state["output"]
    for broken in (
        {"polynomials.orders": orders[:, :1]},
        {"polynomials.orders": orders - 1},
        {"polynomials.orders": orders + 10**6},
        {"polynomials.orders": orders.double()},
        {"output": output[:, 1:]},
        {"output": output[0]},
    ):
        with pytest.raises(DataError, match="which do not fit together"):
            widened(trial_of(problem).network, problem, {**state, **broken})


def test_a_coordinate_of_its_own_ends_at_the_highest_degree() -> None:
    """Kills: thousands of degrees along one coordinate."""
    problem = dataclasses.replace(plate(), periodic=("x",))
    assert int(orders_within(problem, 10**5).max()) == 64
