"""The matrix that multiplies the values, made of queries and keys."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position
from sciformer.attention.scoring import Scoring
from sciformer.attention.toeplitz import toeplitz


def attention_weights(query: Tensor, key: Tensor, scoring: Scoring) -> Tensor:
    """The attention matrix of one patch.

    A = normaliser(attention_logits + added mask) * gain[j - i]

    Args:
        query: scaled and rotated, shape (..., h, n, d).
        key: rotated, shape (..., h, m, d).
        scoring: positions, mask and normaliser.

    Returns:
        Shape (..., h, n, m). For a softmax rows sum to 1 unless the scheme has a gain; fully
        masked rows are 0.
    """
    logits = scored_logits(query, key, scoring)
    weights = scoring.normaliser.weights(logits, scoring.allowed(logits.device), scoring.keys)
    gain = gain_matrix(scoring)
    return weights if gain is None else weights * gain.to(weights.dtype)


def scored_logits(query: Tensor, key: Tensor, scoring: Scoring) -> Tensor:
    """The logits with what the mask adds; forbidden pairs are not marked."""
    logits = attention_logits(query, key, scoring.patch, scoring.position)
    added = scoring.added()
    return logits if added is None else logits + added.to(logits.dtype)


def attention_logits(query: Tensor, key: Tensor, patch: Patch, position: Position) -> Tensor:
    """The logits before any mask; arguments as `attention_weights`.

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


def gain_matrix(scoring: Scoring) -> Tensor | None:
    """The factors of the weights, (h, n, m); None where the scheme has none."""
    gain = scoring.position.gain(scoring.patch)
    return None if gain is None else toeplitz(gain, scoring.patch.n, scoring.patch.m)


def scaled_query(query: Tensor, position: Position, start: int, scale: float | None) -> Tensor:
    """The query as the logits use it: scaled by `scale` or 1 / sqrt(d), then rotated."""
    return position.rotate(query * (query.shape[-1] ** -0.5 if scale is None else scale), start)


def hide_unseen(key: Tensor, value: Tensor, scoring: Scoring) -> tuple[Tensor, Tensor]:
    """Keys and values with zeros where no query of the patch may see them, nan and all.

    A weight of 0 does not hide a nan: 0 * nan is nan. (A mask that is a band hides nothing once
    the keys out of its reach are cut away.)
    """
    if scoring.mask is None or scoring.mask.is_band:
        return key, value
    allowed = scoring.allowed(key.device)
    if allowed is None:
        return key, value
    seen = allowed.any(-2).unsqueeze(-1)  # (..., h, m, 1)
    return torch.where(seen, key, 0.0), torch.where(seen, value, 0.0)


def within_reach(key: Tensor, value: Tensor, scoring: Scoring) -> tuple[Tensor, Tensor, Scoring]:
    """Keys, values and scoring without the keys that no query can reach.

    Where none can be reached one zero key stays, hidden by the mask, so that rows are 0.
    """
    first, last = scoring.reached()
    if (first, last) == (0, scoring.patch.m):
        return key, value, scoring
    if first == last:
        return (
            torch.zeros_like(key[..., :1, :]),
            torch.zeros_like(value[..., :1, :]),
            (scoring.columns(0, 1)),
        )
    return key[..., first:last, :], value[..., first:last, :], scoring.columns(first, last)
