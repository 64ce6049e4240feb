"""Further attention mechanisms whose blindness to position the theory speaks about.

Each maps tokens (..., n, width) to the same shape, takes `mask=`, and stands on the core's
projections, so that it differs from plain attention in the one thing its name says.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from sciformer.attention import Mask, MultiheadAttention, Patch, Position
from sciformer.attention.attend import scaled_query
from sciformer.attention.masks import as_mask
from sciformer.attention.positions.rotary import rotate_pairs
from sciformer.attention.weights import attention_logits
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

    def logits(self, tokens: Tensor, mask: Mask | Tensor | None) -> Tensor:
        """What a softmax would see, (..., h, n, n); -inf where a query may not see a key."""
        query, key, _ = self.attention.project(tokens)
        patch, position = Patch(query.shape[-2], key.shape[-2]), self.attention.position
        query = scaled_query(query, position, 0, None)
        logits = attention_logits(query, position.rotate(key, 0), patch, position)
        if mask is None:
            return logits
        added, allowed = as_mask(mask).added(patch), as_mask(mask).allowed(patch, logits.device)
        logits = logits if added is None else logits + added
        return logits if allowed is None else torch.where(allowed, logits, -torch.inf)


class SigmoidAttention(SelfAttention):
    """A_ij = sigmoid(logits_ij - log n).

    Source: Ramapuram et al. 2024.
    """

    def weights(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        """See `SelfAttention.weights`."""
        return torch.sigmoid(self.logits(tokens, mask) - math.log(tokens.shape[-2]))


class SoftmaxPlusOne(SelfAttention):
    """A_ij = exp(logits_ij) / (1 + sum_j exp(logits_ij)): a query may attend to nothing.

    Without positions it is torch's add_zero_attn, one more key and value of zeros.

    Source: Miller 2023, "Attention is off by one".
    """

    def weights(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        """See `SelfAttention.weights`."""
        logits = self.logits(tokens, mask)
        return _softmax_beside(logits, torch.zeros_like(logits[..., :1]))


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
        """See `SelfAttention.forward`."""
        weights = self.weights(tokens, mask=mask)
        rest = 1 - weights.sum(-1, keepdim=True)
        value = self.attention.project(tokens)[2]
        return self.attention.merge(weights @ value + rest * self.sink_value)

    def weights(self, tokens: Tensor, *, mask: Mask | Tensor | None = None) -> Tensor:
        """Of the true keys; what is missing to 1 goes to the sink."""
        query = scaled_query(self.attention.project(tokens)[0], self.attention.position, 0, None)
        sink = query @ self.sink_key.transpose(-2, -1)  # (..., h, n, 1)
        return _softmax_beside(self.logits(tokens, mask), sink)


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
        """See `SelfAttention.forward`."""
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
        """See `Position.relative`."""
        return self.bias_table[:, self._around(patch)]

    def gain(self, patch: Patch) -> Tensor | None:
        """See `Position.gain`."""
        return self.gain_table[:, self._around(patch)]

    def _around(self, patch: Patch) -> Tensor:
        length = self.bias_table.shape[-1]
        if patch.m != length:
            raise DomainError(
                f"Circulant: the ring has {length} positions; got {patch.m} keys, which would "
                "overlap or leave a gap."
            )
        return patch.diagonals(self.bias_table.device) % length


def _softmax_beside(logits: Tensor, sink: Tensor) -> Tensor:
    """The softmax over the logits (..., n, m) and one more (..., n, 1), without that last one."""
    return torch.cat([logits, sink], -1).softmax(-1)[..., :-1]


def _mirror(heads: Tensor) -> Tensor:
    """The complex conjugate of (first half) + i (second half)."""
    first, second = heads.chunk(2, -1)
    return torch.cat([first, -second], -1)
