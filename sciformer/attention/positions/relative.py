"""Schemes that add to the logits a number that depends on the offset j - i alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position
from sciformer.errors import DomainError


class RelativeTable(Position):
    """A free number per head and offset.

    logits_ij + table[h, j - i + length - 1]

    Args:
        heads: number of heads.
        length: longest sequence; the table holds offsets -(length-1) .. length-1.

    Raises:
        DomainError: a pair further apart than the table reaches.

    Source: Luo et al. 2022 (its B, the general form of relative positional encoding). It starts
        at 0, as no position; the start is our choice.
    """

    def __init__(self, heads: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.length = length
        self.table = nn.Parameter(torch.zeros(heads, 2 * length - 1))

    def relative(self, patch: Patch) -> Tensor | None:
        return table_slice("RelativeTable", self.table, patch)


class ALiBi(Position):
    """A penalty that grows linearly with the distance, with a slope per head.

    logits_ij - 2^(-8 k / heads) |j - i|,   k = 1 .. heads

    Args:
        heads: number of heads.

    Source: Press, Smith, Lewis 2022, section 3.
    Deviates: both directions are penalised alike (the paper is causal), and heads that are not
        power of two use the same formula.
    """

    slopes: Tensor

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads
        powers = torch.arange(1, heads + 1, dtype=torch.float64) * (-8.0 / heads)
        self.register_buffer("slopes", (2.0**powers).float(), persistent=False)

    def relative(self, patch: Patch) -> Tensor | None:
        return -self.slopes[:, None] * patch.diagonals(self.slopes.device).abs()


class T5Buckets(Position):
    """A learned number per head and bucket of offsets, exact when near, logarithmic when far.

    logits_ij + table[h, bucket(j - i)]

    Half of the buckets belong to keys in the future. Of each half the first half holds one
    distance each; the rest split the distances up to max_distance geometrically, and everything
    further is in the last bucket.

    Args:
        heads: number of heads.
        buckets: number of buckets; a multiple of 4.
        max_distance: distance from which all share a bucket; > buckets / 4.

    Raises:
        DomainError: buckets or max_distance outside their range.

    Source: Raffel et al. 2020, section 2.1, and its public code for the bucket boundaries
        (bidirectional form). It starts at 0; the start is our choice.
    """

    firsts: Tensor

    def __init__(self, heads: int, buckets: int = 32, max_distance: int = 128) -> None:
        super().__init__()
        exact = buckets // 4
        if buckets < 4 or buckets % 4 or max_distance <= exact:
            raise DomainError(
                "T5Buckets: buckets must be a multiple of 4 and max_distance above a quarter of "
                f"them; got buckets {buckets} and max_distance {max_distance}."
            )
        self.heads = heads
        self.buckets = buckets
        self.table = nn.Parameter(torch.zeros(heads, buckets))
        firsts = [*range(exact), *_geometric_firsts(exact, max_distance)]
        self.register_buffer("firsts", torch.tensor(firsts), persistent=False)

    def relative(self, patch: Patch) -> Tensor | None:
        return self.table[:, self.bucket(patch.diagonals(self.table.device))]

    def bucket(self, offsets: Tensor) -> Tensor:
        """The bucket of each offset, int64 of the same shape."""
        within = torch.bucketize(offsets.abs(), self.firsts, right=True) - 1
        return within + (offsets > 0) * (self.buckets // 2)


def _geometric_firsts(exact: int, max_distance: int) -> list[int]:
    """The first distance of each geometric bucket, in whole numbers so that no rounding decides.

    Bucket exact + k starts at the least a with (a / exact)^exact >= (max_distance / exact)^k.
    """
    firsts, distance = [], exact
    for k in range(exact):
        while distance**exact < max_distance**k * exact ** (exact - k):
            distance += 1
        firsts.append(distance)
    return firsts


def table_slice(who: str, table: Tensor, patch: Patch) -> Tensor:
    """The part of a table over offsets -(length-1) .. length-1 that a patch needs.

    Args:
        who: name of the caller, for the message.
        table: shape (h, 2 length - 1).
        patch: which offsets are needed.

    Returns:
        Shape (h, n + m - 1), a view.

    Raises:
        DomainError: the patch reaches beyond the table.
    """
    length = (table.shape[-1] + 1) // 2
    if patch.lowest <= -length or patch.highest >= length:
        raise DomainError(
            f"{who}: the table of length {length} holds offsets {1 - length} to {length - 1}; "
            f"got offsets {patch.lowest} to {patch.highest}, so give a longer table."
        )
    return table[..., patch.lowest + length - 1 : patch.highest + length]
