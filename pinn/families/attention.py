"""Attention of jets to a memory of tokens, one memory for each member."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pinn.jets import Jet


def outer(basis: Any, coefficients: Tensor) -> Any:
    """sum_p coefficients (b, p) basis (q, p): (q, b), a jet where the basis is one.

    A basis (q, b, p) is each member's own.

    The product rule has one term only, as members do not depend on the points: one matrix product
    for each derivative.
    """
    if isinstance(basis, Jet):
        return Jet(torch.matmul(coefficients, basis.channels), basis.operators)
    if basis.ndim == 3:
        return (basis * coefficients).sum(-1)
    return basis @ coefficients.mT


def to_memory(query: Any, memory: Tensor) -> Any:
    """query . memory for each token: (q, b, ..., e) and (b, ..., m, e) to (q, b, ..., m).

    The points of a member are side by side in the memory of a jet, (b, ..., e, q), so that this is
    one matrix product for each member and derivative, and no memory is repeated for a point.
    """
    if isinstance(query, Jet):
        return Jet(torch.matmul(memory, query.channels), query.operators)
    return torch.matmul(memory, query.movedim(0, -1)).movedim(-1, 0)


def attend_memory(logits: Any, values: Tensor) -> Any:
    """softmax over the tokens of logits (q, ..., m) times their values (..., m, e): (q, ..., e).

    The weights are never normalised one by one: sums of exp(logit) times (value, 1) are divided,
    which is the quotient rule once for each query and not for each pair.
    """
    weights, total = _unnormalised(logits)
    if isinstance(weights, Jet):
        # channels (o, ..., m, q), values^T (..., e, m) from the left
        summed: Any = Jet(torch.matmul(values.mT, weights.channels), weights.operators)
    else:
        summed = torch.matmul(values.mT, weights.movedim(0, -1)).movedim(-1, 0)
    return summed / total[..., None]


def weighted_mean(logits: Any, values: Any) -> Any:
    """softmax over the last axis of logits (q, ..., m) times values of that shape: (q, ...)."""
    weights, total = _unnormalised(logits)
    return (weights * values).sum(-1) / total


def _unnormalised(logits: Any) -> tuple[Any, Any]:
    """exp(logits - largest) and their sums."""
    first = logits.value if isinstance(logits, Jet) else logits
    weights = torch.exp(logits - first.detach().amax(-1, keepdim=True))
    return weights, weights.sum(-1)
