"""Attention a block of rows at a time: long sequences in bounded memory, with derivatives of every
order.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sciformer.attention.cores.core import Core
from sciformer.attention.cores.materialised import Materialised
from sciformer.attention.scoring import Scoring
from sciformer.errors import DomainError
from sciformer.hardware import free_memory, hardware

# Fewer rows make products of matrices slow; of more a mask skips fewer keys.
BLOCK_ROWS = 64
TABLES = 6  # of pairs that a block holds with its derivatives, see `core.tables`
_WHOLE = Materialised()


class RowBlocks(Core):
    """The matrix in blocks of rows, each over the keys that the block may reach.

    Args:
        rows: rows in a block, >= 1; by default 64 on a processor, elsewhere what fits.

    Raises:
        DomainError: rows < 1.

    Cost: memory (..., h, rows, m); the backward pass builds each block again. Causal attention
        visits n (n + rows) / 2 pairs, a window n (window + rows).
    """

    def __init__(self, rows: int | None = None) -> None:
        if rows is not None and rows < 1:
            raise DomainError(f"RowBlocks: a block has at least one row; got {rows}.")
        self.rows = rows

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        rows = self._rows(query, scoring)
        if rows >= scoring.patch.n:
            return _WHOLE.attend(query, key, value, scoring)
        outputs = [
            _attend_block(query[..., start:stop, :], key, value, scoring.rows(start, stop))
            for start, stop in blocks(scoring.patch.n, rows)
        ]
        return torch.cat(outputs, -2)

    def pairs(self, scoring: Scoring) -> int:
        return sum(
            _WHOLE.pairs(scoring.rows(start, stop))
            for start, stop in blocks(scoring.patch.n, self.rows or BLOCK_ROWS)
        )

    def peak(self, scoring: Scoring) -> int:
        return max(
            _WHOLE.peak(scoring.rows(start, stop))
            for start, stop in blocks(scoring.patch.n, self.rows or BLOCK_ROWS)
        )

    def _rows(self, query: Tensor, scoring: Scoring) -> int:
        device = hardware(query.device)
        if self.rows is not None or not device.prefers_few_launches:
            return self.rows or BLOCK_ROWS
        row = query[..., 0, 0].numel() * scoring.patch.m  # pairs of one row of every head
        size = TABLES * query.element_size()
        pairs = device.pairs(row * scoring.patch.n, size, free_memory(query.device))
        return max(BLOCK_ROWS, pairs // row)


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
