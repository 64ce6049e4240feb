"""From queries and keys to the matrix that multiplies the values."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.attention.masks import Mask
from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position
from sciformer.attention.toeplitz import toeplitz


def attention_weights(
    query: Tensor, key: Tensor, patch: Patch, position: Position, mask: Mask | None
) -> Tensor:
    """The attention matrix of one patch.

    A = softmax(attention_logits + added mask) * gain[j - i]

    Args:
        query: scaled and rotated, shape (..., h, n, d).
        key: rotated, shape (..., h, m, d).
        patch: which positions the queries and keys have.
        position: the position scheme.
        mask: which keys each query may see; None means all.

    Returns:
        Shape (..., h, n, m). Rows sum to 1 unless the scheme has a gain; fully masked rows are 0.
    """
    weights = masked_softmax(attention_logits(query, key, patch, position), patch, mask)
    gain = position.gain(patch)
    return weights if gain is None else weights * toeplitz(gain, patch.n, patch.m).to(weights.dtype)


def attention_logits(query: Tensor, key: Tensor, patch: Patch, position: Position) -> Tensor:
    """What the softmax sees, before any mask; arguments as `attention_weights`.

    logits = q k^T + content(q) + relative[j - i]
    """
    logits = query @ key.transpose(-2, -1)  # (..., h, n, m)
    content = position.content(query, patch)
    if content is not None:
        logits = logits + content
    relative = position.relative(patch)
    if relative is None:
        return logits
    return logits + toeplitz(relative, patch.n, patch.m).to(logits.dtype)


def masked_softmax(logits: Tensor, patch: Patch, mask: Mask | None) -> Tensor:
    """Softmax over the allowed keys; a row without any is 0, and so is its gradient.

    Forbidden logits become the lowest finite number, not -inf: a row of -inf would be nan, and a
    gradient through it as well. Their weights are then set to 0.

    Args:
        logits: shape (..., h, n, m).
        patch: which positions they belong to.
        mask: which keys each query may see; None means all.

    Returns:
        Same shape; rows sum to 1 or to 0.
    """
    if mask is None:
        return logits.softmax(-1)
    added = mask.added(patch)
    if added is not None:
        logits = logits + added.to(logits.dtype)
    allowed = mask.allowed(patch, logits.device)
    if allowed is None:
        return logits.softmax(-1)
    lowest = torch.finfo(logits.dtype).min
    return torch.where(allowed, torch.where(allowed, logits, lowest).softmax(-1), 0.0)
