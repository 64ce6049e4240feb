"""URPE: a Toeplitz multiplier on the attention weights, over any other scheme."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position
from sciformer.attention.positions.relative import table_slice
from sciformer.attention.toeplitz import toeplitz_diagonals
from sciformer.errors import ShapeError, UsageError


class Universal(Position):
    """Universal relative positional encoding over a base scheme.

    A_ij = softmax(base logits)_ij * table[h, j - i + length - 1]

    The table is signed and starts at 1, where the scheme is its base. Rows no longer sum to 1,
    which makes positions visible on constant sequences.

    Args:
        base: the scheme underneath.
        heads: number of heads; by default those of the base, where it knows them.
        length: longest sequence, by default that of the base, where it knows one; the table holds
            offsets -(length-1) .. length-1.

    Raises:
        UsageError: no heads or no length, and a base that does not know them.
        ShapeError: a base made for another number of heads.
        DomainError: a pair further apart than the table reaches.

    Source: Luo et al. 2022, eq. 8; `table` is their C.
    """

    def __init__(self, base: Position, heads: int | None = None, length: int | None = None) -> None:
        super().__init__()
        heads = _given_or_known("heads", heads, base.heads)
        length = _given_or_known("length", length, base.length)
        if base.heads not in (None, heads):
            raise ShapeError(
                f"Universal: the base scheme has {base.heads} heads; got {heads} for the gain."
            )
        self.base = base
        self.heads = heads
        self.width = base.width
        self.head_width = base.head_width
        self.is_toeplitz = base.is_toeplitz
        self.splits_keys = base.splits_keys
        self.length = length if base.length is None else min(length, base.length)
        self.table = nn.Parameter(torch.ones(heads, 2 * length - 1))

    @torch.no_grad()
    def set_gain(self, gain: Tensor) -> None:
        """Take C from one matrix per head.

        Args:
            gain: shape (heads, k, k) with k the length of the table.

        Raises:
            ShapeError: another shape.
            DomainError: a matrix that is not constant along its diagonals.
        """
        length = (self.table.shape[-1] + 1) // 2
        if gain.shape != (self.heads, length, length):
            raise ShapeError(
                f"Universal: C has shape {(self.heads, length, length)}, heads first; got "
                f"{tuple(gain.shape)}."
            )
        self.table.copy_(torch.stack([toeplitz_diagonals(matrix) for matrix in gain]))

    @property
    def sees_offsets_only(self) -> bool:
        return self.base.sees_offsets_only

    def tokens(self, tokens: Tensor, start: int) -> Tensor:
        return self.base.tokens(tokens, start)

    def rotate(self, heads: Tensor, start: int) -> Tensor:
        return self.base.rotate(heads, start)

    def content(self, query: Tensor, patch: Patch) -> Tensor | None:
        return self.base.content(query, patch)

    def relative(self, patch: Patch) -> Tensor | None:
        return self.base.relative(patch)

    def gain(self, patch: Patch) -> Tensor | None:
        own = table_slice("Universal", self.table, patch)
        under = self.base.gain(patch)
        return own if under is None else own * under

    def values(self, weights: Tensor, patch: Patch) -> Tensor | None:
        return self.base.values(weights, patch)


def _given_or_known(name: str, given: int | None, known: int | None) -> int:
    found = known if given is None else given
    if found is None:
        raise UsageError(
            f"Universal: the base scheme does not know its {name}; give {name}= beside it."
        )
    return found
