"""Boxes around the keys and values of cells, and the error that moments can have in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.attention.cores.cell_moments import CURVATURE, Held, Moments, Sight

# The third central moment of a distribution over a range R is at most p (1 - p) (1 - 2 p) R^3, its
# value for two points, largest at p = (1 - 1 / sqrt 3) / 2: R^3 / (6 sqrt 3). Lagrange's remainder
# takes a sixth of it.
SKEWNESS = 1 / (36 * math.sqrt(3))


@dataclass(frozen=True)
class Boxes:
    """Boxes of the cells of g batches and heads.

    Attributes:
        below: mean key minus the lowest key, shape (g, cells, d), >= 0.
        above: highest key minus the mean key, shape (g, cells, d), >= 0.
        diagonal: of the box of the values, shape (g, 1, cells).
        centre: of the box of all values of a head, shape (g, 1, e).
        reach: half of its diagonal, shape (g, 1, 1).
    """

    below: Tensor
    above: Tensor
    diagonal: Tensor
    centre: Tensor
    reach: Tensor

    @classmethod
    def of(cls, held: Held) -> Boxes:
        exists = held.mass > 0
        low, high = _box(held.key, exists)
        total = held.mass.sum(2)  # (g, cells, 1)
        mean = (held.mass * held.key).sum(2) / torch.where(total > 0, total, 1.0)
        lowest, highest = _box(held.value, exists)
        diagonal = (highest - lowest).norm(dim=-1).unsqueeze(1)
        left, right = _box(held.value.flatten(1, 2), exists.flatten(1, 2))
        reach = (right - left).norm(dim=-1) / 2
        centre = (left + right) / 2
        return cls(
            (mean - low).clamp(min=0),
            (high - mean).clamp(min=0),
            diagonal,
            centre.unsqueeze(1),
            reach[:, None, None],
        )

    def bound(self, query: Tensor, sight: Sight, moments: Moments) -> Tensor:
        """The bound of `cores.Cells.bound` for queries (g, n, d), shape (g, n, 1)."""
        logit, value = self.errors(query, sight)
        shift = self.diagonal / 2 * sight.steepness
        away = torch.cdist(sight.output, moments.value, compute_mode="donot_use_mm_for_euclid_dist")
        risen = sight.weights * ((away + shift) * logit.expm1() + value * logit.exp())
        kept = (sight.weights * (-logit).exp()).sum(-1, keepdim=True)
        distance = (sight.output - self.centre).norm(dim=-1, keepdim=True) + self.reach
        exists = (moments.mass > 0).any(-1)[:, None, None]  # the output of no key at all is 0
        # fmin takes the distance where exp(e) overflows, and 0 inf is nan.
        return torch.where(exists, torch.fmin(risen.sum(-1, keepdim=True) / kept, distance), 0.0)

    def errors(self, query: Tensor, sight: Sight) -> tuple[Tensor, Tensor]:
        """Bounds of the errors of the logit and of the value of each cell, (g, n, cells)."""
        positive, negative = query.clamp(min=0), (-query).clamp(min=0)
        up = positive @ self.above.mT + negative @ self.below.mT
        span = up + positive @ self.below.mT + negative @ self.above.mT
        # Where powers overflow, and 0 inf is nan, fmin takes what is finite.
        variance, root = sight.variance, sight.root
        tilted = variance * up.exp()
        taken = (root - 1) / CURVATURE
        third = torch.fmin(SKEWNESS * span**3, span * tilted / 6)
        hoeffding = torch.fmin(span.square() / 8, up)
        logit = torch.fmin(
            third + (variance / 2 - taken).clamp(min=0), torch.maximum(taken, hoeffding - taken)
        )
        half = self.diagonal / 2 * variance.sqrt()
        value = torch.fmin(
            self.diagonal * torch.fmin(span.square() / 8, tilted / 2) + half * (1 - 1 / root),
            self.diagonal * (torch.tanh(span / 4) + sight.steepness / 2),
        )
        return logit, value


def _box(rows: Tensor, exists: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest of the rows (..., size, c) that exist, (..., c); 0 where none does."""
    low = torch.where(exists, rows, torch.inf).amin(-2)
    high = torch.where(exists, rows, -torch.inf).amax(-2)
    some = exists.any(-2)
    return torch.where(some, low, 0.0), torch.where(some, high, 0.0)
