"""Masks: which keys a query may attend to, as objects that combine with `&`.

A fully masked row has the output 0 and a gradient of 0 (see `normalisers.Softmax`). A mask also
tells how far it reaches, so that keys that nobody may see are not visited at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from sciformer.attention.patch import Patch
from sciformer.errors import DomainError, ShapeError, UsageError

Reach: TypeAlias = "tuple[float, float]"
EVERYWHERE: Reach = (-math.inf, math.inf)


class Mask:
    """A mask: the pairs that it allows and its additions; by default all pairs and none.

    Attributes:
        is_band: whether every pair within `reach()` is allowed.
    """

    is_band: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape that broadcasts to (..., h, n, m); () where the mask fits every length."""
        return ()

    def reach(self) -> Reach:
        """The lowest and highest offset (key position) - (query position) it may allow."""
        return EVERYWHERE

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        """Boolean, broadcast to (..., h, n, m); True means the query may attend to the key."""
        return None

    def added(self, patch: Patch) -> Tensor | None:
        """Finite logits to add, broadcast to (..., h, n, m)."""
        return None

    def rows(self, start: int, stop: int) -> Mask:
        """The mask of queries start to stop only."""
        return self

    def columns(self, start: int, stop: int) -> Mask:
        """The mask of keys start to stop only."""
        return self

    def __and__(self, other: Mask | Tensor) -> Mask:
        """Attend only where both masks allow it; added logits add up."""
        return Both(self, as_mask(other))


class Causal(Mask):
    """A query sees keys at its own position and before it."""

    def reach(self) -> Reach:
        return -math.inf, 0

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        return None if patch.highest <= 0 else patch.within(-math.inf, 0, device)


@dataclass(frozen=True)
class Window(Mask):
    """A query sees keys up to `before` positions before it and up to `after` positions after it.

    -before <= (key position) - (query position) <= after

    Attributes:
        before: positions into the past, >= 0.
        after: positions into the future, >= 0; 0 is causal.

    Raises:
        DomainError: before or after < 0.

    Cost: attention in blocks of r rows visits n (before + after + r) pairs instead of n m.

    Examples:
        >>> import torch
        >>> from sciformer.attention import Window, attend
        >>> tokens, values = torch.zeros(1, 4, 2), torch.tensor([[[0.0], [2.0], [4.0], [6.0]]])
        >>> attend(tokens, tokens, values, mask=Window(before=1)).flatten()
        tensor([0., 1., 3., 5.])
    """

    before: int
    after: int = 0

    def __post_init__(self) -> None:
        if not (self.before >= 0 and self.after >= 0):
            raise DomainError(
                f"Window: before and after must be >= 0 positions; got before {self.before} and "
                f"after {self.after}."
            )

    def reach(self) -> Reach:
        return -self.before, self.after

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        if patch.lowest >= -self.before and patch.highest <= self.after:
            return None
        return patch.within(-self.before, self.after, device)


@dataclass(frozen=True)
class Padding(Mask):
    """Keys that exist: lengths (...,) of whole numbers, or a boolean (..., m) per key.

    Raises:
        UsageError: what is not a tensor.
        ShapeError: numbers that are not lengths, or a boolean without an axis of keys.
    """

    keys: Tensor
    is_band = False

    def __post_init__(self) -> None:
        _check_tensor("Padding", self.keys)
        is_boolean = self.keys.dtype == torch.bool
        if self.keys.is_floating_point() or (is_boolean and not self.keys.dim()):
            raise ShapeError(
                "Padding: expects lengths (...,) of whole numbers, or a boolean (..., m); got "
                f"{self.keys.dtype} of shape {tuple(self.keys.shape)}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        if self.keys.dtype == torch.bool:
            return *self.keys.shape[:-1], 1, 1, self.keys.shape[-1]
        return *self.keys.shape, 1, 1, 1

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        exists = self.keys
        if exists.dtype != torch.bool:
            exists = torch.arange(patch.m, device=exists.device) < exists[..., None]
        return exists[..., None, None, :]  # (..., 1, 1, m)

    def columns(self, start: int, stop: int) -> Mask:
        return Padding(
            self.keys[..., start:stop] if self.keys.dtype == torch.bool else self.keys - start
        )


@dataclass(frozen=True)
class Mass(Mask):
    """Keys that stand for a mass: log w_j is added to the logits of key j.

    A_ij = w_j exp(logits_ij) / sum_l w_l exp(logits_il)

    w equal copies of a key are one key of mass w. With the sizes of the cells of a mesh as masses
    attention is a quadrature rule of an integral operator, so its output converges as the mesh is
    refined instead of following the density of its points.

    Attributes:
        weights: shape (..., m), finite and >= 0; a key of mass 0 is absent. Derivatives with
            respect to positive masses exist.

    Raises:
        DomainError: a mass that is negative or not finite.
        ShapeError: masses without an axis of keys.
        UsageError: what is not a tensor.

    Examples:
        >>> import torch
        >>> from sciformer.attention import Mass, attend
        >>> key, value = torch.zeros(1, 2, 2), torch.tensor([[[0.0], [4.0]]])
        >>> attend(torch.ones(1, 1, 2), key, value, mask=Mass(torch.tensor([3.0, 1.0])))
        tensor([[[1.]]])
    """

    weights: Tensor

    def __post_init__(self) -> None:
        _check_tensor("Mass", self.weights)
        if not self.weights.dim():
            raise ShapeError("Mass: masses have a shape (..., m), one for each key; got ().")
        weights = self.weights.detach()
        if not bool(((weights >= 0) & weights.isfinite()).all()):
            raise DomainError(
                "Mass: masses must be finite numbers >= 0; got "
                f"{float(weights.min()):.6g} .. {float(weights.max()):.6g}."
            )
        object.__setattr__(self, "is_band", bool((weights > 0).all()))

    @property
    def shape(self) -> tuple[int, ...]:
        return *self.weights.shape[:-1], 1, 1, self.weights.shape[-1]

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        return None if self.is_band else (self.weights > 0)[..., None, None, :]

    def added(self, patch: Patch) -> Tensor | None:
        weights = self.weights
        present = weights if self.is_band else torch.where(weights > 0, weights, 1.0)
        return present.log()[..., None, None, :]  # (..., 1, 1, m)

    def columns(self, start: int, stop: int) -> Mask:
        return Mass(self.weights[..., start:stop])


@dataclass(frozen=True)
class _Table(Mask):
    """A tensor, broadcast to (..., h, n, m), that says something of each pair."""

    table: Tensor
    is_band = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.table.shape)

    def rows(self, start: int, stop: int) -> Mask:
        table = self.table
        return self if table.shape[-2] == 1 else type(self)(table[..., start:stop, :])

    def columns(self, start: int, stop: int) -> Mask:
        table = self.table
        return self if table.shape[-1] == 1 else type(self)(table[..., start:stop])


class Boolean(_Table):
    """A boolean tensor, broadcast to (..., h, n, m); True means may attend."""

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        return self.table


class Additive(_Table):
    """Logits to add, broadcast to (..., h, n, m); -inf forbids."""

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        return self.table != -torch.inf

    def added(self, patch: Patch) -> Tensor | None:
        return torch.where(self.table == -torch.inf, 0.0, self.table)


@dataclass(frozen=True)
class Both(Mask):
    """Two masks at once; written `first & second`."""

    first: Mask
    second: Mask

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_band", self.first.is_band and self.second.is_band)

    @property
    def shape(self) -> tuple[int, ...]:
        first, second = self.first.shape, self.second.shape
        try:
            return tuple(torch.broadcast_shapes(first, second))  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ShapeError(
                f"attend: masks that are combined broadcast to one shape; got {first} and {second}."
            ) from error

    def reach(self) -> Reach:
        first, second = self.first.reach(), self.second.reach()
        return max(first[0], second[0]), min(first[1], second[1])

    def allowed(self, patch: Patch, device: torch.device) -> Tensor | None:
        first, second = self.first.allowed(patch, device), self.second.allowed(patch, device)
        return second if first is None else first if second is None else first & second

    def added(self, patch: Patch) -> Tensor | None:
        first, second = self.first.added(patch), self.second.added(patch)
        return second if first is None else first if second is None else first + second

    def rows(self, start: int, stop: int) -> Mask:
        return Both(self.first.rows(start, stop), self.second.rows(start, stop))

    def columns(self, start: int, stop: int) -> Mask:
        return Both(self.first.columns(start, stop), self.second.columns(start, stop))


def as_mask(mask: Mask | Tensor) -> Mask:
    """A mask object from what a caller may give: an object, a boolean or a floating tensor.

    Raises:
        UsageError: what is neither a mask nor a tensor.
        ShapeError: a tensor of integers, or of fewer than two axes.
    """
    if isinstance(mask, Mask):
        return mask
    _check_tensor("attend", mask, "a mask is an object such as Causal(), or a tensor")
    if mask.dim() < 2 or not (mask.dtype == torch.bool or mask.is_floating_point()):
        raise ShapeError(
            "attend: a mask tensor is boolean (True may attend) or floating (added to the logits) "
            f"and broadcasts to (..., h, n, m); got {mask.dtype} of shape {tuple(mask.shape)}."
        )
    return Boolean(mask) if mask.dtype == torch.bool else Additive(mask)


def _check_tensor(who: str, given: object, expected: str = "expects a torch tensor") -> None:
    if not hasattr(type(given), "__torch_function__"):
        raise UsageError(f"{who}: {expected}; got {given!r:.60}.")
