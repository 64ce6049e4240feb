"""Residual blocks, against their formulas written out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sciformer.attention import Causal, MultiheadAttention
from sciformer.blocks import DecoderBlock, EncoderBlock, FeedForward
from sciformer.errors import DomainError


def tokens(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_feed_forward_is_its_layers() -> None:
    """Kills: a missing activation, an activation at the end, a depth off by one."""
    network = FeedForward(3, 5, 2, depth=2, activation=nn.Tanh)
    first, second, last = (part for part in network.layers if isinstance(part, nn.Linear))
    x = tokens(4, 3)
    torch.testing.assert_close(network(x), last(second(first(x).tanh()).tanh()))
    assert [tuple(p.weight.shape) for p in (first, second, last)] == [(5, 3), (5, 5), (2, 5)]


def test_feed_forward_keeps_the_width_by_default() -> None:
    """Kills: the hidden width as output."""
    assert FeedForward(3, 5)(tokens(4, 3)).shape == (4, 3)


def test_each_activation_is_its_own() -> None:
    """Kills: one learnable activation shared by all layers."""
    network = FeedForward(3, 5, depth=3, activation=nn.PReLU)
    assert len({id(part) for part in network.layers if isinstance(part, nn.PReLU)}) == 3


@pytest.mark.parametrize("depth", [0, -1])
def test_feed_forward_refuses_no_layers(depth: int) -> None:
    """Kills: a bound off by one."""
    with pytest.raises(DomainError, match=f"depth must be at least 1; got {depth}"):
        FeedForward(3, 5, depth=depth)


@pytest.mark.parametrize("before", [nn.Tanh, lambda: nn.LayerNorm(4)])
def test_encoder_block_is_two_residual_steps(before: type[nn.Module]) -> None:
    """Kills: a residual of the transformed tokens, befores exchanged, a mask that is lost."""
    mixer, channels = MultiheadAttention(4, 2), FeedForward(4, 7)
    first, second = before(), nn.Sigmoid()
    block = EncoderBlock(mixer, channels, before_mixer=first, before_channels=second)
    x = tokens(2, 5, 4)
    middle = x + mixer(first(x), mask=Causal())
    torch.testing.assert_close(block(x, mask=Causal()), middle + channels(second(middle)))


def test_decoder_block_looks_at_the_memory() -> None:
    """Kills: self-attention in its place, a transformed memory."""
    attention, channels = MultiheadAttention(4, 2, memory_width=3), FeedForward(4, 7)
    first, second = nn.Tanh(), nn.Sigmoid()
    block = DecoderBlock(attention, channels, before_attention=first, before_channels=second)
    x, memory = tokens(2, 1, 4), tokens(2, 5, 3, seed=1)
    middle = x + attention(first(x), memory)
    torch.testing.assert_close(block(x, memory), middle + channels(second(middle)))
