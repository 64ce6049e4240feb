"""Further attention mechanisms whose blindness to position the theory speaks about.

Each maps tokens (..., n, width) to the same shape, takes `mask=`, and stands on the core's
projections, so that it differs from plain attention in the one thing its name says.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from sciformer.attention import Mask, MultiheadAttention, Patch, Position, attend
from sciformer.attention.attend import scaled_query
from sciformer.attention.masks import as_mask
from sciformer.attention.positions.rotary import rotate_pairs
from sciformer.attention.weights import attention_logits
from sciformer.errors import DomainError


class UnnormalisedAttention(MultiheadAttention):
    """Attention whose weights are not a softmax; a subclass says what they are.

    out = weigh(scale q k^T, allowed) v
    """

    def weigh(self, logits: Tensor, allowed: Tensor) -> Tensor:
        """Weights from logits and the boolean pairs that may meet, both (..., h, n, m)."""
        raise AssertionError("a subclass turns logits into weights")

    def weights(
        self,
        query: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Mask | Tensor | None = None,
        query_start: int = 0,
        key_start: int = 0,
    ) -> Tensor:
        """See `MultiheadAttention.weights`."""
        asking, answering, _ = self.project(query, memory)
        patch = Patch(asking.shape[-2], answering.shape[-2], query_start, key_start)
        logits = attention_logits(
            scaled_query(asking, self.position, query_start, None),
            self.position.rotate(answering, key_start),
            patch,
            self.position,
        )
        seen = None if mask is None else as_mask(mask).allowed(patch, logits.device)
        everything = torch.ones_like(logits, dtype=torch.bool)
        return self.weigh(logits, everything if seen is None else everything & seen)

    def forward(
        self,
        query: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Mask | Tensor | None = None,
        query_start: int = 0,
        key_start: int = 0,
    ) -> Tensor:
        """See `MultiheadAttention.forward`."""
        weights = self.weights(
            query, memory, mask=mask, query_start=query_start, key_start=key_start
        )
        return self.merge(weights @ self.project(query, memory)[2])


class SigmoidAttention(UnnormalisedAttention):
    """A_ij = sigmoid(logits_ij - log m).

    Source: Ramapuram et al. 2024 (with their bias of -log n).
    """

    def weigh(self, logits: Tensor, allowed: Tensor) -> Tensor:
        """See `UnnormalisedAttention.weigh`."""
        weights = torch.sigmoid(logits - math.log(logits.shape[-1]))
        return torch.where(allowed, weights, 0.0)


class SoftmaxPlusOne(UnnormalisedAttention):
    """A_ij = exp(logits_ij) / (1 + sum_j exp(logits_ij)): a query may attend to nothing.

    Source: Miller 2023, "Attention is off by one".
    """

    def weigh(self, logits: Tensor, allowed: Tensor) -> Tensor:
        """See `UnnormalisedAttention.weigh`."""
        logits = torch.where(allowed, logits, torch.finfo(logits.dtype).min)
        nothing = torch.zeros_like(logits[..., :1])
        return torch.cat([logits, nothing], -1).softmax(-1)[..., :-1]


class SinkAttention(MultiheadAttention):
    """Attention with one more key and value that every query sees, whatever the mask.

    Args:
        width: width of the tokens.
        heads: number of heads.
        learned: True for a learned key and value (torch's add_bias_kv), False for zeros
            (add_zero_attn).
    """

    def __init__(self, width: int, heads: int, *, learned: bool) -> None:
        super().__init__(width, heads)
        sink = torch.randn(2, heads, 1, width // heads)
        self.sink = nn.Parameter(sink) if learned else None

    def weights(
        self,
        query: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Mask | Tensor | None = None,
        query_start: int = 0,
        key_start: int = 0,
    ) -> Tensor:
        """The weights of the true keys; see `MultiheadAttention.weights`."""
        asking, key, _ = self.project(query, memory)
        identity = torch.eye(key.shape[-2] + 1, dtype=key.dtype, device=key.device)
        values = identity.expand(*key.shape[:-2], -1, -1)
        return self._attend(asking, key, values, mask)[..., :-1]

    def forward(
        self,
        query: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Mask | Tensor | None = None,
        query_start: int = 0,
        key_start: int = 0,
    ) -> Tensor:
        """See `MultiheadAttention.forward`."""
        asking, key, value = self.project(query, memory)
        sink = torch.zeros_like(value[..., :1, :]) if self.sink is None else self.sink[1]
        return self.merge(self._attend(asking, key, _append(value, sink), mask))

    def _attend(
        self, query: Tensor, key: Tensor, values: Tensor, mask: Mask | Tensor | None
    ) -> Tensor:
        """Attention to the true keys and the sink; values (..., h, m + 1, e) hold the sink's."""
        sink = torch.zeros_like(key[..., :1, :]) if self.sink is None else self.sink[0]
        patch = Patch(query.shape[-2], key.shape[-2])
        seen = None if mask is None else as_mask(mask).allowed(patch, query.device)
        seen = None if seen is None else nn.functional.pad(seen, (0, 1), value=True)
        return attend(query, _append(key, sink), values, mask=seen)


class ValueRotary(MultiheadAttention):
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

    def forward(
        self,
        query: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Mask | Tensor | None = None,
        query_start: int = 0,
        key_start: int = 0,
    ) -> Tensor:
        """See `MultiheadAttention.forward`."""
        asking, key, value = self.project(query, memory)
        turned = rotate_pairs(value, key_start, self.base)
        found = attend(asking, key, turned, mask=mask, query_start=query_start, key_start=key_start)
        # Rotating the mirror image forwards rotates backwards.
        return self.merge(_mirror(rotate_pairs(_mirror(found), query_start, self.base)))


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


def _append(rows: Tensor, last: Tensor) -> Tensor:
    return torch.cat([rows, last.expand(*rows.shape[:-2], 1, -1)], -2)


def _mirror(heads: Tensor) -> Tensor:
    """The complex conjugate of (first half) + i (second half)."""
    first, second = heads.chunk(2, -1)
    return torch.cat([first, -second], -1)
