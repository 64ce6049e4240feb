"""Points in the order of a k-d tree: neighbours become slices, and cells become blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.errors import DomainError, ShapeError


@dataclass(frozen=True)
class Order:
    """An order of points, and the way back.

    Attributes:
        permutation: shape (n,), int64; place i of the order holds point permutation[i].
        inverse: shape (n,), int64; point j is at place inverse[j].
    """

    permutation: Tensor
    inverse: Tensor

    def sort(self, rows: Tensor) -> Tensor:
        """Rows (..., n, c) of points, in the order."""
        return rows.index_select(-2, self.permutation)

    def restore(self, rows: Tensor) -> Tensor:
        """Rows (..., n, c) in the order, back to the points as they were given."""
        return rows.index_select(-2, self.inverse)


def kd_order(points: Tensor, leaf: int) -> Order:
    """The order of a balanced k-d tree whose leaves hold `leaf` consecutive points.

    Each cell is cut across its longest side, at a multiple of `leaf` points next to its median, so
    that every block of `leaf` places is one leaf (the last may hold fewer).

    Args:
        points: shape (n, c), n and c >= 1, finite.
        leaf: points in a leaf, >= 1.

    Raises:
        ShapeError: points that are not (n, c).
        DomainError: leaf < 1, or coordinates that are not finite.

    Cost: O(n log^2 n).
    Source: Bentley 1975; the longest side is the usual choice for volumes of one scale.
    """
    if points.dim() != 2 or 0 in points.shape:
        raise ShapeError(
            f"kd_order: points have shape (n >= 1, c >= 1); got {tuple(points.shape)}."
        )
    if leaf < 1 or not bool(points.isfinite().all()):
        raise DomainError(
            f"kd_order: needs finite points and leaf >= 1; got leaf {leaf} and "
            f"{int((~points.isfinite()).sum())} coordinates that are not finite."
        )
    pending, leaves = [torch.arange(len(points), device=points.device)], []
    while pending:
        cell = pending.pop()
        if len(cell) <= leaf:
            leaves.append(cell)
            continue
        inside = points[cell]
        axis = int((inside.amax(0) - inside.amin(0)).argmax())
        cell = cell[inside[:, axis].argsort(stable=True)]
        blocks = -(-len(cell) // leaf)
        cut = (blocks // 2) * leaf
        pending += [cell[cut:], cell[:cut]]  # the first half is taken next
    permutation = torch.cat(leaves)
    return Order(permutation, permutation.argsort())
