"""URPE attention at almost the cost of plain attention: two tables, read where they are needed.

With the queries in reverse order a Toeplitz matrix becomes a Hankel matrix, which is a sliding
window over its table. So neither the bias nor the gain is ever built: both are views of their
tables. On a processor one head is computed at a time, in one reused buffer, because memory fresh
from the system is slow to touch; an accelerator computes as many heads and rows as fit its memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from sciformer.hardware import PROCESSOR, free_memory, hardware

LEAST_ROWS = 64  # fewer make products of matrices slow
TABLES = 4  # of pairs that the backward pass holds, and one for what the allocator leaves unused


class ToeplitzRows(Core):
    """softmax(q k^T + relative) ∘ gain times v, a block of rows at a time.

    First derivatives have a backward pass of their own. Where a second one is asked for
    (`create_graph=True`) the first is computed again by `RowBlocks`, so that all orders exist.

    Args:
        rows: rows in a block, >= 1; by default as many as suit the device, but at least 64.

    Raises:
        DomainError: rows < 1; a scheme, mask or normaliser that is not a table by offset.

    Accuracy: as `attend`, up to the order of sums.
    Cost: forward 2, backward 5 products of matrices over the reachable keys; memory (rows, m)
        beside inputs and outputs, for one head on a processor and for several elsewhere.
    Source: Luo et al. 2022, eq. 8.
    """

    def __init__(self, rows: int | None = None) -> None:
        if rows is not None and rows < 1:
            raise DomainError(f"ToeplitzRows: a block has at least one row; got {rows}.")
        self.rows = rows

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        patch, reach = scoring.patch, scoring.band()
        relative, gain = by_offset(scoring, query)
        flat = [part.reshape(-1, *part.shape[-2:]) for part in (query, key, value)]
        plan = Plan.fitting(flat[0], patch, self.rows)
        output: Tensor = ByRows.apply(  # type: ignore[no-untyped-call]
            *flat, relative, gain, patch, reach, plan
        )
        return output.reshape(*query.shape[:-2], *output.shape[-2:])

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
        """Rows in a block on a processor."""
        return _rows_of_a_head(patch) if self.rows is None else self.rows


def refuse_tables(scoring: Scoring) -> str | None:
    """Why the scoring is not a softmax of logits plus a table by offset, times another table."""
    patch, band = scoring.patch, scoring.band()
    if not isinstance(scoring.normaliser, Softmax):
        return f"tables by offset go with a softmax, not {type(scoring.normaliser).__name__}"
    if not scoring.position.is_toeplitz or not scoring.position.splits_keys:
        return f"{type(scoring.position).__name__} is not a table by offset"
    if band is None:
        return f"the mask {type(scoring.mask).__name__} is not a band of offsets"
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


class ByRows(torch.autograd.Function):
    """Blocks of rows of some heads at a time, queries in reverse order: see `_Heads`."""

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
        plan: Plan,
    ) -> Tensor:
        output = value.new_empty(*query.shape[:-1], value.shape[-1])
        parts = query, key, value, relative, gain
        for some, heads in plan.heads_of(parts, patch, reach):
            output[some] = heads.output().flip(1)
        ByRows.keep(ctx, parts, output, patch, reach, plan)
        return output

    @staticmethod
    def keep(
        ctx: Any, parts: tuple[Tensor, ...], output: Tensor, patch: Patch, reach: Reach, plan: Plan
    ) -> None:
        """Tensors that the backward pass needs."""
        ctx.save_for_backward(*parts, output)
        ctx.patch, ctx.reach, ctx.plan = patch, reach, plan

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        *parts, output = ctx.saved_tensors
        patch, plan = ctx.patch, ctx.plan
        if torch.is_grad_enabled():
            return *_differentiable_slopes(parts, gradient, patch, plan.rows), None, None, None
        slopes = [torch.empty_like(part) for part in parts]
        for some, heads in plan.heads_of(parts, patch, ctx.reach):
            found = heads.slopes(output[some].flip(1), gradient[some].flip(1))
            for slope, part in zip(slopes, found, strict=True):
                slope[some] = part
        return *slopes, None, None, None


def _differentiable_slopes(
    parts: Sequence[Tensor], gradient: Tensor, patch: Patch, rows: int
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


@dataclass(frozen=True)
class Plan:
    """Plan of what is computed at one time.

    Attributes:
        heads: number of heads.
        rows: rows of their matrices.
    """

    heads: int
    rows: int

    @classmethod
    def fitting(cls, query: Tensor, patch: Patch, rows: int | None) -> Plan:
        """The plan of queries (g, n, d): on a processor a head at a time, else what fits."""
        device = hardware(query.device)
        if not device.prefers_few_launches:
            return cls(1, _rows_of_a_head(patch) if rows is None else rows)
        heads, free = len(query), free_memory(query.device)
        bytes_per_pair = TABLES * query.element_size()
        pairs = device.pairs(heads * patch.n * patch.m, bytes_per_pair, free)
        least = min(patch.n, LEAST_ROWS) if rows is None else rows
        heads = max(1, min(heads, pairs // (least * patch.m)))
        return cls(heads, max(least, pairs // (heads * patch.m)) if rows is None else rows)

    def heads_of(
        self, parts: Sequence[Tensor], patch: Patch, reach: Reach
    ) -> Iterator[tuple[slice, _Heads]]:
        """Groups of heads that share a buffer, and their indices."""
        cuts = _cuts(patch, reach, self.rows)
        size, whole = max(map(_size, cuts)), len(parts[0])
        buffer = parts[0].new_empty(min(self.heads, whole) * size)
        for start, stop in blocks(whole, self.heads):
            some = slice(start, stop)
            yield some, _Heads([part[some] for part in parts], cuts, buffer)


def _rows_of_a_head(patch: Patch) -> int:
    return max(LEAST_ROWS, PROCESSOR.pairs(patch.n * patch.m, 1, None) // patch.m)


class _Heads:
    """Heads (g, n, d) with their queries, outputs and their gradients in reverse order.

    Entry (r, j) of a table's matrix is then table[r + j]. `buffer` holds a block of weights.
    """

    def __init__(
        self, parts: Sequence[Tensor], cuts: list[tuple[slice, slice]], buffer: Tensor
    ) -> None:
        query, key, value, relative, gain = parts
        n, m = query.shape[1], key.shape[1]
        self.query, self.key, self.value = query.flip(1), key, value
        self.bias, self.factor = hankel(relative, n, m), hankel(gain, n, m)
        self.cuts, self.buffer = cuts, buffer

    def output(self) -> Tensor:
        output = self.value.new_empty(*self.query.shape[:2], self.value.shape[2])
        for rows, keys in self.cuts:
            weights = self.softmax(rows, keys).mul_(self.factor[:, rows, keys])
            torch.bmm(weights, self.value[:, keys], out=output[:, rows])
        return output

    def slopes(self, output: Tensor, gradient: Tensor) -> tuple[Tensor, ...]:
        """The gradients of query, key, value, relative and gain, all in their usual order."""
        inner = (gradient * output).sum(-1, keepdim=True)
        query, key, value = (torch.zeros_like(x) for x in (self.query, self.key, self.value))
        diagonals = query.shape[1] + key.shape[1] - 1
        relative, gain = (key.new_zeros(len(key), diagonals) for _ in range(2))
        for rows, keys in self.cuts:
            softmax, factor = self.softmax(rows, keys), self.factor[:, rows, keys]
            outer = gradient[:, rows]
            # softmax ∘ d(out)/d(weights), from which all the rest follows
            both = torch.bmm(outer, self.value[:, keys].mT).mul_(softmax)
            among = slice(rows.start + keys.start, rows.stop + keys.stop - 1)
            gain[:, among] += antidiagonal_sums(both)
            logits = both.mul_(factor).addcmul_(softmax, inner[:, rows], value=-1)
            relative[:, among] += antidiagonal_sums(logits)
            query[:, rows] = torch.bmm(logits, self.key[:, keys])
            key[:, keys].baddbmm_(logits.mT, self.query[:, rows])
            value[:, keys].baddbmm_(softmax.mul_(factor).mT, outer)
        return query.flip(1), key, value, relative, gain

    def softmax(self, rows: slice, keys: slice) -> Tensor:
        """The softmax of some rows over some keys, in the buffer."""
        shape = len(self.query), rows.stop - rows.start, keys.stop - keys.start
        logits = self.buffer[: math.prod(shape)].view(shape)
        query, key = self.query[:, rows], self.key[:, keys].mT
        torch.baddbmm(self.bias[:, rows, keys], query, key, out=logits)
        return torch.softmax(logits, -1, out=logits)
