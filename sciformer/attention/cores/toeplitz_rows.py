"""URPE attention at almost the cost of plain attention: two tables, read where they are needed.

With the queries in reverse order a Toeplitz matrix becomes a Hankel matrix, which is a sliding
window over its table. So neither the bias nor the gain is ever built: both are views of their
tables. On a processor one head is computed at a time, in one reused buffer, because memory fresh
from the system is slow to touch; an accelerator computes as many heads and rows as fit its memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sciformer.attention.cores.core import Core, are_plain
from sciformer.attention.cores.heads_by_rows import Plan, cuts_of, rows_of_a_head, size_of
from sciformer.attention.cores.row_blocks import RowBlocks
from sciformer.attention.masks import EVERYWHERE, Reach
from sciformer.attention.normalisers import Softmax
from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import Position
from sciformer.attention.scoring import Scoring
from sciformer.errors import DomainError


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
        heads = [part.reshape(-1, *part.shape[-2:]) for part in (query, key, value)]
        plan = Plan.fitting(heads[0], scoring.patch, self.rows)
        output = self.output_of((*heads, *by_offset(scoring, query)), scoring, plan)
        return output.reshape(*query.shape[:-2], *output.shape[-2:])

    def output_of(self, parts: Sequence[Tensor], scoring: Scoring, plan: Plan) -> Tensor:
        """Outputs (g, n, e) of heads query, key and value (g, n, d) with both tables."""
        output: Tensor = ByRows.apply(  # type: ignore[no-untyped-call]
            *parts, scoring.patch, scoring.band(), plan
        )
        return output

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
        cuts = cuts_of(scoring.patch, reach, self._rows(scoring.patch))
        return sum(size_of(cut) for cut in cuts)

    def peak(self, scoring: Scoring) -> int:
        reach = scoring.band()
        if reach is None:
            return super().peak(scoring)
        return max(map(size_of, cuts_of(scoring.patch, reach, self._rows(scoring.patch))))

    def _rows(self, patch: Patch) -> int:
        """Rows in a block on a processor."""
        return rows_of_a_head(patch) if self.rows is None else self.rows


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
    """Blocks of rows of some heads at a time, queries in reverse order: see `Heads`."""

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
