"""Masks: which keys a query may attend to, as objects that combine with `&`.

A fully masked row has the output 0 and a gradient of 0 (see `weights.masked_softmax`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.attention.patch import Patch
from sciformer.errors import ShapeError


class Mask:
    """What a mask may do; the default allows everything and adds nothing."""

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        """Boolean, broadcast to (..., h, n, m); True means the query may attend to the key."""
        return None

    def added(self, patch: Patch) -> Tensor | None:
        """Finite logits to add, broadcast to (..., h, n, m)."""
        return None

    def rows(self, start: int, stop: int) -> Mask:
        """The mask of queries start to stop only."""
        return self

    def __and__(self, other: Mask | Tensor) -> Mask:
        """Attend only where both masks allow it; added logits add up."""
        return Both(self, as_mask(other))


class Causal(Mask):
    """A query sees keys at its own position and before it."""

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        """See `Mask.allowed`."""
        return None if patch.highest <= 0 else patch.offsets(device) <= 0


@dataclass(frozen=True)
class Padding(Mask):
    """Keys that exist: lengths (...,) of whole numbers, or a boolean (..., m) per key."""

    keys: Tensor

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        """See `Mask.allowed`."""
        exists = self.keys
        if exists.dtype != torch.bool:
            exists = torch.arange(patch.m, device=exists.device) < exists[..., None]
        return exists[..., None, None, :]  # (..., 1, 1, m)


@dataclass(frozen=True)
class Boolean(Mask):
    """A boolean tensor, broadcast to (..., h, n, m); True means may attend."""

    table: Tensor

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        """See `Mask.allowed`."""
        return self.table

    def rows(self, start: int, stop: int) -> Mask:
        """See `Mask.rows`."""
        return Boolean(_rows(self.table, start, stop))


@dataclass(frozen=True)
class Additive(Mask):
    """Logits to add, broadcast to (..., h, n, m); -inf forbids."""

    table: Tensor

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        """See `Mask.allowed`."""
        return self.table != -torch.inf

    def added(self, patch: Patch) -> Tensor | None:
        """See `Mask.added`."""
        return torch.where(self.table == -torch.inf, 0.0, self.table)

    def rows(self, start: int, stop: int) -> Mask:
        """See `Mask.rows`."""
        return Additive(_rows(self.table, start, stop))


@dataclass(frozen=True)
class Both(Mask):
    """Two masks at once; written `first & second`."""

    first: Mask
    second: Mask

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        """See `Mask.allowed`."""
        first, second = self.first.allowed(patch, device), self.second.allowed(patch, device)
        return second if first is None else first if second is None else first & second

    def added(self, patch: Patch) -> Tensor | None:
        """See `Mask.added`."""
        first, second = self.first.added(patch), self.second.added(patch)
        return second if first is None else first if second is None else first + second

    def rows(self, start: int, stop: int) -> Mask:
        """See `Mask.rows`."""
        return Both(self.first.rows(start, stop), self.second.rows(start, stop))


def as_mask(mask: Mask | Tensor) -> Mask:
    """A mask object from what a caller may give: an object, a boolean or a floating tensor.

    Raises:
        ShapeError: a tensor of integers, or of fewer than two axes.
    """
    if isinstance(mask, Mask):
        return mask
    if mask.dim() < 2 or not (mask.dtype == torch.bool or mask.is_floating_point()):
        raise ShapeError(
            "attend: a mask tensor is boolean (True may attend) or floating (added to the logits) "
            f"and broadcasts to (..., h, n, m); got {mask.dtype} of shape {tuple(mask.shape)}."
        )
    return Boolean(mask) if mask.dtype == torch.bool else Additive(mask)


def _rows(table: Tensor, start: int, stop: int) -> Tensor:
    return table if table.shape[-2] == 1 else table[..., start:stop, :]
