"""The core that is right for every input and fast for its size."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sciformer.attention.cores.core import Core
from sciformer.attention.cores.flex import Flex, is_fast, is_trusted
from sciformer.attention.cores.fused import Fused, needs_no_bias
from sciformer.attention.cores.materialised import Materialised
from sciformer.attention.cores.row_blocks import RowBlocks
from sciformer.attention.cores.toeplitz_rows import ToeplitzRows
from sciformer.attention.scoring import Scoring

# Up to this many pairs the whole matrix is built where its derivatives may be wanted; above,
# blocks of rows. Measured: with tables by offset, Toeplitz rows are faster from here on.
MATERIALISED_PAIRS = 512 * 512
# From this many pairs on fused attention was faster than the matrix, where no derivative is wanted.
FUSED_PAIRS = 256 * 256
# Many short sequences at once have large tables too. Measured: from these pairs of one and of all
# heads on fused attention takes a third of the matrix's time, if it needs no table of its own.
FUSED_SHORT, FUSED_TOGETHER = 64 * 64, 512 * 512

_WHOLE, _ROWS, _TOEPLITZ, _FUSED = Materialised(), RowBlocks(), ToeplitzRows(), Fused()
_FLEX = Flex()


class Automatic(Core):
    """The default core of `attend`, chosen by size and by what is asked for, never at the cost of
    correctness.

    Short sequences, jets and programs that torch traces get the whole matrix. Long ones get
    Toeplitz rows where the scheme has tables by offset (FlexAttention on a card where it multiplies
    on tensor cores, compiles, and agrees with the matrix), fused attention where it has none and no
    derivative is recorded, and blocks of rows otherwise. Derivatives of every order exist.
    """

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        return self.choose(query, key, value, scoring).attend(query, key, value, scoring)

    def pairs(self, scoring: Scoring) -> int:
        return self._planned(scoring).pairs(scoring)

    def peak(self, scoring: Scoring) -> int:
        return self._planned(scoring).peak(scoring)

    def _planned(self, scoring: Scoring) -> Core:
        """The core for one head of plain tensors without derivatives."""
        query, key = (torch.empty(1, count, 1) for count in (scoring.patch.n, scoring.patch.m))
        with torch.no_grad():
            return self.choose(query, key, key, scoring)

    def choose(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Core:
        """The core for a call."""
        if torch.compiler.is_compiling():
            return _WHOLE
        pairs = scoring.patch.n * scoring.patch.m
        arguments = query, key, value, scoring
        if pairs < FUSED_PAIRS:
            is_much = math.prod(query.shape[:-2]) * pairs >= FUSED_TOGETHER and pairs >= FUSED_SHORT
            is_free = is_much and needs_no_bias(scoring) and not _records(*arguments)
            return _FUSED if is_free and _FUSED.refusal(*arguments) is None else _WHOLE
        if _has_tables(scoring):
            if pairs >= MATERIALISED_PAIRS and _TOEPLITZ.refusal(*arguments) is None:
                is_flex = (
                    query.is_cuda and is_fast(query.dtype) and _FLEX.refusal(*arguments) is None
                )
                return _FLEX if is_flex and is_trusted(query.device) else _TOEPLITZ
        elif not _records(*arguments) and _FUSED.refusal(*arguments) is None:
            return _FUSED
        return _WHOLE if pairs <= MATERIALISED_PAIRS else _ROWS


def _has_tables(scoring: Scoring) -> bool:
    position, patch = scoring.position, scoring.patch
    return position.relative(patch) is not None or position.gain(patch) is not None


def _records(query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> bool:
    """Whether a derivative of the output may be asked for."""
    if not torch.is_grad_enabled():
        return False
    added = scoring.added()
    inputs = [
        query,
        key,
        value,
        *scoring.position.parameters(),
        *([] if added is None else [added]),
    ]
    return any(part.requires_grad for part in inputs)
