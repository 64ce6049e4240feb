"""First and second moments of cells of keys, and what queries see of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.attention.cores.key_cells import key_cells, rows_of
from sciformer.attention.cores.row_blocks import blocks
from sciformer.attention.parts import lowest_mass

# Tables of 256 rows, 64 cells and a few heads stay in a processor's cache: measured at n = 4,096, a
# quarter less time than all rows at once.
ROWS = 256
# log(sinh(a) / a) = x / 2 - x^2 / 20 + ..., where x = a^2 / 3 is the variance of logits spread
# evenly over [-a, a]; (sqrt(1 + c x) - 1) / c = x / 2 - c x^2 / 8 + ... has the same for c = 2 / 5.
CURVATURE = 2 / 5


@dataclass(frozen=True)
class Held:
    """Keys and values of every batch and head in cells.

    Attributes:
        query: shape (g, n, d), g batches and heads.
        key: shape (g, cells, size, d).
        value: shape (g, cells, size, e).
        mass: shape (g, cells, size, 1); 0 where there is no key.
        shape: shape of the output, (..., h, n, e).
        dtype: type of the numbers of the output.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mass: Tensor
    shape: torch.Size
    dtype: torch.dtype

    @classmethod
    def of(cls, query: Tensor, key: Tensor, value: Tensor, masses: Tensor, levels: int) -> Held:
        """Keys (..., h, m, d) of masses (..., m) in 2^levels cells."""
        lead = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
            query.shape[:-2], key.shape[:-2], value.shape[:-2], (*masses.shape[:-1], 1)
        )
        dtype, shape = value.dtype, torch.Size([*lead, query.shape[-2], value.shape[-1]])
        # Squares of logits overflow in half precision.
        wide = torch.promote_types(query.dtype, torch.float32)
        asking, *answering = (
            part.to(wide).expand(*lead, -1, -1).flatten(0, len(lead) - 1)
            for part in (query, key, value, masses[..., None, :, None])
        )
        cells = key_cells(answering[0].detach(), answering[2].squeeze(2) > 0, levels)
        key, value, mass = (_gather(part, cells) for part in answering)
        return cls(asking, key, value, mass, shape, dtype)

    def queries(self) -> Iterator[Tensor]:
        """Blocks of queries."""
        for start, stop in blocks(self.query.shape[1], ROWS):
            yield self.query[:, start:stop]

    def restored(self, rows: Sequence[Tensor]) -> Tensor:
        """What blocks of queries found, (g, rows, c) each, as (..., h, n, c)."""
        found = torch.cat([*rows], 1)
        return found.view(*self.shape[:-1], found.shape[-1]).to(self.dtype)


@dataclass(frozen=True)
class Sight:
    """Cells as some queries see them.

    Attributes:
        output: shape (g, n, e).
        weights: of the cells, shape (g, n, cells).
        variance: of the logits inside each cell, shape (g, n, cells).
        root: sqrt(1 + c variance).
    """

    output: Tensor
    weights: Tensor
    variance: Tensor
    root: Tensor


@dataclass(frozen=True)
class Moments:
    """Moments of the cells of g batches and heads.

    Attributes:
        mass: shape (g, cells).
        key: mean, shape (g, cells, d).
        value: mean, shape (g, cells, e).
        keys: covariance of the keys, shape (g, cells, d d).
        both: covariance of values with keys, shape (g, cells, e d).
    """

    mass: Tensor
    key: Tensor
    value: Tensor
    keys: Tensor
    both: Tensor

    @classmethod
    def of(cls, held: Held) -> Moments:
        total = held.mass.sum((-2, -1))
        share = held.mass / torch.where(total > 0, total, 1.0)[..., None, None]
        key, value = (share.mT @ part for part in (held.key, held.value))  # (g, cells, 1, .)
        apart = held.key - key
        weighted = share * apart
        return cls(
            total,
            key.squeeze(2),
            value.squeeze(2),
            (apart.mT @ weighted).flatten(2),
            ((held.value - value).mT @ weighted).flatten(2),
        )

    def seen_by(self, query: Tensor) -> Sight:
        """Attention of queries (g, n, d) to the cells, see `cores.Cells`."""
        squares = (query.unsqueeze(-1) * query.unsqueeze(-2)).flatten(2)
        variance = squares @ self.keys.mT  # (g, n, cells), below 0 by rounding at most
        root = (1 + CURVATURE * variance.clamp(min=0)).sqrt()
        exists = (self.mass > 0).unsqueeze(1)
        offset = torch.where(self.mass > 0, self.mass, 1.0).log().unsqueeze(1) - 1 / CURVATURE
        logits = query @ self.key.mT + root / CURVATURE + offset
        if not bool(exists.all()):
            logits = torch.where(exists, logits, lowest_mass(logits.dtype))
        weights = logits.softmax(-1)
        if not bool(exists.all()):
            weights = torch.where(exists, weights, 0.0)
        turned = torch.unflatten((weights / root) @ self.both, -1, (self.value.shape[-1], -1))
        shifts = (turned @ query.unsqueeze(-1)).squeeze(-1)
        return Sight(weights @ self.value + shifts, weights, variance, root)


def _gather(part: Tensor, cells: Tensor) -> Tensor:
    """Rows (g, m, c) in cells, (g, cells, size, c), with zeros for indices >= m."""
    missing = cells[0].numel() - part.shape[1]
    rows = torch.nn.functional.pad(part, (0, 0, 0, missing)) if missing else part
    return rows_of(rows, cells)
