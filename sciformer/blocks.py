"""Layers made of a token mixer and a channel mixer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from sciformer.errors import DomainError


class FeedForward(nn.Module):
    """A perceptron on every token by itself.

    Linear(width, hidden), activation, [Linear(hidden, hidden), activation] ..., Linear to output

    Args:
        width: width of the tokens.
        hidden: width of the hidden layers.
        output: width of the result; `width` by default.
        depth: number of hidden layers, >= 1.
        activation: makes one activation module per hidden layer.

    Raises:
        DomainError: depth < 1.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        output: int | None = None,
        *,
        depth: int = 1,
        activation: Callable[[], nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise DomainError(f"FeedForward: depth must be at least 1; got {depth}.")
        widths = [width] + [hidden] * depth
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), activation()]
        layers.append(nn.Linear(hidden, width if output is None else output))
        self.layers = nn.Sequential(*layers)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (..., width) to (..., output)."""
        result: Tensor = self.layers(tokens)
        return result


class EncoderBlock(nn.Module):
    """Two residual steps: mix the tokens, then the channels of each token.

    x <- x + mixer(before_mixer(x));   x <- x + channels(before_channels(x))

    With activations before the mixers this is PINNsFormer's block; with `LayerNorm` it is the
    pre-norm block.

    Args:
        mixer: any module from (..., n, width) to the same.
        channel_mixer: any module on single tokens.
        before_mixer: applied to what the mixer sees.
        before_channels: applied to what the channel mixer sees.

    Source: Zhao et al. 2024 (PINNsFormer); Xiong et al. 2020, figure 1b (pre-norm).
    """

    def __init__(
        self,
        mixer: nn.Module,
        channel_mixer: nn.Module,
        *,
        before_mixer: nn.Module,
        before_channels: nn.Module,
    ) -> None:
        super().__init__()
        self.before_mixer = before_mixer
        self.mixer = mixer
        self.before_channels = before_channels
        self.channel_mixer = channel_mixer

    def forward(self, tokens: Tensor, **options: Any) -> Tensor:
        """Tokens (..., n, width) to the same shape; options such as mask= go to the mixer."""
        tokens = tokens + self.mixer(self.before_mixer(tokens), **options)
        result: Tensor = tokens + self.channel_mixer(self.before_channels(tokens))
        return result


class DecoderBlock(nn.Module):
    """Two residual steps: look at a memory, then mix the channels of each token.

    x <- x + attention(before_attention(x), memory);   x <- x + channels(before_channels(x))

    Args:
        attention: a module that takes tokens and a memory, such as `MultiheadAttention`.
        channel_mixer: any module on single tokens.
        before_attention: applied to the tokens that ask, not to the memory.
        before_channels: applied to what the channel mixer sees.

    Source: Zhao et al. 2024 (PINNsFormer): no self-attention in the decoder.
    """

    def __init__(
        self,
        attention: nn.Module,
        channel_mixer: nn.Module,
        *,
        before_attention: nn.Module,
        before_channels: nn.Module,
    ) -> None:
        super().__init__()
        self.before_attention = before_attention
        self.attention = attention
        self.before_channels = before_channels
        self.channel_mixer = channel_mixer

    def forward(self, tokens: Tensor, memory: Tensor, **options: Any) -> Tensor:
        """Tokens (..., n, width) and memory (..., m, memory width) to (..., n, width)."""
        tokens = tokens + self.attention(self.before_attention(tokens), memory, **options)
        result: Tensor = tokens + self.channel_mixer(self.before_channels(tokens))
        return result
