"""URPE attention at almost the cost of plain attention: two tables, read where they are needed.

With the queries in reverse order a Toeplitz matrix becomes a Hankel matrix, which is a sliding
window over its table. So neither the bias nor the gain is ever built: both are views of their
tables. One head is computed at a time, in the same room, because memory fresh from the system is
slow to touch.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from sciformer.attention.attend import check_shapes
from sciformer.attention.masks import Causal, Mask
from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position
from sciformer.attention.toeplitz import antidiagonal_sums, hankel, toeplitz
from sciformer.errors import DomainError, ShapeError

# Weights of one head built at a time: 2 MiB in float32, measured best at 512 and 2048 tokens on a
# core with 512 KiB of its own cache. Fewer rows than LEAST_ROWS make products of matrices slow.
BLOCK_PAIRS = 2**19
LEAST_ROWS = 64


class Form(Protocol):
    """One way to compute softmax(scale q k^T + relative) ∘ gain times v.

    query (g, n, d), key (g, m, d), value (g, m, e), relative and gain (g, n + m - 1) by offset;
    g counts batches and heads. Returns (g, n, e).
    """

    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        relative: Tensor,
        gain: Tensor,
        scale: float,
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
        ShapeError: shapes that do not fit together, or a position scheme for other heads.
        DomainError: a scheme or mask that is no table by offset; use `attend`. A pair further
            apart than the scheme's table reaches.

    Accuracy: as `attend`, up to the order of sums.
    Cost: memory (block, m) for a block of rows of one head, forward and backward.
    Source: Luo et al. 2022, eq. 8.
    """
    check_shapes("universal_attend", query, key, value, position)
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        raise ShapeError(
            "universal_attend: query, key and value must have the same leading axes; got "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}."
        )
    patch = Patch(query.shape[-2], key.shape[-2], query_start, key_start)
    _check(position, mask, patch)
    heads = query.shape[:-2]
    relative, gain = (
        table.to(query.dtype).expand(*heads, -1).reshape(-1, patch.n + patch.m - 1)
        for table in _tables(position, mask, patch, query)
    )
    output = (Rows() if form is None else form)(
        position.rotate(query, query_start).reshape(-1, *query.shape[-2:]),
        position.rotate(key, key_start).reshape(-1, *key.shape[-2:]),
        value.reshape(-1, *value.shape[-2:]),
        relative,
        gain,
        query.shape[-1] ** -0.5 if scale is None else scale,
    )
    return output.reshape(*heads, *output.shape[-2:])


class Rows:
    """Blocks of rows, a head at a time, with a backward pass of its own; the choice at every size.

    Args:
        rows: rows in a block; by default as many as make 2^19 pairs, but at least 64.

    Raises:
        DomainError: rows < 1.

    Cost: forward 2, backward 5 products of matrices; memory O(rows m) beside inputs and outputs.
    """

    def __init__(self, rows: int | None = None) -> None:
        if rows is not None and rows < 1:
            raise DomainError(f"Rows: a block has at least one row; got {rows}.")
        self.rows = rows

    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        relative: Tensor,
        gain: Tensor,
        scale: float,
    ) -> Tensor:
        """See `Form`."""
        rows = max(LEAST_ROWS, BLOCK_PAIRS // key.shape[-2]) if self.rows is None else self.rows
        output: Tensor = _RowBlocks.apply(  # type: ignore[no-untyped-call]
            query, key, value, relative, gain, scale, rows
        )
        return output


class LogSumExp:
    """Fused attention with the logarithm of the gain as a bias; for inference.

    For C > 0:  o(S + log C) exp(lse(S + log C) - lse(S)),   S = q k^T + relative

    where o is the output of fused attention and lse the logarithm of its normaliser. A signed gain
    is the difference of its positive and negative part, each by that formula.

    Cost: three calls of fused attention (two if C > 0) and a bias of all n m pairs; slower than
        `Rows`, whose independent check it is.
    Source: our own. The normaliser comes from an operator of torch that is not public: CPU only.
    """

    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        relative: Tensor,
        gain: Tensor,
        scale: float,
    ) -> Tensor:
        """See `Form`."""
        n, m = query.shape[-2], key.shape[-2]
        with torch.no_grad():
            _, normaliser = _fused(query, key, value, toeplitz(relative, n, m), scale)
            output = torch.zeros_like(query[..., :1]).expand(-1, -1, value.shape[-1])
            for sign in (1, -1):
                part = (sign * gain).clamp(min=0)
                if bool(part.any()):
                    bias = toeplitz(relative + part.log(), n, m)
                    found, logarithm = _fused(query, key, value, bias, scale)
                    ratio = (logarithm - normaliser).exp()[..., None].to(found.dtype)
                    output = output + sign * found * ratio
            return output


def _fused(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    parts = (part[None] for part in (query, key, value))
    output, logarithm = fused(*parts, 0.0, False, attn_mask=bias[None], scale=scale)
    return output[0], logarithm[0]


class _RowBlocks(torch.autograd.Function):
    """A head at a time, its queries in reverse order: see `_Head`."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        relative: Tensor,
        gain: Tensor,
        scale: float,
        rows: int,
    ) -> Tensor:
        output = value.new_empty(*query.shape[:-1], value.shape[-1])
        room = query.new_empty(min(rows, query.shape[1]), key.shape[1])
        heads = zip(query, key, value, relative, gain, strict=True)
        for found, parts in zip(output, heads, strict=True):
            found.copy_(_Head(*parts, scale, room).output().flip(0))
        ctx.save_for_backward(query, key, value, relative, gain, output)
        ctx.scale, ctx.rows = scale, rows
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, relative, gain, output = ctx.saved_tensors
        slopes = [torch.empty_like(part) for part in (query, key, value, relative, gain)]
        room = query.new_empty(min(ctx.rows, query.shape[1]), key.shape[1])
        heads = zip(query, key, value, relative, gain, strict=True)
        for index, parts in enumerate(heads):
            head = _Head(*parts, ctx.scale, room)
            found = head.slopes(output[index].flip(0), gradient[index].flip(0))
            for slope, part in zip(slopes, found, strict=True):
                slope[index] = part
        return *slopes, None, None


class _Head:
    """One head with its queries, outputs and their gradients in reverse order.

    Entry (r, j) of a table's matrix is then table[r + j]. `room` holds a block of weights.
    """

    def __init__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        relative: Tensor,
        gain: Tensor,
        scale: float,
        room: Tensor,
    ) -> None:
        n, m = len(query), len(key)
        self.query, self.key, self.value, self.scale = query.flip(0), key, value, scale
        self.bias, self.factor = hankel(relative, n, m), hankel(gain, n, m)
        self.blocks = [slice(i, min(i + len(room), n)) for i in range(0, n, len(room))]
        self.room = room

    def output(self) -> Tensor:
        output = self.value.new_empty(len(self.query), self.value.shape[1])
        for block in self.blocks:
            weights = self.softmax(block).mul_(self.factor[block])
            torch.mm(weights, self.value, out=output[block])
        return output

    def slopes(self, output: Tensor, gradient: Tensor) -> tuple[Tensor, ...]:
        """The gradients of query, key, value, relative and gain, all in their usual order."""
        inner = (gradient * output).sum(-1, keepdim=True)
        query, key, value = (torch.zeros_like(x) for x in (self.query, self.key, self.value))
        relative, gain = (key.new_zeros(len(query) + len(key) - 1) for _ in range(2))
        for block in self.blocks:
            softmax, factor, outer = self.softmax(block), self.factor[block], gradient[block]
            # softmax ∘ d(out)/d(weights), from which all the rest follows
            both = (outer @ self.value.T).mul_(softmax)
            diagonals = slice(block.start, block.stop + len(key) - 1)
            gain[diagonals] += antidiagonal_sums(both)
            logits = both.mul_(factor).addcmul_(softmax, inner[block], value=-1)
            relative[diagonals] += antidiagonal_sums(logits)
            query[block] = logits @ self.key
            key.addmm_(logits.T, self.query[block])
            value.addmm_(softmax.mul_(factor).T, outer)
        return query.flip(0).mul_(self.scale), key.mul_(self.scale), value, relative, gain

    def softmax(self, block: slice) -> Tensor:
        """Of some rows, in the same room each time."""
        logits = self.room[: block.stop - block.start]
        torch.addmm(self.bias[block], self.query[block], self.key.T, alpha=self.scale, out=logits)
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
