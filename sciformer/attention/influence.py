"""The influence of every key on the output, in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.attention.arguments import scoring_of
from sciformer.attention.masks import Mask
from sciformer.attention.positions.base import Position
from sciformer.attention.weights import gain_matrix, hide_unseen, scaled_query, scored_logits
from sciformer.errors import DomainError


def influences(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    position: Position | None = None,
    mask: Mask | Tensor | None = None,
    scale: float | None = None,
) -> Tensor:
    """The change of the output that each key makes: with all keys, minus without that one.

    o - o_without_j = p_j (gain_j v_j - o) / (1 - p_j),   p the softmax

    For the heaviest key of a row, where 1 - p_j cancels, the rest is computed by itself; for all
    others p_j <= 1/2. A key that is alone in its row has the whole output as its influence.

    Args: as `attend`, with positions that start at 0.

    Returns:
        Shape (..., h, n, m, e); 0 for keys that a query may not see.

    Raises:
        DomainError: a scheme that adds to values.

    Accuracy: a few eps of the largest value, whatever the weights.
    Cost: two softmaxes; memory n m e.

    Examples:
        >>> import torch
        >>> from sciformer.attention import influences
        >>> key, value = torch.zeros(1, 3, 2), torch.tensor([[[1.0], [2.0], [6.0]]])
        >>> influences(torch.ones(1, 1, 2), key, value).flatten()  # the mean of all three is 3
        tensor([-1.0000, -0.5000,  1.5000])
    """
    scoring = scoring_of("influences", (query, key, value), position, mask)
    position, m = scoring.position, scoring.patch.m
    if not m:
        return value.new_zeros(*query.shape[:-1], 0, value.shape[-1])
    key = position.rotate(key, 0)
    key, value = hide_unseen(key, value, scoring)
    logits = scored_logits(scaled_query(query, position, 0, scale), key, scoring)
    gain, allowed = gain_matrix(scoring), scoring.allowed(logits.device)
    weights = scoring.normaliser.weights(logits, allowed, m)
    if position.values(weights, scoring.patch) is not None:
        raise DomainError(
            f"influences: {type(position).__name__} adds to the values; take a scheme without."
        )
    factor = torch.ones_like(weights) if gain is None else gain.to(weights.dtype)
    output = (weights * factor) @ value
    heaviest = torch.arange(m, device=key.device) == weights.argmax(-1, keepdim=True)
    others = ~heaviest if allowed is None else ~heaviest & allowed
    rest = (scoring.normaliser.weights(logits, others, m) * factor) @ value
    pairs = factor[..., None] * value[..., None, :, :] - output[..., None, :]  # (..., n, m, e)
    light = torch.where(heaviest, 0.0, weights)
    change = (light / (1 - light))[..., None] * pairs
    return torch.where(heaviest[..., None], (output - rest)[..., None, :], change)
