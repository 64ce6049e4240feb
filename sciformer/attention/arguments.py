"""What a caller hands to attention, checked at the door."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.attention.masks import Mask, as_mask
from sciformer.attention.normalisers import SOFTMAX, Normaliser
from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position
from sciformer.attention.scoring import NO_POSITION, Scoring
from sciformer.errors import DomainError, ShapeError, UsageError


def scoring_of(
    who: str,
    heads: tuple[Tensor, Tensor, Tensor],
    position: Position | None,
    mask: Mask | Tensor | None,
    *,
    starts: tuple[int, int] = (0, 0),
    normaliser: Normaliser | None = None,
) -> Scoring:
    """The scoring of a call.

    Args:
        who: name of the caller, for errors.
        heads: queries, keys and values.
        position: position scheme; None means none.
        mask: as `attend`.
        starts: position of the first query and of the first key.
        normaliser: a softmax by default.

    Raises:
        UsageError: what is not a tensor, position scheme or mask.
        ShapeError: shapes or types of numbers that do not fit together.
        DomainError: heads without numbers.
    """
    position = NO_POSITION if position is None else position
    if not isinstance(position, Position):
        raise UsageError(f"{who}: a position scheme is an object such as Rotary(); got {position}.")
    _check_tensors(who, heads)
    _check_shapes(who, heads, position)
    patch = Patch(heads[0].shape[-2], heads[1].shape[-2], *starts)
    found = None if mask is None else as_mask(mask)
    if found is not None:
        _check_mask(who, found, patch)
    return Scoring(patch, patch.m, position, found, SOFTMAX if normaliser is None else normaliser)


def _check_tensors(who: str, heads: tuple[Tensor, Tensor, Tensor]) -> None:
    for part in heads:
        if not hasattr(type(part), "__torch_function__"):
            raise UsageError(
                f"{who}: query, key and value are torch tensors; got {type(part).__name__}, which "
                "torch.as_tensor turns into one."
            )
    types = {part.dtype for part in heads}
    is_cast = torch.is_autocast_enabled(heads[0].device.type)
    if not all(kind.is_floating_point for kind in types) or (len(types) > 1 and not is_cast):
        raise ShapeError(
            f"{who}: query, key and value hold real numbers of one type; got "
            f"{', '.join(str(part.dtype) for part in heads)}."
        )


def _check_shapes(who: str, heads: tuple[Tensor, Tensor, Tensor], position: Position) -> None:
    query, key, value = heads
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
    count = query.shape[-3]
    if key.shape[-3] != count or value.shape[-3] != count or position.heads not in (None, count):
        raise ShapeError(
            f"{who}: query, key, value and position must have the same number of heads; got "
            f"{count}, {key.shape[-3]}, {value.shape[-3]} and {position.heads}."
        )
    if not query.shape[-1]:
        raise DomainError(f"{who}: a query has at least one number; got {shapes[0]}.")


def _check_mask(who: str, mask: Mask, patch: Patch) -> None:
    """Refuses a mask of other queries or keys, which would fail late or be broadcast."""
    shape = mask.shape
    is_traced = torch.compiler.is_compiling()  # whose lengths must stay open
    if shape and not is_traced and not (shape[-2] in (1, patch.n) and shape[-1] in (1, patch.m)):
        raise ShapeError(
            f"{who}: a mask of {patch.n} queries and {patch.m} keys broadcasts to (..., h, "
            f"{patch.n}, {patch.m}); got {tuple(shape)}."
        )
