"""Every mixer keeps the laws of the contract; what is special to one is tested beside."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sciformer.attention import ALiBi, LearnedAbsolute, Rotary, Universal
from sciformer.errors import DomainError, UsageError
from sciformer.mixers import (
    LMU,
    Attention,
    CausalConvolution,
    Convolution,
    FoldedFFT,
    OpCount,
    Parallel,
    Pipeline,
    PlainFFT,
    Residual,
    TokenMixer,
    TrainableLMU,
    Window,
)
from tests.contracts.mixers import MixerContract


class TestLMU(MixerContract):
    def make(self) -> TokenMixer:
        return LMU(3, Window(5, 7.5, channels=2), hidden=4, activation=nn.Tanh())


class TestLMUByFFT(MixerContract):
    def make(self) -> TokenMixer:
        window = Window(6, 11.0)
        return LMU(3, window, signal_activation=nn.Tanh(), evaluation=FoldedFFT())


class TestLMUByPlainFFT(MixerContract):
    def make(self) -> TokenMixer:
        return LMU(3, Window(6, 11.0, channels=2), evaluation=PlainFFT())


class TestTrainableLMU(MixerContract):
    def make(self) -> TokenMixer:
        return TrainableLMU(3, Window(4, 6.0), activation=nn.Tanh())


class TestCausalConvolution(MixerContract):
    def make(self) -> TokenMixer:
        return CausalConvolution(3, 5, kernel=4)


class TestPointwiseConvolution(MixerContract):
    def make(self) -> TokenMixer:
        return CausalConvolution(3, 5, kernel=1, bias=False)


class TestConvolutionWithLookahead(MixerContract):
    def make(self) -> TokenMixer:
        return Convolution(3, 5, kernel=5, lookahead=2)


class TestCausalAttention(MixerContract):
    width = 6

    def make(self) -> TokenMixer:
        return Attention(6, 3, position=ALiBi(3))


class TestUniversalAttention(MixerContract):
    width = 4

    def make(self) -> TokenMixer:
        return Attention(4, 1, position=Universal(Rotary(), 1, 64))


class TestAttentionWithAbsolutePositions(MixerContract):
    width = 4

    def make(self) -> TokenMixer:
        return Attention(4, 2, position=LearnedAbsolute(4, 64))


class TestFullAttention(MixerContract):
    width = 4

    def make(self) -> TokenMixer:
        return Attention(4, 2, causal=False)


class TestPipeline(MixerContract):
    def make(self) -> TokenMixer:
        return Pipeline(
            first=CausalConvolution(3, 4),
            activation=nn.Tanh(),
            block=Residual(lmu=LMU(4, Window(4, 6.0)), out=nn.Linear(4, 4)),
            last=nn.Linear(4, 2),
        )


class TestPipelineWithLookahead(MixerContract):
    def make(self) -> TokenMixer:
        return Pipeline(
            first=Convolution(3, 4, lookahead=1),
            block=Residual(second=Convolution(4, 4, lookahead=2)),
        )

    def test_lookaheads_add_up(self) -> None:
        """Kills: the largest instead of the sum."""
        assert self.make().lookahead == 3


def test_a_convolution_is_torchs() -> None:
    """Kills: taps in reverse order, a window one step off. Tolerance: sums of 15 products."""
    layer = Convolution(3, 5, kernel=5, lookahead=1).double()
    x = torch.randn(2, 9, 3, dtype=torch.float64)
    padded = nn.functional.pad(x.transpose(1, 2), (3, 1))
    expected = nn.functional.conv1d(padded, layer.weight.permute(0, 2, 1), layer.bias)
    assert torch.allclose(layer(x)[0], expected.transpose(1, 2), rtol=0, atol=1e-13)


def test_convolution_and_causal_attention_are_causal_to_the_bit() -> None:
    """Kills: any arithmetic in which a later token takes part."""
    for mixer in (CausalConvolution(4, 4), Attention(4, 2)):
        x = torch.randn(1, 12, 4)
        changed = x.clone()
        changed[:, 7:] += 7.0
        assert torch.equal(mixer(x)[0][:, :7], mixer(changed)[0][:, :7])


def test_the_window_is_learned() -> None:
    """Kills: a detached theta, a kernel kept from before."""
    mixer = TrainableLMU(1, Window(4, 12.0), signal_activation=nn.Identity())
    gradient = torch.autograd.grad(mixer(torch.randn(2, 9, 1))[0].sum(), mixer.log_scale)[0]
    assert gradient != 0
    with torch.no_grad():
        mixer.log_scale.fill_(0.5)
        other = mixer(torch.ones(1, 9, 1))[0]
        mixer.log_scale.fill_(0.0)
        assert not torch.allclose(mixer(torch.ones(1, 9, 1))[0], other)


def test_operations_of_the_public_cell() -> None:
    """The memory update of 128 steps of order 256: 8.42 M. Kills: leaving it out, as hooks do."""
    cell = LMU(256, Window(256, 128.0))
    without = 128 * (256 + 256 * 256 + 256 * 256)
    assert cell.operations(128).macs - without == 128 * (256 * 256 + 256) == 8_421_376


def test_spikes_reach_only_the_weights_that_meet_them() -> None:
    """Kills: a count that calls real numbers spikes behind the first map, or forgets dropout."""
    stages = Pipeline(keep=nn.Dropout(0.1), first=nn.Linear(3, 5), second=nn.Linear(5, 2))
    assert stages.operations(7, spikes=True) == OpCount(macs=70, acs=105)
    assert stages.operations(7) == OpCount(macs=175)


def test_parallel_is_the_output_alone() -> None:
    """Kills: a mask that is not passed on."""
    mixer, x = Attention(4, 2, causal=False), torch.randn(2, 5, 4)
    mask = torch.tensor([[1, 1, 0, 1, 1], [1, 1, 1, 1, 1]], dtype=torch.bool)
    assert torch.equal(Parallel(mixer)(x, mask=mask), mixer(x, mask=mask)[0])
    assert not torch.equal(Parallel(mixer)(x), mixer(x, mask=mask)[0])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: Window(0, 3.0),
            r"order and channels must be >= 1 and theta > 0 steps; got order 0",
        ),
        (lambda: Window(3, 0.0), r"theta 0\.0"),
        (lambda: Window(3, 3.0, channels=0), r"channels 0"),
        (lambda: Convolution(2, 2, 0), r"kernel must be >= 1 .* got kernel 0"),
        (
            lambda: Convolution(2, 2, 3, lookahead=3),
            r"lookahead in 0 \.\. kernel - 1; .* lookahead 3",
        ),
    ],
)
def test_bad_sizes_are_refused(call: object, sentence: str) -> None:
    with pytest.raises(DomainError, match=sentence):
        call()  # type: ignore[operator]


def test_uncountable_weights_are_refused() -> None:
    with pytest.raises(UsageError, match=r"cannot count the weights of Bilinear"):
        Pipeline(odd=nn.Bilinear(2, 2, 2)).operations(3)
