"""All that determines the attention matrix beside queries and keys, as a value that can be cut."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciformer.attention.masks import EVERYWHERE, Mask
from sciformer.attention.normalisers import SOFTMAX, Normaliser
from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import NoPosition, Position

NO_POSITION = NoPosition()


@dataclass(frozen=True)
class Scoring:
    """Positions of queries and keys, the position scheme, the mask and the normaliser.

    Attributes:
        patch: the positions of queries and keys.
        keys: number of keys of the whole call, which `columns` leaves as it is.
        position: the position scheme.
        mask: which keys each query may see; None means all.
        normaliser: how logits become weights.

    Examples:
        >>> from sciformer.attention import Patch, Scoring, Window
        >>> scoring = Scoring(Patch(n=2, m=9, query_start=5), keys=9, mask=Window(before=2))
        >>> scoring.reached()  # keys 3 to 6
        (3, 7)
    """

    patch: Patch
    keys: int
    position: Position = NO_POSITION
    mask: Mask | None = None
    normaliser: Normaliser = SOFTMAX

    def rows(self, start: int, stop: int) -> Scoring:
        """The scoring of queries start to stop only."""
        mask = None if self.mask is None else self.mask.rows(start, stop)
        return replace(self, patch=self.patch.rows(start, stop), mask=mask)

    def columns(self, start: int, stop: int) -> Scoring:
        """The scoring of keys start to stop only."""
        mask = None if self.mask is None else self.mask.columns(start, stop)
        return replace(self, patch=self.patch.columns(start, stop), mask=mask)

    def reached(self) -> tuple[int, int]:
        """The keys, from first to behind the last, that at least one query may reach.

        All of them where the mask does not tell, where the scheme cannot be split, or while torch
        traces a program, whose lengths must stay open.
        """
        patch, mask = self.patch, self.mask
        if mask is None or not self.position.splits_keys or torch.compiler.is_compiling():
            return 0, patch.m
        lowest, highest = mask.reach()
        if (lowest, highest) == EVERYWHERE:
            return 0, patch.m
        first = max(patch.query_start + lowest - patch.key_start, 0)
        last = min(patch.query_start + patch.n - 1 + highest - patch.key_start, patch.m - 1)
        if first > last or lowest > highest:
            return 0, 0
        return int(first), int(last) + 1

    def allowed(self, device: torch.device) -> Tensor | None:
        return None if self.mask is None else self.mask.allowed(self.patch, device)

    def added(self) -> Tensor | None:
        return None if self.mask is None else self.mask.added(self.patch)

    def band(self) -> tuple[float, float] | None:
        """The offsets that are allowed, if they are all that the mask says; None if not."""
        if self.mask is None:
            return -math.inf, math.inf
        return self.mask.reach() if self.mask.is_band and self.added() is None else None
