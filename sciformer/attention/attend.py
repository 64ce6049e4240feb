"""Attention over heads: one function, whose core can be exchanged."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.attention.arguments import scoring_of
from sciformer.attention.cores.automatic import Automatic
from sciformer.attention.cores.core import Core
from sciformer.attention.masks import Mask
from sciformer.attention.nonfinite import hide_nonfinite
from sciformer.attention.normalisers import Normaliser
from sciformer.attention.positions.base import Position
from sciformer.attention.weights import scaled_query
from sciformer.errors import UsageError

AUTOMATIC = Automatic()


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
    normaliser: Normaliser | None = None,
    core: Core | None = None,
) -> Tensor:
    """Attention of every query to every key it may see.

    out_i = sum_j A_ij (v_j + values_ij),   A = softmax(scale q k^T + position + mask) * gain

    Derivatives of any order exist, and types with `__torch_function__` pass through, unless a
    core is chosen whose `smooth` says otherwise.

    Args:
        query: shape (..., h, n, d).
        key: shape (..., h, m, d).
        value: shape (..., h, m, e).
        position: position scheme; None means none.
        mask: `Causal()`, `Window(...)`, `Padding(...)`, `Mass(...)`, a boolean tensor (True may
            attend) or a floating tensor (added to the logits), broadcast to (..., h, n, m);
            combine objects with `&`. A key or value that is not finite makes nan of the outputs
            that may see it and, on a processor, of no others; one that nobody sees is not read.
        query_start: position of the first query, as when keys are cached.
        key_start: position of the first key.
        scale: factor of the logits; 1 / sqrt(d) by default.
        normaliser: how logits become weights; a softmax by default.
        core: how it is computed; by default the fastest that is right (`cores.Automatic`).

    Returns:
        Shape (..., h, n, e). The output of a fully masked row is 0, its gradient too.

    Raises:
        ShapeError: shapes or types of numbers that do not fit together, or a position scheme or
            mask for others.
        UsageError: what is not a tensor, position scheme, mask or core.
        DomainError: a core that cannot compute this, with the reason.

    Cost: by default memory (..., h, 64, m) from 512 x 512 pairs on, where the backward pass builds
        each block again.
    Source: Vaswani et al. 2017, eq. 1 (softmax attention); Luo et al. 2022, eq. 8 (the gain C).

    Examples:
        >>> import sciformer, torch
        >>> key = torch.zeros(1, 3, 2)  # one head; equal keys, so the mean of the values
        >>> sciformer.attend(torch.ones(1, 1, 2), key, torch.tensor([[[1.0], [2.0], [6.0]]]))
        tensor([[[3.]]])
    """
    starts = query_start, key_start
    scoring = scoring_of(
        "attend", (query, key, value), position, mask, starts=starts, normaliser=normaliser
    )
    position = scoring.position
    core = AUTOMATIC if core is None else core
    if not isinstance(core, Core):
        raise UsageError(f"attend: a core is an object such as RowBlocks(); got {core}.")
    key, value, sees_nonfinite = hide_nonfinite(position.rotate(key, key_start), value, scoring)
    query = scaled_query(query, position, query_start, scale)
    core.check(query, key, value, scoring)
    output = core.attend(query, key, value, scoring)
    return output if sees_nonfinite is None else torch.where(sees_nonfinite, torch.nan, output)
