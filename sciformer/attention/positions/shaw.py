"""A learned vector per clipped offset, added to the keys, or to keys and values."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position


class ShawKey(Position):
    """Keys that depend on how far away they are.

    logits_ij + (scaled q_i) . key_table[clip(j - i, -clip, clip) + clip]

    The vectors are shared by all heads.

    Args:
        head_width: width of one head.
        clip: largest offset distinguished; >= 0.

    Source: Shaw, Uszkoreit, Vaswani 2018, eq. 4 (a^K); `clip` is their k.
    """

    is_toeplitz = False

    def __init__(self, head_width: int, clip: int) -> None:
        super().__init__()
        self.clip = clip
        self.head_width = head_width
        self.key_table = nn.Parameter(torch.randn(2 * clip + 1, head_width) * 0.02)

    def content(self, query: Tensor, patch: Patch) -> Tensor | None:
        lead = leading_axes(query)
        vectors = self.by_offset(self.key_table, patch)
        return torch.einsum(f"{lead}nd,nmd->{lead}nm", query, vectors)

    def by_offset(self, table: Tensor, patch: Patch) -> Tensor:
        """The vector of each pair, shape (n, m, head_width)."""
        return table[patch.offsets(table.device).clamp(-self.clip, self.clip) + self.clip]


class ShawKeyValue(ShawKey):
    """Keys and values that depend on how far away they are.

    out_i = sum_j A_ij (v_j + value_table[clip(j - i, -clip, clip) + clip])

    Args: as `ShawKey`.

    Source: Shaw, Uszkoreit, Vaswani 2018, eq. 3 (a^V).
    """

    def __init__(self, head_width: int, clip: int) -> None:
        super().__init__(head_width, clip)
        self.value_table = nn.Parameter(torch.randn(2 * clip + 1, head_width) * 0.02)

    def values(self, weights: Tensor, patch: Patch) -> Tensor | None:
        lead = leading_axes(weights)
        vectors = self.by_offset(self.value_table, patch)
        return torch.einsum(f"{lead}nm,nmd->{lead}nd", weights, vectors)


def leading_axes(tensor: Tensor) -> str:
    """One letter for each axis but the last two: "..." spelt out, for types that need it."""
    return "abcefghijkl"[: tensor.dim() - 2]
