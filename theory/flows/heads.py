"""Softmax heads whose weights are a given kernel: relative tables, signs by pairs, gains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sciformer.attention import MultiheadAttention, NoPosition, Position, RelativeTable, Universal
from sciformer.errors import ShapeError
from theory.flows.ends import Line

# A logit this far below the others has weight exp(-10^4) = 0 in float64, and is finite.
_NEVER = -1e4


@dataclass(frozen=True)
class Head:
    """One head to be made: logits by offset and its effect on the channels.

    Args:
        logits: shape (ring,); the weights are their softmax.
        mixing: shape (outputs, inputs): the values' matrix, with the row sum of the kernel.
    """

    logits: Tensor
    mixing: Tensor


def positive_head(kernel: Tensor, mixing: Tensor | None = None) -> Head:
    """The head of a kernel that is nowhere negative.

    kernel = scale softmax(log kernel),   scale = sum of the kernel

    Args:
        kernel: shape (ring,), >= 0, somewhere > 0.
        mixing: channels to channels, (outputs, inputs); one channel by default.
    """
    mixing = torch.ones(1, 1, dtype=torch.float64) if mixing is None else mixing
    logits = torch.where(kernel > 0, kernel.clamp_min(5e-324).log(), _NEVER)
    return Head(logits, mixing * kernel.sum())


def signed_heads(kernel: Tensor, mixing: Tensor | None = None) -> list[Head]:
    """Two heads whose difference is a kernel of both signs; one if it has one sign.

    kernel = kernel_+ - kernel_-
    """
    mixing = torch.ones(1, 1, dtype=torch.float64) if mixing is None else mixing
    parts = [(sign, (sign * kernel).clamp_min(0)) for sign in (1, -1)]
    return [positive_head(part, sign * mixing) for sign, part in parts if bool(part.any())]


class KernelAttention(nn.Module):
    """Multi-head attention with relative positions whose weights are given kernels.

    out_i = sum_heads mixing_h sum_j softmax_j(table_h[j - i]) v_j

    An ordinary `MultiheadAttention`: queries and keys are 0, so the logits are the relative table.
    Tokens look at the ring that `line.ends` makes of them. No weight depends on the tokens, so a
    batch shares one matrix of weights.

    Args:
        line: the tokens.
        heads: at least one, with equal channels.

    Raises:
        ShapeError: a table that is not of the ring's length, or channels that differ.
    """

    def __init__(self, line: Line, heads: list[Head]) -> None:
        super().__init__()
        for head in heads:
            if head.logits.shape != (line.ring,) or head.mixing.shape != heads[0].mixing.shape:
                raise ShapeError(
                    f"KernelAttention: tables have shape ({line.ring},) and all heads the same "
                    f"channels; got {tuple(head.logits.shape)} and {tuple(head.mixing.shape)}."
                )
        table = RelativeTable(len(heads), line.ring).double()
        logits = torch.stack([head.logits for head in heads])
        offsets = torch.arange(1 - line.ring, line.ring)
        with torch.no_grad():
            table.table.copy_(logits[:, offsets % line.ring])
        self.line = line
        self.attention = value_attention(table, torch.stack([head.mixing for head in heads]))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (..., n, inputs) to (..., n, outputs)."""
        return self.mix(self.weights(), tokens)

    def weights(self) -> Tensor:
        """The attention matrices, shape (heads, n, ring); the same for all tokens."""
        width = self.attention.query.in_features
        zeros = self.attention.query.weight.new_zeros(self.line.ring, width)
        return self.attention.weights(zeros[: self.line.tokens], zeros)

    def mix(self, weights: Tensor, tokens: Tensor) -> Tensor:
        """The output for weights that were computed before; a batch costs one product."""
        return mix_values(self.attention, weights, self.line.ends.extend(tokens))


def mix_values(attention: MultiheadAttention, weights: Tensor, memory: Tensor) -> Tensor:
    """The output of attention for weights (h, n, m) that no memory (..., m, inputs) changes."""
    value = torch.unflatten(attention.value(memory), -1, (attention.heads, -1))  # (..., m, h, d)
    # A product of all rows of a batch by one matrix: `weights @ value` would copy it for each.
    heads = [
        torch.matmul(part.transpose(-1, -2), matrix.mT).transpose(-1, -2)  # (..., n, d)
        for part, matrix in zip(value.unbind(-2), weights, strict=True)
    ]
    return attention.merge(torch.stack(heads, -3))


class LeakyAttention(nn.Module):
    """One URPE head whose rows leak: every Toeplitz matrix, by a gain on uniform weights.

    out_i = sum_j (1 / n) gain[j - i] v_j,   gain[o] = n kernel[o]

    With a heat kernel this is a walk that is killed outside the tokens: absorbing walls.

    Args:
        kernel: shape (2 n - 1,), offsets -(n-1) .. n-1.

    Source: Luo et al. 2022, eq. 8 (the gain C).
    """

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        length = (len(kernel) + 1) // 2
        position = Universal(NoPosition(), 1, length).double()
        with torch.no_grad():
            position.table.copy_(kernel[None] * length)
        self.attention = value_attention(position, torch.ones(1, 1, 1, dtype=torch.float64))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (..., n, 1) to the same shape."""
        output: Tensor = self.attention(tokens)
        return output


def value_attention(position: Position, mixing: Tensor) -> MultiheadAttention:
    """Attention whose logits are the positions' alone, with given value matrices.

    Args:
        position: the scheme, for as many heads.
        mixing: shape (heads, outputs, inputs); square, as tokens keep their width.
    """
    heads, outputs, inputs = mixing.shape
    attention = MultiheadAttention(
        outputs, heads, head_width=inputs, memory_width=inputs, position=position, bias=False
    ).double()
    identity = torch.eye(inputs, dtype=torch.float64)
    with torch.no_grad():
        attention.query.weight.zero_()
        attention.key.weight.zero_()
        attention.value.weight.copy_(identity.repeat(heads, 1))
        attention.output.weight.copy_(mixing.transpose(0, 1).flatten(1))
    return attention.requires_grad_(False)
