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
        scale: of each query, shape (g, n, 1), >= 1, so that no square overflows.
        scaled_variance: of the logits inside each cell, over scale^2, shape (g, n, cells), >= 0.
        scaled_root: sqrt(1 + c variance) / scale, shape (g, n, cells).
    """

    output: Tensor
    weights: Tensor
    scale: Tensor
    scaled_variance: Tensor
    scaled_root: Tensor

    @property
    def variance(self) -> Tensor:
        """The variance of the logits inside each cell; inf where it overflows."""
        return self.scaled_variance * self.scale.square()

    @property
    def root(self) -> Tensor:
        """sqrt(1 + c variance)."""
        return self.scaled_root * self.scale

    @property
    def steepness(self) -> Tensor:
        """sqrt(variance) / root, at most 1 / sqrt(c)."""
        return self.scaled_variance.sqrt() / self.scaled_root


@dataclass(frozen=True)
class Moments:
    """Moments of the cells of g batches and heads.

    Attributes:
        mass: shape (g, cells).
        width: largest distance of a coordinate of a key from its mean, shape (g, 1, 1); or 1.
        key: mean, shape (g, cells, d).
        value: mean, shape (g, cells, e).
        keys: covariance of the keys over width^2, shape (g, cells, d d).
        both: covariance of values with keys, over width, shape (g, cells, e d).
    """

    mass: Tensor
    width: Tensor
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
        width = torch.where(share > 0, apart, 0.0).detach().abs().amax((1, 2, 3), keepdim=True)
        width = torch.where(width > 0, width, 1.0)
        apart = apart / width
        weighted = share * apart
        return cls(
            total,
            width.squeeze(3),
            key.squeeze(2),
            value.squeeze(2),
            (apart.mT @ weighted).flatten(2),
            ((held.value - value).mT @ weighted).flatten(2),
        )

    def seen_by(self, query: Tensor) -> Sight:
        """Attention of queries (g, n, d) to the cells, see `cores.Cells`."""
        wide = query * self.width
        scale = wide.detach().abs().amax(-1, keepdim=True).clamp(min=1)
        unit = wide / scale
        squares = (unit.unsqueeze(-1) * unit.unsqueeze(-2)).flatten(2)
        variance = (squares @ self.keys.mT).clamp(min=0)  # (g, n, cells), below 0 by rounding
        # At scales of 10^19 and more in single precision 1 is lost beside the logits anyway.
        one = scale.square().reciprocal().clamp(min=torch.finfo(scale.dtype).tiny)
        root = (one + CURVATURE * variance).sqrt()
        exists = (self.mass > 0).unsqueeze(1)
        offset = torch.where(exists, self.mass.unsqueeze(1), 1.0).log() - 1 / CURVATURE
        logits = query @ self.key.mT + root * (scale / CURVATURE) + offset
        weights = torch.where(exists, logits, lowest_mass(logits.dtype)).softmax(-1)
        weights = torch.where(exists, weights, 0.0)
        turned = torch.unflatten((weights / root) @ self.both, -1, (-1, query.shape[-1]))
        shifts = (turned @ unit.unsqueeze(-1)).squeeze(-1)
        return Sight(weights @ self.value + shifts, weights, scale, variance, root)


def _gather(part: Tensor, cells: Tensor) -> Tensor:
    """Rows (g, m, c) in cells, (g, cells, size, c), with zeros for indices >= m."""
    missing = cells[0].numel() - part.shape[1]
    rows = torch.nn.functional.pad(part, (0, 0, 0, missing)) if missing else part
    return rows_of(rows, cells)
