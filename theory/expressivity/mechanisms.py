"""Further attention mechanisms whose blindness to position the theory covers.

Each maps tokens (..., n, width) to the same shape, takes `mask=`, and stands on the core's
projections, so that it differs from plain attention in the one thing its name says.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from sciformer.attention import Mask, MultiheadAttention, Part, Patch, Position, merge, part
from sciformer.attention.positions.rotary import rotate_pairs
from sciformer.errors import DomainError


class SelfAttention(nn.Module):
    """Self-attention on the core's projections; a subclass makes its weights in another way.

    out = merge(weights @ v)

    Args:
        width: width of the tokens.
        heads: number of heads.
        position: position scheme; None means none.
    """

    def __init__(self, width: int, heads: int, position: Position | None = None) -> None:
        super().__init__()
        self.attention = MultiheadAttention(width, heads, position=position)

    def forward(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        """Tokens (..., n, width) to the same shape."""
        weights = self.weights(tokens, mask=mask)
        return self.attention.merge(weights @ self.attention.project(tokens)[2])

    def weights(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        """The matrices that multiply the values, (..., h, n, n)."""
        return self.attention.weights(tokens, mask=mask)


class SinkAttention(SelfAttention):
    """Attention with one more, learned key and value that every query sees, whatever the mask.

    It is torch's add_bias_kv.

    Args:
        width: width of the tokens.
        heads: number of heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.sink_key, self.sink_value = (
            nn.Parameter(torch.randn(heads, 1, width // heads)) for _ in range(2)
        )

    def forward(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        return self.attention.merge(merge(*self._parts(tokens, mask)).output)

    def weights(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        keys, sink = self._parts(tokens, mask)
        share = (keys.mass - merge(keys, sink).mass).exp()
        return share[..., None] * self.attention.weights(tokens, mask=mask)

    def _parts(self, tokens: Tensor, mask: Mask | Tensor | None) -> tuple[Part, Part]:
        """The true keys, and the sink."""
        query, key, value = self.attention.project(tokens)
        return part(query, key, value, mask=mask), part(query, self.sink_key, self.sink_value)


class ValueRotary(SelfAttention):
    """Values rotated by their position and the result rotated back by the query's.

    out_i = R(-i) sum_j A_ij R(j) v_j,   which is a complex gain exp(i theta (j - i)) on the weights

    Args:
        width: width of the tokens.
        heads: number of heads; the head width must be even.
        base: ratio between the longest and the shortest wavelength.
    """

    def __init__(self, width: int, heads: int, base: float = 10000.0) -> None:
        super().__init__(width, heads)
        self.base = base

    def forward(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        value = rotate_pairs(self.attention.project(tokens)[2], 0, self.base)
        found = self.weights(tokens, mask=mask) @ value
        # Rotating the mirror image forwards rotates backwards.
        return self.attention.merge(_mirror(rotate_pairs(_mirror(found), 0, self.base)))


class BeginningOfSequence(nn.Module):
    """A mixer that sees one more, fixed token in front; its output there is dropped.

    Args:
        mixer: any mixer.
        width: width of the tokens.
    """

    def __init__(self, mixer: nn.Module, width: int) -> None:
        super().__init__()
        self.mixer = mixer
        self.token = nn.Parameter(torch.randn(width))

    def forward(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        """Tokens (..., n, width) to the same shape."""
        first = self.token.expand(*tokens.shape[:-2], 1, -1)
        result: Tensor = self.mixer(torch.cat([first, tokens], -2), mask=mask)
        return result[..., 1:, :]


Padding: TypeAlias = Literal["zeros", "replicate", "circular"]


class ConvolutionMixer(nn.Module):
    """A convolution over the tokens.

    Args:
        width: width of the tokens.
        padding_mode: what lies beyond the ends, as in torch.
        kernel_size: odd number of tokens.
    """

    def __init__(self, width: int, padding_mode: Padding, kernel_size: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(
            width, width, kernel_size, padding=kernel_size // 2, padding_mode=padding_mode
        )

    def forward(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        """Tokens (b, n, width) to the same shape; a mask has no meaning here and is refused."""
        if mask is not None:
            raise DomainError("ConvolutionMixer: a convolution has no mask; leave mask out.")
        result: Tensor = self.convolution(tokens.transpose(-2, -1))
        return result.transpose(-2, -1)


class Circulant(Position):
    """A bias and a gain that depend on the offset modulo the length: positions on a ring.

    logits_ij + bias[(j - i) mod length],   weights_ij * gain[(j - i) mod length]

    Args:
        heads: number of heads.
        length: length of the ring; sequences must have it.
    """

    def __init__(self, heads: int, length: int) -> None:
        super().__init__()
        self.heads, self.length = heads, length
        self.bias_table = nn.Parameter(torch.zeros(heads, length))
        self.gain_table = nn.Parameter(torch.ones(heads, length))

    def relative(self, patch: Patch) -> Tensor | None:
        return self.bias_table[:, self._around(patch)]

    def gain(self, patch: Patch) -> Tensor | None:
        return self.gain_table[:, self._around(patch)]

    def _around(self, patch: Patch) -> Tensor:
        length = self.bias_table.shape[-1]
        if patch.m != length:
            raise DomainError(
                f"Circulant: the ring has {length} positions; got {patch.m} keys, which would "
                "overlap or leave a gap."
            )
        return patch.diagonals(self.bias_table.device) % length


def _mirror(heads: Tensor) -> Tensor:
    """The complex conjugate of (first half) + i (second half)."""
    first, second = heads.chunk(2, -1)
    return torch.cat([first, -second], -1)
