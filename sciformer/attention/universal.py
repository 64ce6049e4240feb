"""URPE attention as fast as plain attention: two tables by offset, read where they are needed.

With the keys in reverse order a Toeplitz matrix becomes a Hankel matrix, which is a sliding window
over its table. So neither the bias nor the gain is ever built: both are views of their tables.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from sciformer.attention.attend import MATERIALISED_PAIRS, scaled_query
from sciformer.attention.masks import Causal, Mask
from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position
from sciformer.attention.toeplitz import antidiagonal_sums, hankel, toeplitz
from sciformer.errors import DomainError

# Short sequences take all heads at a time, long ones a head at a time, so that a block of weights
# stays in the cache; measured on one core with 1 MB of it.
BLOCK_ROWS = 256


class Form(Protocol):
    """One way to compute softmax(q k^T + relative) ∘ gain times v.

    query (g, n, d) scaled, key (g, m, d), value (g, m, e), relative and gain (g, n + m - 1) by
    offset; g counts batches and heads. Returns (g, n, e).
    """

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, relative: Tensor, gain: Tensor
    ) -> Tensor: ...


def universal_attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    position: Position,
    mask: Mask | None = None,
    query_start: int = 0,
    key_start: int = 0,
    scale: float | None = None,
    form: Form | None = None,
) -> Tensor:
    """`attend` for schemes that are two tables by offset: faster, first derivatives only.

    Args:
        query: shape (..., h, n, d).
        key: shape (..., h, m, d), with the leading axes of the query.
        value: shape (..., h, m, e), likewise.
        position: a scheme with `is_toeplitz`.
        mask: None or `Causal()`, which is a table by offset too.
        query_start: position of the first query.
        key_start: position of the first key, not after the first query if causal.
        scale: factor of the logits; 1 / sqrt(d) by default.
        form: how to compute it; `Rows()` by default.

    Returns:
        Shape (..., h, n, e).

    Raises:
        DomainError: a scheme or mask that is no table by offset; use `attend`.

    Accuracy: as `attend`, up to the order of sums.
    Cost: memory (block, m) for a block of rows, forward and backward.
    Source: Luo et al. 2022, eq. 8.
    """
    patch = Patch(query.shape[-2], key.shape[-2], query_start, key_start)
    _check(position, mask, patch)
    heads = query.shape[:-2]
    relative, gain = (
        table.to(query.dtype).expand(*heads, -1).reshape(-1, patch.n + patch.m - 1)
        for table in _tables(position, mask, patch, query)
    )
    output = (Rows() if form is None else form)(
        scaled_query(query, position, query_start, scale).reshape(-1, *query.shape[-2:]),
        position.rotate(key, key_start).reshape(-1, *key.shape[-2:]),
        value.reshape(-1, *value.shape[-2:]),
        relative,
        gain,
    )
    return output.reshape(*heads, *output.shape[-2:])


class Rows:
    """Blocks of rows with a backward pass of its own; the first choice at every size.

    Args:
        rows: rows in a block.

    Cost: forward 2, backward 5 products of matrices; memory O(rows m) beside inputs and outputs.
    """

    def __init__(self, rows: int = BLOCK_ROWS) -> None:
        if rows < 1:
            raise DomainError(f"Rows: a block has at least one row; got {rows}.")
        self.rows = rows

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, relative: Tensor, gain: Tensor
    ) -> Tensor:
        """See `Form`."""
        output: Tensor = _RowBlocks.apply(  # type: ignore[no-untyped-call]
            query, key.flip(-2), value.flip(-2), relative.flip(-1), gain.flip(-1), self.rows
        )
        return output


class LogSumExp:
    """Fused attention with the logarithm of the gain as a bias; for inference.

    For C > 0:  o(S + log C) exp(lse(S + log C) - lse(S)),   S = q k^T + relative

    where o is the output of fused attention and lse the logarithm of its normaliser. A signed gain
    is the difference of its positive and negative part, each by that formula.

    Cost: three calls of fused attention (two if C > 0) and a bias of all n m pairs.
    Source: our own.
    """

    def __call__(
        self, query: Tensor, key: Tensor, value: Tensor, relative: Tensor, gain: Tensor
    ) -> Tensor:
        """See `Form`."""
        n, m = query.shape[-2], key.shape[-2]
        with torch.no_grad():
            _, normaliser = _fused(query, key, value, toeplitz(relative, n, m))
            output = torch.zeros_like(query[..., :1]).expand(-1, -1, value.shape[-1])
            for sign in (1, -1):
                part = (sign * gain).clamp(min=0)
                if bool(part.any()):
                    bias = toeplitz(relative + part.log(), n, m)
                    found, logarithm = _fused(query, key, value, bias)
                    ratio = (logarithm - normaliser).exp()[..., None].to(found.dtype)
                    output = output + sign * found * ratio
            return output


def _fused(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    parts = (part[None] for part in (query, key, value))
    output, logarithm = fused(*parts, 0.0, False, attn_mask=bias[None], scale=1.0)
    return output[0], logarithm[0]


def _blocks(groups: int, n: int, m: int, rows: int) -> list[tuple[slice, slice]]:
    """Which heads and which rows are computed together."""
    together = groups if n * m <= MATERIALISED_PAIRS else 1
    return [
        (slice(g, g + together), slice(i, min(i + rows, n)))
        for g in range(0, groups, together)
        for i in range(0, n, rows)
    ]


class _RowBlocks(torch.autograd.Function):
    """All with reversed keys: entry (i, j) of a table's matrix is table[i + j]."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        relative: Tensor,
        gain: Tensor,
        rows: int,
    ) -> Tensor:
        output = value.new_empty(*query.shape[:-1], value.shape[-1])
        room, answering = query.new_empty(0), key.transpose(-2, -1).contiguous()
        for heads, block in _blocks(len(query), query.shape[1], key.shape[1], rows):
            weights = _softmax(query, answering, relative, heads, block, room)
            weights.mul_(_window(gain, heads, block, key.shape[1]))
            output[heads, block] = weights @ value[heads]
        ctx.save_for_backward(query, key, value, relative, gain, output)
        ctx.rows = rows
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, relative, gain, output = ctx.saved_tensors
        m = key.shape[1]
        slopes = [torch.zeros_like(part) for part in (query, key, value, relative, gain)]
        inner = (gradient * output).sum(-1, keepdim=True)
        room, answering = query.new_empty(0), key.transpose(-2, -1).contiguous()
        for heads, block in _blocks(len(query), query.shape[1], m, ctx.rows):
            diagonals = slice(block.start, block.stop + m - 1)
            factor = _window(gain, heads, block, m)
            softmax = _softmax(query, answering, relative, heads, block, room)
            outer = gradient[heads, block]
            # softmax ∘ d(out)/d(weights), from which all the rest follows
            both = (outer @ value[heads].transpose(-2, -1)).mul_(softmax)
            slopes[4][heads, diagonals] += antidiagonal_sums(both)
            logits = both.mul_(factor).addcmul_(softmax, inner[heads, block], value=-1)
            slopes[3][heads, diagonals] += antidiagonal_sums(logits)
            slopes[0][heads, block] = logits @ key[heads]
            slopes[1][heads] += logits.transpose(-2, -1) @ query[heads, block]
            slopes[2][heads] += softmax.mul_(factor).transpose(-2, -1) @ outer
        return *slopes, None


def _window(table: Tensor, heads: slice, block: slice, m: int) -> Tensor:
    return hankel(table[heads, block.start : block.stop + m - 1], block.stop - block.start, m)


def _softmax(
    query: Tensor, answering: Tensor, relative: Tensor, heads: slice, block: slice, room: Tensor
) -> Tensor:
    """The softmax of one block, written into `room`: fresh memory would cost as much again.

    `answering` holds the keys as columns, (g, d, m) without gaps, which the product reads faster.
    """
    m = answering.shape[-1]
    asking, bias = query[heads, block], _window(relative, heads, block, m)
    logits = room.resize_(*asking.shape[:2], m)
    torch.baddbmm(bias, asking, answering[heads], out=logits)
    return torch.softmax(logits, -1, out=logits)


def _tables(
    position: Position, mask: Mask | None, patch: Patch, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Logits and gain by offset, (h, n + m - 1) or (n + m - 1,)."""
    offsets = patch.diagonals(like.device)
    relative, gain = position.relative(patch), position.gain(patch)
    relative = like.new_zeros(len(offsets)) if relative is None else relative
    gain = like.new_ones(len(offsets)) if gain is None else gain
    if mask is not None:
        relative = torch.where(offsets > 0, -torch.inf, relative)
    return relative, gain


def _check(position: Position, mask: Mask | None, patch: Patch) -> None:
    if not position.is_toeplitz:
        raise DomainError(
            f"universal_attend: {type(position).__name__} is no table by offset; use attend."
        )
    if mask is not None and not isinstance(mask, Causal):
        raise DomainError(
            f"universal_attend: only a causal mask is a table by offset; got "
            f"{type(mask).__name__}, so use attend."
        )
    if mask is not None and patch.key_start > patch.query_start:
        raise DomainError(
            f"universal_attend: under a causal mask the query at {patch.query_start} sees no key "
            f"from {patch.key_start} on; use attend, which gives 0 there."
        )
