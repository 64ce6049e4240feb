"""PhysicsFormer: what it computes, what its derivative is, and how it uses its attention."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pinn.jets import Jet, Operators
from pinn.networks import MLP, PhysicsFormer, Wavelet
from pinn.networks.mixers import MIXERS
from pinn.networks.physicsformer import attention_entropy
from sciformer.attention import MultiheadAttention
from sciformer.errors import DomainError
from tests.oracles.nested_autograd import all_derivatives


def former(**options: object) -> PhysicsFormer:
    torch.manual_seed(3)
    return PhysicsFormer(2, 1, PhysicsFormer.Sizes(**options)).double()  # type: ignore[arg-type]


def test_the_default_has_the_size_it_is_said_to_have() -> None:
    assert sum(p.numel() for p in PhysicsFormer(2, 1).parameters()) == 1387
    assert sum(p.numel() for p in MLP(2, 1).parameters()) == 1341


@pytest.mark.parametrize("network", [former(steps=3), MLP(2, 1).double()], ids=["former", "mlp"])
def test_jets_carry_the_total_derivative(network: nn.Module) -> None:
    """Kills: tokens that do not move with the point."""
    operators = Operators(("x", "t"), ["1", "t", "x", "xx"])
    points = torch.rand(5, 2, dtype=torch.float64)
    jet = network(Jet.coordinates(points, operators))
    expected = all_derivatives(network, points, ["x", "t"], ["1", "t", "x", "xx"])
    for name, value in zip(["1", "t", "x", "xx"], expected, strict=True):
        assert torch.allclose(jet.derivative(name), value, rtol=1e-11, atol=1e-11)


def test_the_pseudo_sequence_steps_along_its_coordinate() -> None:
    sizes = PhysicsFormer.Sizes(steps=3, step=0.25)
    network = PhysicsFormer(2, 1, sizes, along=0).double()
    sequence = network.pseudo_sequence(torch.tensor([[1.0, 2.0]], dtype=torch.float64))
    assert sequence.tolist() == [[[1.0, 2.0], [1.25, 2.0], [1.5, 2.0]]]


def test_one_token_is_the_network_without_a_sequence() -> None:
    network = former(steps=4)
    points = torch.rand(6, 2, dtype=torch.float64)
    with torch.no_grad():
        assert not torch.allclose(network(points), network.with_steps(1)(points), atol=1e-4)
        assert torch.equal(network.with_steps(1).with_steps(4)(points), network(points))
    assert next(network.with_steps(1).parameters()) is next(network.parameters())


def test_entropy_of_attention_lies_between_choice_and_mean() -> None:
    """Kills: entropy over log of the wrong number of keys."""
    points = torch.rand(50, 2, dtype=torch.float64)
    even = attention_entropy(former(sharpness=1e-9), points)
    assert list(even) == ["encoder.0.mixer", "decoder.0.attention"]
    assert all(value == pytest.approx(1, abs=1e-12) for value in even.values())
    sharp = attention_entropy(former(sharpness=1e3, step=0.5), points)
    assert all(0 <= value < 0.9 for value in sharp.values())


def test_wavelet_is_its_formula() -> None:
    wavelet = Wavelet()
    with torch.no_grad():
        wavelet.sine.fill_(2.0)
        wavelet.cosine.fill_(-3.0)
    x = torch.tensor([0.4])
    assert torch.allclose(wavelet(x), 2 * torch.sin(x) - 3 * torch.cos(x))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "steps must be >= 1; got 0"),
        ({"step": 0.0}, "step must be > 0; got 0"),
        ({"decoder_layers": 0}, "at least 1 decoder layer"),
    ],
)
def test_impossible_sizes_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        former(**options)


@pytest.mark.parametrize("name", MIXERS)
def test_jets_go_through_every_mixer_of_tokens(name: str) -> None:
    """Kills: an activation without second derivatives, a mixer that loses the point axis."""
    network = former(steps=3, mixer=MIXERS[name])
    names = ["1", "t", "x", "xx"]
    points = torch.rand(5, 2, dtype=torch.float64)
    jet = network(Jet.coordinates(points, Operators(("x", "t"), names)))
    expected = all_derivatives(network, points, ["x", "t"], names)
    for operator, value in zip(names, expected, strict=True):
        assert torch.allclose(jet.derivative(operator), value, rtol=1e-11, atol=1e-11)
    assert network.with_steps(1)(points).shape == (5, 1)


def test_entropy_counts_signed_weights_by_their_size() -> None:
    """Kills: the entropy of negative numbers, which is minus infinity."""
    network = former(steps=3, mixer=MIXERS["urpe"])
    attention = network.encoder[0].mixer
    assert isinstance(attention, MultiheadAttention)
    points = torch.rand(20, 2, dtype=torch.float64)
    plain = attention_entropy(network, points)
    with torch.no_grad():
        attention.position.table.mul_(-3.0)
    assert attention_entropy(network, points)["encoder.0.mixer"] == pytest.approx(
        plain["encoder.0.mixer"], abs=1e-12
    )
