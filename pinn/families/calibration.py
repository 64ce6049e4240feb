"""Bands that hold with a stated probability: split-conformal calibration over unseen members."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sciformer.errors import DomainError


@dataclass(frozen=True)
class Calibration:
    """Scores of members that were used neither for learning nor for any other choice.

    The score of a member is the largest |error| of a field anywhere on a grid over the root mean
    square of the answer, so that a band of half width q times that holds the whole field at once.

    Attributes:
        scores: (n, f), one column a field.
        unknown: what the readings of these members left open of each function, as
            `Posterior.unknown`, by name; empty where functions were known exactly.

    Source: Vovk, Gammerman, Shafer 2005; the exact law of the coverage is proposition 2b of Vovk
        2012 (conditional validity of inductive conformal predictors).
    """

    scores: Tensor
    unknown: Mapping[str, float] = field(default_factory=dict)

    def quantile(self, level: float) -> Tensor:
        """The factor q of each field, (f,), with P(error <= q rms everywhere) >= level.

        Raises:
            DomainError: a level out of (0, 1), or one that so few scores cannot promise.
        """
        rank = self._rank(level)
        found: Tensor = self.scores.sort(0).values[rank - 1]
        return found

    def coverage(self, level: float) -> tuple[float, float]:
        """The 5 % and 95 % quantiles of the coverage that this calibration really has.

        Over draws of n calibration members it follows Beta(k, n + 1 - k), k = ceil((n + 1) level).
        """
        from scipy.stats import beta

        rank, count = self._rank(level), len(self.scores)
        low, high = beta.ppf([0.05, 0.95], rank, count + 1 - rank)
        return float(low), float(high)

    def measured(self, level: float, splits: int = 50, seed: int = 0) -> tuple[float, float, float]:
        """Mean, least and largest share of one half inside the bands of the other, over splits."""
        generator = torch.Generator().manual_seed(seed)
        half, shares = len(self.scores) // 2, []
        for _ in range(splits):
            order = torch.randperm(len(self.scores), generator=generator)
            band = Calibration(self.scores[order[:half]]).quantile(level)
            inside = (self.scores[order[half:]] <= band).double().mean(0)
            shares.append(float(inside.mean()))
        return sum(shares) / splits, min(shares), max(shares)

    def _rank(self, level: float) -> int:
        if not 0 < level < 1:
            raise DomainError(f"calibrate: the level must lie between 0 and 1; got {level:g}.")
        rank = math.ceil((len(self.scores) + 1) * level)
        if rank > len(self.scores):
            needed = math.ceil(level / (1 - level))
            raise DomainError(
                f"calibrate: {len(self.scores)} members cannot promise {level:g}; take at least "
                f"{needed}."
            )
        return rank
