"""Cells of keys that are near each other: the leaves of k-d trees of many heads at once."""

from __future__ import annotations

import torch
from torch import Tensor


def key_cells(keys: Tensor, present: Tensor, levels: int) -> Tensor:
    """The leaves of balanced k-d trees of keys, all of the same size.

    Each cell is halved across the axis of its largest variance, `levels` times.

    Args:
        keys: shape (g, m, d), finite.
        present: boolean (g, m); absent keys are dealt evenly to all cells.
        levels: >= 0.

    Returns:
        Which keys each cell holds, int64, shape (g, 2^levels, size). Where 2^levels does not divide
        m, places behind the last hold indices >= m, which are no keys.

    Cost: O(m levels).
    Source: Bentley 1975.
    """
    count, m, _ = keys.shape
    places = -(-m // 2**levels) * 2**levels
    cloud = rows_of(keys, _stand_ins(present, places)).unsqueeze(1)  # (g, 1, places, d)
    order = torch.arange(places, device=keys.device).expand(count, 1, -1)
    for _ in range(levels):
        variance = (cloud - cloud.mean(2, keepdim=True)).square().mean(2)
        axis = variance.argmax(-1)[..., None, None]
        along = cloud.gather(3, axis.expand(-1, -1, cloud.shape[2], 1)).squeeze(3)
        halves = _halves(along).flatten(0, 1)  # (g cells, 2, half)
        order = order.gather(2, halves.view_as(order)).view(count, -1, halves.shape[2])
        cloud = rows_of(cloud.flatten(0, 1), halves).view(*order.shape, -1)
    return order


def _stand_ins(present: Tensor, places: int) -> Tensor:
    """A present key for every place, (g, places): the key itself, or one of the others in turn."""
    first = (~present).to(torch.int8).argsort(dim=1, stable=True)  # present keys before absent ones
    turn = torch.arange(places, device=present.device)
    others = first.gather(1, turn % present.sum(1, keepdim=True).clamp(min=1))
    exists = torch.nn.functional.pad(present, (0, places - present.shape[1]))
    return torch.where(exists, turn, others)


def _halves(along: Tensor) -> Tensor:
    """Indices of the lower and the upper half of every row, (g, cells, 2, half); no sort needed."""
    upper = along.topk(along.shape[2] // 2, dim=2, sorted=False).indices
    is_lower = torch.ones_like(along, dtype=torch.int8).scatter(2, upper, 0)
    lower = is_lower.topk(along.shape[2] // 2, dim=2, sorted=False).indices
    return torch.stack([lower, upper], 2)


def rows_of(parts: Tensor, places: Tensor) -> Tensor:
    """Rows (g, m, c) at places (g, ...) of their own batch, (g, ..., c).

    By one flat index, because `gather` takes an index for every single number.
    """
    count, m, width = parts.shape
    start = torch.arange(0, count * m, m, device=parts.device)
    flat = places.flatten(1) + start[:, None]
    return parts.reshape(-1, width).index_select(0, flat.flatten()).view(*places.shape, width)
