"""Neurons against a naive loop and the libraries of the field; spiking mixers by contract."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sciformer.errors import DomainError
from sciformer.mixers import TokenMixer, Window
from sciformer.spiking import (
    LIF,
    ArcTan,
    FastSigmoid,
    LinearReadoutLMU,
    Sigmoid,
    SpikingLMU,
    Surrogate,
    Triangle,
)
from tests.contracts.mixers import MixerContract
from tests.oracles.lif import lif_loop


class TestLIF(MixerContract):
    differentiable = False
    tolerance = 0.0

    def make(self) -> TokenMixer:
        return LIF(3, 1.7, threshold=0.6)


class TestSpikingLMU(MixerContract):
    """A potential may differ by rounding; with these seeds none lies that near its threshold."""

    differentiable = False
    inputs_are_spikes = True

    def make(self) -> TokenMixer:
        return SpikingLMU(3, Window(6, 9.0, channels=2), hidden=4)


class TestLinearReadoutLMU(MixerContract):
    differentiable = False

    def make(self) -> TokenMixer:
        return LinearReadoutLMU(3, Window(6, 9.0), hidden=4)


def test_tokens_that_are_not_there_write_nothing() -> None:
    """Every signal neuron would fire at every step. Kills: absent tokens that write."""
    lmu = SpikingLMU(3, Window(6, 9.0, channels=2)).eval()
    torch.nn.init.constant_(lmu.signal.bias, 1e6)
    x = torch.randn(2, 5, 3)
    written = lmu(x)[1][1]
    absent = lmu(x, mask=torch.zeros(2, 5, dtype=torch.bool))[1][1]
    assert bool((written != 0).any())
    assert torch.equal(absent, torch.zeros(2, 2, 6))


def run(x: Tensor, surrogate: Surrogate) -> tuple[Tensor, Tensor]:
    """Spikes and the gradient of their weighted sum."""
    x = x.clone().requires_grad_()
    y, (after,) = LIF(4, 1.7, threshold=0.6, surrogate=surrogate).double()(x)
    weights = torch.cos(torch.arange(y.numel())).view_as(y)
    (gradient,) = torch.autograd.grad((y * weights).sum() + (3 * after).sum(), x)
    return y.detach(), gradient


@pytest.mark.parametrize("surrogate", [Sigmoid(), ArcTan(3.0), Triangle(0.7), FastSigmoid(5.0)])
@pytest.mark.parametrize("length", [1, 2, 50])
def test_the_sequence_is_the_naive_loop(surrogate: Surrogate, length: int) -> None:
    """Kills: a reset with gradient, a leak of 1/tau, a step of the recurrence too few.

    Tolerance: at most 50 products of factors below 1, each off by 2^-53.
    """
    x = 2 * torch.randn(3, length, 4, dtype=torch.float64)
    spikes, gradient = run(x, surrogate)
    expected, expected_gradient = lif_loop(x, 1.7, 0.6, surrogate.derivative)
    assert torch.equal(spikes, expected)
    assert 0.05 < spikes.mean() < 0.95 or length == 1
    assert (gradient - expected_gradient).abs().max() < 1e-14


def test_the_gradient_passes_through_a_carried_state() -> None:
    """A sequence in two parts has the gradient of the whole.

    Kills: a leak missing where the membrane enters, a last membrane without gradient.
    """
    x = (2 * torch.randn(3, 20, 4, dtype=torch.float64)).requires_grad_()
    neurons = LIF(4, 1.7, threshold=0.6).double()
    weights = torch.cos(torch.arange(x.numel())).view_as(x)
    (expected,) = torch.autograd.grad((neurons(x)[0] * weights).sum(), x)
    first, state = neurons(x[:, :7])
    second, _ = neurons(x[:, 7:], state=state)
    joined = torch.cat([first, second], 1)
    (gradient,) = torch.autograd.grad((joined * weights).sum(), x)
    assert (gradient - expected).abs().max() < 1e-14


@pytest.mark.parametrize(
    ("surrogate", "at_zero", "at_third"),
    [
        (Sigmoid(4.0), 1.0, 4 * math.exp(-4 / 3) / (1 + math.exp(-4 / 3)) ** 2),
        (ArcTan(3.0), 1.5, 1.5 / (1 + (math.pi / 2) ** 2)),
        (Triangle(2.0), 2.0, 2 / 3),
        (FastSigmoid(6.0), 1.0, 1 / 9),
    ],
)
def test_surrogates_are_their_formulas(
    surrogate: Surrogate, at_zero: float, at_third: float
) -> None:
    """Kills: a missing factor, an asymmetric peak."""
    found = surrogate.derivative(torch.tensor([0.0, 1 / 3, -1 / 3], dtype=torch.float64))
    assert torch.allclose(found, torch.tensor([at_zero, at_third, at_third], dtype=torch.float64))


def test_a_triangle_has_a_foot() -> None:
    """Kills: a negative slope beyond it."""
    assert Triangle(2.0).derivative(torch.tensor([0.5, 3.0])).tolist() == [0.0, 0.0]


def test_the_threshold_itself_spikes() -> None:
    """Kills: > instead of >=."""
    assert LIF(1, 1.0, threshold=0.5)(torch.tensor([[[0.5], [0.49]]]))[0].flatten().tolist() == [
        1,
        0,
    ]


def test_spikes_are_snntorchs() -> None:
    """Bit for bit; there the input is not divided by tau, so it is halved."""
    snntorch = pytest.importorskip("snntorch")
    x = 3 * torch.randn(64, 200, 5)
    neuron = snntorch.Leaky(beta=0.5, threshold=1.0, reset_mechanism="zero", reset_delay=False)
    membrane, rows = neuron.init_leaky(), []
    for t in range(200):
        spikes, membrane = neuron(x[:, t] / 2, membrane)
        rows.append(spikes)
    assert torch.equal(LIF(5)(x)[0], torch.stack(rows, 1))


def test_spikes_are_spikingjellys() -> None:
    """Bit for bit."""
    neurons = pytest.importorskip("spikingjelly.activation_based.neuron", exc_type=ImportError)
    x = 3 * torch.randn(64, 200, 5)
    neuron = neurons.LIFNode(tau=2.0, detach_reset=True, step_mode="m")
    assert torch.equal(LIF(5)(x)[0], neuron(x.transpose(0, 1)).transpose(0, 1))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: LIF(2, 0.9), r"LIF: tau must be >= 1 steps and threshold > 0; got tau 0\.9"),
        (lambda: LIF(2, threshold=0.0), r"threshold 0\.0"),
        (lambda: Sigmoid(0.0), r"Sigmoid: sharpness must be > 0; got 0\.0"),
    ],
)
def test_bad_values_are_refused(call: object, sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        call()  # type: ignore[operator]
