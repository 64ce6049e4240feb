"""Attention with tables by offset, for some heads and a block of rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.attention.cores.row_blocks import blocks
from sciformer.attention.masks import Reach
from sciformer.attention.patch import Patch
from sciformer.attention.toeplitz import antidiagonal_sums, hankel
from sciformer.hardware import PROCESSOR, free_memory, hardware

LEAST_ROWS = 64  # fewer make products of matrices slow
TABLES = 4  # of pairs that the backward pass holds, and one for what the allocator leaves unused


def cuts_of(patch: Patch, reach: Reach, rows: int) -> list[tuple[slice, slice]]:
    """The blocks of rows in reverse order, each with the keys that it reaches."""
    cuts = []
    for start, stop in blocks(patch.n, rows):
        first = patch.query_start + patch.n - stop - patch.key_start  # of the queries, from key 0
        low = max(first + reach[0], 0)
        high = min(first + stop - start - 1 + reach[1], patch.m - 1)
        cuts.append((slice(start, stop), slice(int(low), int(high) + 1)))
    return cuts


def size_of(cut: tuple[slice, slice]) -> int:
    """Number of pairs of a block."""
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
            return cls(1, rows_of_a_head(patch) if rows is None else rows)
        heads, free = len(query), free_memory(query.device)
        bytes_per_pair = TABLES * query.element_size()
        pairs = device.pairs(heads * patch.n * patch.m, bytes_per_pair, free)
        least = min(patch.n, LEAST_ROWS) if rows is None else rows
        heads = max(1, min(heads, pairs // (least * patch.m)))
        return cls(heads, max(least, pairs // (heads * patch.m)) if rows is None else rows)

    def heads_of(
        self, parts: Sequence[Tensor], patch: Patch, reach: Reach
    ) -> Iterator[tuple[slice, Heads]]:
        """Groups of heads that share a buffer, and their indices."""
        cuts = cuts_of(patch, reach, self.rows)
        size, whole = max(map(size_of, cuts)), len(parts[0])
        buffer = parts[0].new_empty(min(self.heads, whole) * size)
        for start, stop in blocks(whole, self.heads):
            some = slice(start, stop)
            yield some, Heads([part[some] for part in parts], cuts, buffer)


def rows_of_a_head(patch: Patch) -> int:
    """Rows in a block on a processor, whose cache holds its weights."""
    return max(LEAST_ROWS, PROCESSOR.pairs(patch.n * patch.m, 1, None) // patch.m)


class Heads:
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
        """The outputs, queries in reverse order."""
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
