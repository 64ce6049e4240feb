"""Every mixer keeps the laws of the contract; what is special to one is tested beside."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sciformer.attention import ALiBi, LearnedAbsolute, Rotary, Universal
from sciformer.attention.cores import LearnedMass, Materialised, Regions
from sciformer.errors import DomainError, ShapeError, UnknownNameError, UsageError
from sciformer.mixers import (
    LMU,
    Attention,
    CausalConvolution,
    Convolution,
    FoldedFFT,
    Latents,
    LinearAttention,
    MixerSizes,
    OpCount,
    Parallel,
    Pipeline,
    PlainFFT,
    Residual,
    Slices,
    TokenMixer,
    TrainableLMU,
    Window,
    WindowAttention,
    find_core,
    find_mixer,
)
from sciformer.mixers.cache import BLOCK, Cached, blocks_of, in_blocks
from sciformer.mixers.named import CORES, MIXERS
from tests.contracts.mixers import MixerContract, tensors


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


class TestWindowAttention(MixerContract):
    width = 6

    def make(self) -> TokenMixer:
        return WindowAttention(6, 3, 5, position=Rotary())


class TestUniversalWindowAttention(MixerContract):
    width = 4

    def make(self) -> TokenMixer:
        return WindowAttention(4, 2, 3, position=Universal(ALiBi(2), 2, 64))


class TestLinearAttention(MixerContract):
    width = 6

    def make(self) -> TokenMixer:
        return LinearAttention(6, 3)


class TestFullLinearAttention(MixerContract):
    width = 4

    def make(self) -> TokenMixer:
        return LinearAttention(4, 2, causal=False)


class TestLatents(MixerContract):
    width = 4

    def make(self) -> TokenMixer:
        return Latents(4, 2, 3, depth=2)


class TestSlices(MixerContract):
    width = 4

    def make(self) -> TokenMixer:
        return Slices(4, 2, 3)


class TestRegionalAttention(MixerContract):
    width = 4

    def make(self) -> TokenMixer:
        return Attention(4, 2, causal=False, core=Regions(3, LearnedMass(2)))


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


def test_the_last_token_of_a_residual_path_without_mixers() -> None:
    """Kills: x added twice."""
    torch.manual_seed(0)
    inner = Residual(linear=nn.Linear(3, 3))
    x = torch.randn(2, 5, 3)
    for mixer in (inner, Pipeline(memory=LMU(3, order=4, theta=5.0), channels=inner)):
        torch.testing.assert_close(mixer.last_token(x), mixer(x)[0][:, -1])


def test_order_and_theta_stand_for_a_window() -> None:
    """Kills: order and theta exchanged, one of them ignored."""
    made = LMU(3, order=6, theta=9.0)
    assert made.window == Window(6, 9.0)
    assert TrainableLMU(3, order=6, theta=9.0).window == made.window
    for wrong in ({}, {"order": 6}, {"window": Window(6, 9.0), "theta": 9.0}):
        with pytest.raises(UsageError, match=r"LMU: expects a Window\(order, theta, ch"):
            LMU(3, **wrong)


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
            r"order and channels must be whole numbers >= 1 and theta > 0 steps; got order 0",
        ),
        (lambda: Window(3, 0.0), r"theta 0\.0"),
        (lambda: Window(3, 3.0, channels=0), r"channels 0"),
        (lambda: Window(2.5, 3.0), r"whole numbers .* order 2\.5"),  # type: ignore[arg-type]
        (lambda: Window("4", 3.0), r"whole numbers .* order 4"),  # type: ignore[arg-type]
        (lambda: Window(3, float("inf")), r"theta inf"),
        (lambda: WindowAttention(4, 2, 2.5), r"whole number of tokens >= 0; got 2\.5"),  # type: ignore[arg-type]
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


def test_a_long_stream_in_blocks_is_the_whole_sequence() -> None:
    """1000 tokens: closed blocks of 512, 256, 128, 64 and an open one of 40.

    Kills: blocks merged in the wrong order, a block of the wrong age, positions that restart."""
    position = Universal(ALiBi(2), 2, 1024)
    mixer = Attention(4, 2, position=position).double()
    generator = torch.Generator().manual_seed(0)
    torch.nn.init.normal_(position.table, generator=generator)
    x = torch.randn(1, 1000, 4, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        whole, last = mixer(x)
        state = mixer.init_state(1)
        for t in range(1000):
            y, state = mixer.step(x[:, t], state)
            if t in (62, 63, 64, 127, 128, 700, 999):
                torch.testing.assert_close(y, whole[:, t], rtol=1e-12, atol=1e-12)
    lengths = [block.length for block in blocks_of(state)]
    assert lengths == [block.length for block in blocks_of(last)]
    assert [length for length in lengths if length] == [512, 256, 128, 64, 40]


def test_blocks_beyond_the_largest_queue_up() -> None:
    """Kills: tokens lost from a cache longer than all levels together."""
    n = 3 * BLOCK * 2**9 + 17
    seen = torch.arange(n)[None] % 7 > 0
    numbers = torch.arange(n, dtype=torch.float64).reshape(1, 1, n, 1)
    blocks = in_blocks(Cached(numbers, numbers, seen))
    assert [block.length for block in blocks if block.length] == [3 * BLOCK * 2**9, 17]
    whole = Cached.joined(blocks)
    assert torch.equal(whole.key, numbers)
    assert torch.equal(whole.seen, seen)


@pytest.mark.parametrize("name", ["window", "linear"])
def test_streams_of_constant_memory(name: str) -> None:
    """Kills: a cache that grows behind its window."""
    mixer = find_mixer("test", name)(MixerSizes(8, 2, 64, before=16))
    state, sizes = mixer.init_state(1), set()
    with torch.no_grad():
        for t in range(300):
            _, state = mixer.step(torch.randn(1, 8), state)
            if t >= 16:
                sizes.add(sum(part.numel() for part in tensors(state)))
    # keys and values of 16 tokens of width 8, which exist, and the count; or the sums of linear
    assert sizes == {2 * 16 * 8 + 16 + 1 if name == "window" else 2 * (4 * 4 + 4)}


def test_masses_of_tokens_are_cells() -> None:
    """A cell cut into equal halves is the same cell. Kills: masses that are not carried on."""
    x, masses = torch.randn(2, 5, 4).double(), torch.rand(2, 5).double() + 0.1
    halves = x.repeat_interleave(2, 1), masses.repeat_interleave(2, 1) / 2
    for mixer in (Latents(4, 2, 3), Slices(4, 2, 3)):
        mixer = mixer.double()
        wanted = mixer(x, masses=masses)[0].repeat_interleave(2, 1)
        torch.testing.assert_close(mixer(halves[0], masses=halves[1])[0], wanted)
        assert not torch.allclose(mixer(x)[0], mixer(x, masses=masses)[0])


def test_slices_by_loops() -> None:
    """Kills: shares normalised over the tokens, a mean without its masses."""
    mixer = Slices(4, 2, 3).double()
    x, masses = torch.randn(1, 5, 4).double(), torch.rand(5).double() + 0.1
    shares = mixer.assign(x[0]).softmax(-1)
    z = torch.zeros(3, 4).double()
    for k in range(3):
        held = [(masses[n] * shares[n, k]).item() for n in range(5)]
        z[k] = sum(h * mixer.value(x[0, n]) for n, h in enumerate(held)) / sum(held)
    mixed = mixer.mix(z)
    wanted = torch.stack([sum(shares[n, k] * mixed[k] for k in range(3)) for n in range(5)])
    torch.testing.assert_close(mixer(x, masses=masses)[0][0], wanted)


def test_linear_attention_by_its_matrix() -> None:
    """Kills: features without their scale, a normaliser that counts later tokens."""
    mixer = LinearAttention(6, 2).double()
    x = torch.randn(1, 150, 6).double()
    split = [part(x).unflatten(-1, (2, 3)).transpose(1, 2) for part in (mixer.query, mixer.key)]
    query, key = (nn.functional.softplus(part * 3**-0.25) for part in split)
    weights = (query @ key.transpose(-1, -2)).tril()
    value = mixer.value(x).unflatten(-1, (2, 3)).transpose(1, 2)
    wanted = mixer.output(
        (weights / weights.sum(-1, keepdim=True) @ value).transpose(1, 2).flatten(-2)
    )
    torch.testing.assert_close(mixer(x)[0], wanted, rtol=1e-12, atol=1e-12)


def test_the_core_of_a_mixer_is_used() -> None:
    """Kills: a core that the mixer drops."""

    class Watched(Materialised):
        calls = 0

        def attend(self, *arguments: object) -> torch.Tensor:
            Watched.calls += 1
            return super().attend(*arguments)

    Attention(4, 2, core=Watched())(torch.randn(1, 5, 4))
    WindowAttention(4, 2, 3, core=Watched())(torch.randn(1, 5, 4))
    assert Watched.calls == 2


@pytest.mark.parametrize("name", MIXERS)
def test_mixers_by_name(name: str) -> None:
    """Kills: a name that makes another mixer, a name that is not installed."""
    from importlib.metadata import entry_points

    mixer = find_mixer("test", name)(MixerSizes(8, 2, 12))
    assert mixer(torch.randn(2, 12, 8))[0].shape == (2, 12, 8)
    (point,) = entry_points(group="sciformer.mixers", name=name)
    assert point.load() is MIXERS[name]


@pytest.mark.parametrize("name", CORES)
def test_cores_by_name(name: str) -> None:
    """Kills: a name that is not installed."""
    from importlib.metadata import entry_points

    assert isinstance(find_core("test", name), CORES[name])
    (point,) = entry_points(group="sciformer.cores", name=name)
    assert point.load() is CORES[name]


def test_unknown_names_are_refused() -> None:
    """Kills: a message without the nearest name."""
    with pytest.raises(UnknownNameError, match=r"unknown mixer 'linera'. Did you mean 'linear'"):
        find_mixer("test", "linera")
    with pytest.raises(UnknownNameError, match=r"unknown attention core 'fusd'. Did you mean 'fu"):
        find_core("test", "fusd")


@pytest.mark.parametrize("name", ["lmu", "attention", "window", "linear", "latents", "slices"])
def test_masks_of_other_sequences_are_refused(name: str) -> None:
    """Also one that hides nothing. Kills: a mask that is dropped because all of it is True."""
    mixer, x = find_mixer("test", name)(MixerSizes(4, 2, 5)), torch.randn(2, 5, 4)
    for mask in (torch.ones(2, 4, dtype=torch.bool), torch.ones(2, 5), torch.ones(5).bool()):
        with pytest.raises(ShapeError, match=r"a mask is boolean .* here \(2, 5\); got torch"):
            mixer(x, mask=mask)


@pytest.mark.parametrize("name", ["lmu", "attention", "window", "linear", "latents", "slices"])
def test_a_hidden_nan_reaches_no_gradient(name: str) -> None:
    """Kills: hidden tokens that meet the projections, whose gradient is then 0 * nan."""
    mixer = find_mixer("test", name)(MixerSizes(4, 2, 5)).double()
    there = torch.arange(5) < 3
    x = torch.where(there[:, None], torch.randn(2, 5, 4).double(), torch.nan)
    y = mixer(x, mask=there.expand(2, 5))[0][:, :3]
    gradients = torch.autograd.grad(y.square().sum(), [*mixer.parameters()], allow_unused=True)
    assert all(bool(one.isfinite().all()) for one in gradients if one is not None)
    torch.testing.assert_close(y, mixer(x[:, :3])[0])


def test_slices_without_tokens_are_finite() -> None:
    """A slice whose shares all vanish in floating point, a sequence that is hidden, masses of 0.

    Kills: 0 / 0 for the mean of nothing.
    """
    mixer, x = Slices(4, 2, 3), torch.randn(2, 5, 4)
    with torch.no_grad():
        mixer.assign.bias.copy_(torch.tensor([0.0, -300.0, 300.0]))
    for options in ({}, {"mask": torch.zeros(2, 5, dtype=torch.bool)}, {"masses": torch.zeros(5)}):
        assert bool(mixer(x, **options)[0].isfinite().all())
    with pytest.raises(ShapeError, match=r"masses of tokens \(2, 5\) .* got \(4,\)"):
        mixer(x, masses=torch.ones(4))


@pytest.mark.parametrize("latents", [4, 32])
def test_latents_start_with_their_share_of_the_tokens(latents: int) -> None:
    """Kills: latents of unit size, which all start as the mean of all tokens."""
    torch.manual_seed(0)
    mixer, tokens = Latents(64, 4, latents), torch.randn(1, 2048, 64)
    with torch.no_grad():
        weights = mixer.read.weights(mixer.start, tokens)
    read = 1 / weights.square().sum(-1)  # tokens over which a row is spread
    share = 2048 / latents
    assert share / 3 < float(read.mean()) < 3 * share
