"""Attention over heads: materialised for short sequences, row by row for long ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sciformer.attention.masks import Mask, as_mask
from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import NoPosition, Position
from sciformer.attention.weights import attention_weights
from sciformer.errors import DomainError, ShapeError

# Up to this many pairs the whole matrix is built; above, blocks of this many rows.
MATERIALISED_PAIRS = 512 * 512
BLOCK_ROWS = 64

_NO_POSITION = NoPosition()


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    position: Position | None = None,
    mask: Mask | Tensor | None = None,
    query_start: int = 0,
    key_start: int = 0,
    scale: float | None = None,
    block: int | None = None,
) -> Tensor:
    """Attention of every query to every key it may see.

    out_i = sum_j A_ij (v_j + values_ij),   A = softmax(scale q k^T + position + mask) * gain

    Only plain, out-of-place torch functions touch query, key and value: derivatives of any order
    exist, and types with `__torch_function__` pass through.

    Args:
        query: shape (..., h, n, d).
        key: shape (..., h, m, d).
        value: shape (..., h, m, e).
        position: position scheme; None means none.
        mask: `Causal()`, `Padding(...)`, a boolean tensor (True may attend) or a floating tensor
            (added to the logits), broadcast to (..., h, n, m); combine objects with `&`.
        query_start: position of the first query, as when keys are cached.
        key_start: position of the first key.
        scale: factor of the logits; 1 / sqrt(d) by default.
        block: rows built at a time; by default all of them up to 512 x 512 pairs, 64 above.

    Returns:
        Shape (..., h, n, e). The output of a fully masked row is 0, its gradient too.

    Raises:
        ShapeError: shapes that do not fit together, or a position scheme for other heads.
        DomainError: block < 1.

    Cost: memory (..., h, block, m); in blocks the backward pass builds each block again.
    Source: Vaswani et al. 2017, eq. 1 (softmax attention); Luo et al. 2022, eq. 8 (the gain C).
    """
    position = _NO_POSITION if position is None else position
    check_shapes("attend", query, key, value, position)
    patch = Patch(query.shape[-2], key.shape[-2], query_start, key_start)
    query = scaled_query(query, position, query_start, scale)
    key = position.rotate(key, key_start)
    mask = None if mask is None else as_mask(mask)
    rows = _block_rows(patch, block)
    if rows >= patch.n:
        return _attend_patch(query, key, value, patch, position, mask)
    outputs = []
    for start in range(0, patch.n, rows):
        stop = min(start + rows, patch.n)
        arguments = (
            query[..., start:stop, :],
            key,
            value,
            patch.rows(start, stop),
            position,
            None if mask is None else mask.rows(start, stop),
        )
        outputs.append(_attend_block(*arguments))
    return torch.cat(outputs, -2)


def scaled_query(query: Tensor, position: Position, start: int, scale: float | None) -> Tensor:
    """The query as the logits use it: scaled by `scale` or 1 / sqrt(d), then rotated."""
    return position.rotate(query * (query.shape[-1] ** -0.5 if scale is None else scale), start)


def _attend_patch(
    query: Tensor, key: Tensor, value: Tensor, patch: Patch, position: Position, mask: Mask | None
) -> Tensor:
    weights = attention_weights(query, key, patch, position, mask)
    output = weights @ value
    extra = position.values(weights, patch)
    return output if extra is None else output + extra


def _attend_block(*arguments: object) -> Tensor:
    """One block of rows; while gradients are recorded it keeps its inputs only."""
    if not torch.is_grad_enabled():
        return _attend_patch(*arguments)  # type: ignore[arg-type]
    output: Tensor = checkpoint(
        _attend_patch, *arguments, use_reentrant=False, preserve_rng_state=False
    )
    return output


def _block_rows(patch: Patch, block: int | None) -> int:
    if block is None:
        return patch.n if patch.n * patch.m <= MATERIALISED_PAIRS else BLOCK_ROWS
    if block < 1:
        raise DomainError(f"attend: block must be at least one row; got {block}.")
    return block


def check_shapes(who: str, query: Tensor, key: Tensor, value: Tensor, position: Position) -> None:
    """Refuse with a ShapeError, in the name of `who`, what does not fit together."""
    shapes = tuple(query.shape), tuple(key.shape), tuple(value.shape)
    if min(map(len, shapes)) < 3:
        raise ShapeError(
            f"{who}: query, key and value have shapes (..., h, n, d), (..., h, m, d) and "
            f"(..., h, m, e); got {shapes[0]}, {shapes[1]} and {shapes[2]}."
        )
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"{who}: queries (..., h, n, d) need keys of the same d and keys (..., h, m, d) need "
            f"values of the same m; got {shapes[0]}, {shapes[1]} and {shapes[2]}."
        )
    heads = query.shape[-3]
    if key.shape[-3] != heads or value.shape[-3] != heads or position.heads not in (None, heads):
        raise ShapeError(
            f"{who}: query, key, value and position must have the same number of heads; got "
            f"{heads}, {key.shape[-3]}, {value.shape[-3]} and {position.heads}."
        )
