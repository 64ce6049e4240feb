"""URPE attention at almost the cost of plain attention: two tables, read where they are needed.

With the queries in reverse order a Toeplitz matrix becomes a Hankel matrix, which is a sliding
window over its table. So neither the bias nor the gain is ever built: both are views of their
tables. One head is computed at a time, in one reused buffer, because memory fresh from the system
is slow to touch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sciformer.attention.cores.core import Core, are_plain
from sciformer.attention.cores.row_blocks import RowBlocks, blocks
from sciformer.attention.masks import EVERYWHERE, Reach
from sciformer.attention.normalisers import Softmax
from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position
from sciformer.attention.scoring import Scoring
from sciformer.attention.toeplitz import antidiagonal_sums, hankel
from sciformer.errors import DomainError

# Weights of one head built at a time: 2 MiB in float32, measured best at 512 and 2048 tokens on a
# core with 512 KiB of its own cache. Fewer rows than LEAST_ROWS make products of matrices slow.
BLOCK_PAIRS = 2**19
LEAST_ROWS = 64


class ToeplitzRows(Core):
    """softmax(q k^T + relative) ∘ gain times v, a block of rows of one head at a time.

    First derivatives have a backward pass of their own. Where a second one is asked for
    (`create_graph=True`) the first is computed again by `RowBlocks`, so that all orders exist.

    Args:
        rows: rows in a block, >= 1; by default as many as make 2^19 pairs, but at least 64.

    Raises:
        DomainError: rows < 1; a scheme, mask or normaliser that is no table by offset.

    Accuracy: as `attend`, up to the order of sums.
    Cost: forward 2, backward 5 products of matrices over the reachable keys; memory (rows, m)
        beside inputs and outputs, for one head.
    Source: Luo et al. 2022, eq. 8.
    """

    def __init__(self, rows: int | None = None) -> None:
        if rows is not None and rows < 1:
            raise DomainError(f"ToeplitzRows: a block has at least one row; got {rows}.")
        self.rows = rows

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        self.check(query, key, value, scoring)
        patch, heads, reach = scoring.patch, query.shape[:-2], scoring.band()
        relative, gain = by_offset(scoring, query)
        output: Tensor = _RowBlocks.apply(  # type: ignore[no-untyped-call]
            query.reshape(-1, *query.shape[-2:]),
            key.reshape(-1, *key.shape[-2:]),
            value.reshape(-1, *value.shape[-2:]),
            relative,
            gain,
            patch,
            reach,
            self._rows(patch),
        )
        return output.reshape(*heads, *output.shape[-2:])

    def refusal(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> str | None:
        if not are_plain(query, key, value):
            return f"a backward pass of its own takes plain tensors, not {type(query).__name__}"
        if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
            return (
                "query, key and value must have the same leading axes; got "
                f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
            )
        return refuse_tables(scoring)

    def pairs(self, scoring: Scoring) -> int:
        reach = scoring.band()
        if reach is None:
            return super().pairs(scoring)
        cuts = _cuts(scoring.patch, reach, self._rows(scoring.patch))
        return sum(_size(cut) for cut in cuts)

    def peak(self, scoring: Scoring) -> int:
        reach = scoring.band()
        if reach is None:
            return super().peak(scoring)
        return max(map(_size, _cuts(scoring.patch, reach, self._rows(scoring.patch))))

    def _rows(self, patch: Patch) -> int:
        return max(LEAST_ROWS, BLOCK_PAIRS // patch.m) if self.rows is None else self.rows


def refuse_tables(scoring: Scoring) -> str | None:
    """Why the scoring is not a softmax of logits plus a table by offset, times another table."""
    patch, band = scoring.patch, scoring.band()
    if not isinstance(scoring.normaliser, Softmax):
        return f"tables by offset go with a softmax, not {type(scoring.normaliser).__name__}"
    if not scoring.position.is_toeplitz or not scoring.position.splits_keys:
        return f"{type(scoring.position).__name__} is no table by offset"
    if band is None:
        return f"the mask {type(scoring.mask).__name__} is no band of offsets"
    for row in {0, patch.n - 1}:  # the rows between see at least what these two see
        if scoring.rows(row, row + 1).reached() == (0, 0):
            return f"the query at {patch.query_start + row} may see no key"
    return None


def by_offset(scoring: Scoring, query: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (-inf forbids) and gain by offset, (g, n + m - 1), g batches and heads."""
    patch, band = scoring.patch, scoring.band()
    assert band is not None  # see refuse_tables
    offsets = patch.diagonals(query.device)
    relative, gain = scoring.position.relative(patch), scoring.position.gain(patch)
    relative = query.new_zeros(len(offsets)) if relative is None else relative
    gain = query.new_ones(len(offsets)) if gain is None else gain
    if band != EVERYWHERE:
        relative = torch.where((offsets < band[0]) | (offsets > band[1]), -torch.inf, relative)
    lead = query.shape[:-2]
    tables = (table.to(query.dtype).expand(*lead, -1) for table in (relative, gain))
    first, second = (table.reshape(-1, patch.n + patch.m - 1) for table in tables)
    return first, second


class _RowBlocks(torch.autograd.Function):
    """A head at a time, its queries in reverse order: see `_Head`."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        relative: Tensor,
        gain: Tensor,
        patch: Patch,
        reach: Reach,
        rows: int,
    ) -> Tensor:
        output = value.new_empty(*query.shape[:-1], value.shape[-1])
        parts = query, key, value, relative, gain
        cuts = _cuts(patch, reach, rows)
        buffer = query.new_empty(max(map(_size, cuts)))
        for found, head in zip(output, zip(*parts, strict=True), strict=True):
            found.copy_(_Head(head, cuts, buffer).output().flip(0))
        ctx.save_for_backward(*parts, output)
        ctx.patch, ctx.reach, ctx.rows = patch, reach, rows
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        *parts, output = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_differentiable_slopes(parts, gradient, ctx.patch, ctx.rows), None, None, None
        slopes = [torch.empty_like(part) for part in parts]
        cuts = _cuts(ctx.patch, ctx.reach, ctx.rows)
        buffer = gradient.new_empty(max(map(_size, cuts)))
        for index, head in enumerate(zip(*parts, strict=True)):
            found = _Head(head, cuts, buffer).slopes(output[index].flip(0), gradient[index].flip(0))
            for slope, part in zip(slopes, found, strict=True):
                slope[index] = part
        return *slopes, None, None, None


def _differentiable_slopes(
    parts: list[Tensor], gradient: Tensor, patch: Patch, rows: int
) -> tuple[Tensor | None, ...]:
    """The gradients as functions that can be differentiated again."""
    query, key, value, relative, gain = parts
    scoring = Scoring(patch, patch.m, _Tables(relative, gain, patch))
    output = RowBlocks(rows).attend(query, key, value, scoring)
    wanted = [part for part in parts if part.requires_grad]
    found = iter(torch.autograd.grad(output, wanted, gradient, create_graph=True))
    return tuple(next(found) if part.requires_grad else None for part in parts)


class _Tables(Position):
    """Logits and gain by offset, given for one patch."""

    def __init__(self, relative: Tensor, gain: Tensor, patch: Patch) -> None:
        super().__init__()
        self.tables, self.lowest = (relative, gain), patch.lowest

    def relative(self, patch: Patch) -> Tensor | None:
        return self._slice(self.tables[0], patch)

    def gain(self, patch: Patch) -> Tensor | None:
        return self._slice(self.tables[1], patch)

    def _slice(self, table: Tensor, patch: Patch) -> Tensor:
        return table[..., patch.lowest - self.lowest : patch.highest + 1 - self.lowest]


def _cuts(patch: Patch, reach: Reach, rows: int) -> list[tuple[slice, slice]]:
    """Blocks of rows in reverse order, each with the keys that it reaches."""
    cuts = []
    for start, stop in blocks(patch.n, rows):
        first = patch.query_start + patch.n - stop - patch.key_start  # of the queries, from key 0
        low = max(first + reach[0], 0)
        high = min(first + stop - start - 1 + reach[1], patch.m - 1)
        cuts.append((slice(start, stop), slice(int(low), int(high) + 1)))
    return cuts


def _size(cut: tuple[slice, slice]) -> int:
    rows, keys = cut
    return int((rows.stop - rows.start) * (keys.stop - keys.start))


class _Head:
    """One head with its queries, outputs and their gradients in reverse order.

    Entry (r, j) of a table's matrix is then table[r + j]. `buffer` holds a block of weights.
    """

    def __init__(
        self, parts: tuple[Tensor, ...], cuts: list[tuple[slice, slice]], buffer: Tensor
    ) -> None:
        query, key, value, relative, gain = parts
        n, m = len(query), len(key)
        self.query, self.key, self.value = query.flip(0), key, value
        self.bias, self.factor = hankel(relative, n, m), hankel(gain, n, m)
        self.cuts, self.buffer = cuts, buffer

    def output(self) -> Tensor:
        output = self.value.new_empty(len(self.query), self.value.shape[1])
        for rows, keys in self.cuts:
            weights = self.softmax(rows, keys).mul_(self.factor[rows, keys])
            torch.mm(weights, self.value[keys], out=output[rows])
        return output

    def slopes(self, output: Tensor, gradient: Tensor) -> tuple[Tensor, ...]:
        """The gradients of query, key, value, relative and gain, all in their usual order."""
        inner = (gradient * output).sum(-1, keepdim=True)
        query, key, value = (torch.zeros_like(x) for x in (self.query, self.key, self.value))
        relative, gain = (key.new_zeros(len(query) + len(key) - 1) for _ in range(2))
        for rows, keys in self.cuts:
            softmax, factor = self.softmax(rows, keys), self.factor[rows, keys]
            outer = gradient[rows]
            # softmax ∘ d(out)/d(weights), from which all the rest follows
            both = (outer @ self.value[keys].T).mul_(softmax)
            diagonals = slice(rows.start + keys.start, rows.stop + keys.stop - 1)
            gain[diagonals] += antidiagonal_sums(both)
            logits = both.mul_(factor).addcmul_(softmax, inner[rows], value=-1)
            relative[diagonals] += antidiagonal_sums(logits)
            query[rows] = logits @ self.key[keys]
            key[keys].addmm_(logits.T, self.query[rows])
            value[keys].addmm_(softmax.mul_(factor).T, outer)
        return query.flip(0), key, value, relative, gain

    def softmax(self, rows: slice, keys: slice) -> Tensor:
        """The softmax of some rows over some keys, in the buffer."""
        shape = rows.stop - rows.start, keys.stop - keys.start
        logits = self.buffer[: shape[0] * shape[1]].view(shape)
        torch.addmm(self.bias[rows, keys], self.query[rows], self.key[keys].T, out=logits)
        return torch.softmax(logits, -1, out=logits)
