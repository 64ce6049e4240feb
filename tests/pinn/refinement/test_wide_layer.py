"""The wide layer as a network: exact derivatives, any network below, saved bit for bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pinn.jets import Jet, Operators
from pinn.networks import MLP, PhysicsFormer
from pinn.refinement.saved_layers import widened
from pinn.refinement.wide_layer import WideLayer, linear_layers, per_point
from pinn.trial.trial_solution import TrialSolution
from sciformer.errors import DataError
from tests.oracles.nested_autograd import all_derivatives
from tests.pinn.refinement.problems import burgers, dispersive, trial_of

NAMES = ["1", "x", "t", "xx", "xxx", "xt"]


def points(count: int = 50) -> Tensor:
    sequence: Any = torch.quasirandom.SobolEngine(2, scramble=True, seed=3)
    drawn: Tensor = sequence.draw(count, dtype=torch.float64)
    return 2 * drawn - 1


def layer_on(network: nn.Module, neurons: int = 7, seed: int = 0) -> WideLayer:
    trial = TrialSolution(network)
    layer = WideLayer.random(trial, burgers(), points(), neurons=neurons, scale=1.0, seed=seed)
    layer.output.copy_(torch.randn(1, neurons, generator=torch.Generator().manual_seed(1)))
    return layer


class Users(nn.Module):
    """A network of somebody else: a skip connection, functions, and a linear layer at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 5), nn.Linear(5, 5)
        self.never, self.last = nn.Linear(9, 9), nn.Linear(5, 1)

    def forward(self, points: Any) -> Any:
        hidden = torch.sin(self.first(points))
        return self.last(hidden + torch.tanh(self.second(hidden)))


class Wave(nn.Module):
    """A network that is periodic by itself, with no linear layer."""

    def forward(self, points: Any) -> Any:
        return torch.sin(torch.pi * points[..., :1])


def network_of(kind: str) -> nn.Module:
    if kind == "users":
        torch.manual_seed(0)
        return Users().double()
    small = {
        "physicsformer": PhysicsFormer.Sizes(width=4, steps=3),
        "mlp": MLP.Sizes(width=5, layers=2),
    }
    return trial_of(burgers(), network=small[kind]).network


@pytest.mark.parametrize("kind", ["physicsformer", "mlp", "users"])
def test_derivatives_are_those_of_nested_autograd(kind: str) -> None:
    """Kills: a jet that loses its derivatives on the way to the neurons, the second token of a
    sequence for the first, hidden units of another evaluation."""
    layer = layer_on(layer_on(network_of(kind), seed=4))
    where = points(5)
    operators = Operators(("x", "t"), NAMES)
    jet = layer(Jet.coordinates(where, operators))
    exact = all_derivatives(layer, where, ("x", "t"), NAMES)
    for name, expected in zip(NAMES, exact, strict=True):
        torch.testing.assert_close(jet.derivative(name), expected, rtol=1e-9, atol=1e-9)


def test_the_formula() -> None:
    """Kills: a missing bias or input, units in another order than the weights, a squared tanh."""
    network = network_of("users")
    assert isinstance(network, Users)
    layer, where = layer_on(network), points(6)
    hidden = torch.sin(network.first(where))
    before_last = hidden + torch.tanh(network.second(hidden))
    scaled = torch.stack([where[:, 0], where[:, 1]], dim=-1)  # of x in [-1, 1], t in [0, 1]
    units = torch.cat([where, hidden, before_last, scaled], dim=-1)
    expected = network(where) + torch.tanh(units @ layer.weights.T + layer.bias) @ layer.output.T
    torch.testing.assert_close(layer(where), expected)


def test_a_periodic_problem_stays_periodic_whatever_the_network() -> None:
    """Kills: plain coordinates among the units, own inputs that are forgotten."""
    problem = dispersive()
    ends = torch.tensor([[0.0, 0.3], [2.0, 0.3]], dtype=torch.float64)
    for network in (trial_of(problem).network, Wave().double()):
        where = problem.domain.sample(40)
        trial = TrialSolution(network)
        layer = WideLayer.random(trial, problem, where, neurons=9, scale=1.0, seed=0)
        layer.output.fill_(1.0)
        left, right = layer(ends).detach()
        assert float((left - right).abs().max()) < 1e-13


def test_neurons_are_centred_on_points_and_as_steep_as_the_scale_says() -> None:
    """Kills: centres off the points, no division by the spread, a scale for each of n units."""
    trial, where = trial_of(burgers()), points(4000)
    layer = WideLayer.random(trial, burgers(), where, neurons=3000, scale=0.3, seed=2)
    _, neurons = layer.parts(where)
    assert bool((neurons.abs().amin(0) < 1e-12).all())
    slopes = torch.atanh(neurons.detach()).std(0)
    assert 0.2 < float(slopes.square().mean().sqrt()) < 0.4


def test_layers_that_see_one_vector_a_point() -> None:
    """Kills: tokens of the encoder among the units, layers that are never reached."""
    users = network_of("users")
    assert per_point(users, points()) == [0, 1, 3]
    former = network_of("physicsformer")
    seen = [linear_layers(former)[i].in_features for i in per_point(former, points())]
    assert seen[-1] == 10  # the head's last layer
    assert 0 < len(seen) < len(linear_layers(former))


def test_saved_and_loaded_layers_are_equal_bit_for_bit() -> None:
    """Kills: weights drawn anew from a seed, a layer of two that is lost, names mixed up."""
    one = layer_on(layer_on(network_of("physicsformer"), seed=4), neurons=9)
    state = {f"network.{name}": tensor for name, tensor in one.state_dict().items()}
    again = widened(network_of("physicsformer"), burgers(), state, "network.")
    assert isinstance(again, WideLayer)
    again.load_state_dict(one.state_dict())
    assert torch.equal(again(points()), one(points()))
    plain = network_of("mlp")
    assert widened(plain, burgers(), plain.state_dict()) is plain


def test_a_damaged_file_is_refused() -> None:
    """Kills: an index error deep inside, or layers counted from the end."""
    state = layer_on(network_of("mlp")).state_dict()
    for broken in (
        {"layers": torch.tensor([7])},
        {"layers": torch.tensor([-1])},
        {"layers": torch.tensor([0, 0])},
        {"layers": torch.tensor([0.0])},
        {"bias": torch.zeros(3)},
        {"bias": torch.tensor(1.0)},
        {"weights": torch.zeros(7, 3)},
        {"output": torch.zeros(1, 6)},
    ):
        with pytest.raises(DataError, match="do not fit together; solve again"):
            widened(network_of("mlp"), burgers(), {**state, **broken})
