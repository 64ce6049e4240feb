"""A rectangle of the attention matrix: which queries and which keys meet, and how far apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Patch:
    """n queries at positions query_start + i and m keys at positions key_start + j.

    The offset of a pair is (key position) - (query position), so a key in the past has a negative
    offset. Along each diagonal of the patch the offset is constant; there are n + m - 1 diagonals.
    """

    n: int
    m: int
    query_start: int = 0
    key_start: int = 0

    @property
    def lowest(self) -> int:
        """The smallest offset: last query, first key."""
        return self.key_start - self.query_start - self.n + 1

    @property
    def highest(self) -> int:
        """The largest offset: first query, last key."""
        return self.key_start - self.query_start + self.m - 1

    def diagonals(self, device: torch.device | None = None) -> Tensor:
        """All offsets from lowest to highest, int64 of shape (n + m - 1,)."""
        return torch.arange(self.lowest, self.highest + 1, device=device)

    def within(self, lowest: float, highest: float, device: torch.device | None = None) -> Tensor:
        """Whether the offset of a pair is from lowest to highest, boolean of shape (n, m)."""
        queries = (torch.arange(self.n, device=device) + self.query_start)[:, None]
        keys = torch.arange(self.m, device=device) + self.key_start
        if lowest == -math.inf:
            return keys <= queries + highest
        if highest == math.inf:
            return keys >= queries + lowest
        return (keys >= queries + lowest).logical_and_(keys <= queries + highest)

    def offsets(self, device: torch.device | None = None) -> Tensor:
        """The offset of every pair, int64 of shape (n, m)."""
        queries = torch.arange(self.n, device=device) + self.query_start
        keys = torch.arange(self.m, device=device) + self.key_start
        return keys - queries[:, None]

    def rows(self, start: int, stop: int) -> Patch:
        """The part of the patch that holds queries start to stop (counted from its first)."""
        return Patch(stop - start, self.m, self.query_start + start, self.key_start)

    def columns(self, start: int, stop: int) -> Patch:
        """The part of the patch that holds keys start to stop (counted from its first)."""
        return Patch(self.n, stop - start, self.query_start, self.key_start + start)
