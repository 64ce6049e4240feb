"""A block of rows at a time: long sequences in bounded memory, with derivatives of every order."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sciformer.attention.cores.core import Core
from sciformer.attention.cores.materialised import Materialised
from sciformer.attention.scoring import Scoring
from sciformer.errors import DomainError

BLOCK_ROWS = 64
_WHOLE = Materialised()


class RowBlocks(Core):
    """The matrix in blocks of rows, each over the keys that the block may reach.

    Args:
        rows: rows in a block, >= 1.

    Raises:
        DomainError: rows < 1.

    Cost: memory (..., h, rows, m); the backward pass builds each block again. Causal attention
        visits n (n + rows) / 2 pairs, a window n (window + rows).
    """

    def __init__(self, rows: int = BLOCK_ROWS) -> None:
        if rows < 1:
            raise DomainError(f"RowBlocks: a block has at least one row; got {rows}.")
        self.rows = rows

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        if self.rows >= scoring.patch.n:
            return _WHOLE.attend(query, key, value, scoring)
        outputs = [
            _attend_block(query[..., start:stop, :], key, value, scoring.rows(start, stop))
            for start, stop in blocks(scoring.patch.n, self.rows)
        ]
        return torch.cat(outputs, -2)

    def pairs(self, scoring: Scoring) -> int:
        return sum(
            _WHOLE.pairs(scoring.rows(start, stop))
            for start, stop in blocks(scoring.patch.n, self.rows)
        )

    def peak(self, scoring: Scoring) -> int:
        return max(
            _WHOLE.peak(scoring.rows(start, stop))
            for start, stop in blocks(scoring.patch.n, self.rows)
        )


def blocks(n: int, rows: int) -> list[tuple[int, int]]:
    """First row, and row behind the last, of each block."""
    return [(start, min(start + rows, n)) for start in range(0, n, rows)]


def _attend_block(query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
    """One block of rows; while gradients are recorded it keeps its inputs only."""
    if not torch.is_grad_enabled():
        return _WHOLE.attend(query, key, value, scoring)
    output: Tensor = checkpoint(
        _WHOLE.attend, query, key, value, scoring, use_reentrant=False, preserve_rng_state=False
    )
    return output
