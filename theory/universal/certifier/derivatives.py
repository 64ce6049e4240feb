"""Certified bounds of the derivatives of layer - formula, box by box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.certifier.blocks import View, slope_left, whole_pieces
from theory.universal.certifier.errors_on_boxes import LayerError
from theory.universal.certifier.token_map import collapse
from theory.universal.enclosure.balls import padded
from theory.universal.enclosure.branch_and_bound import bisect
from theory.universal.enclosure.defined import shown
from theory.universal.formula.target import Target
from theory.universal.layer import LayerWeights

# Boxes after which those that are left count with the coarser slopes proven on them; the second
# number of boxes is worked on at a time, for the memory.
_MOST_BOXES = 40_000
_BATCH = 2_000
_SHARPNESS = 1.1
"""Boxes are bisected until each bound is at most this much above a slope that is attained."""


@dataclass(frozen=True)
class DerivativeBounds:
    """Bounds for e = layer - formula in real numbers.

    Args:
        derivatives: sup |de_ik / dx_j| over the domain, shape (n, m, n d).
        lipschitz: Lipschitz constants of e_ik in the 2-norm of x, shape (n, m).
        attained: the largest |grad e_ik| met at a point, (n, m); lipschitz is at least that.
    """

    derivatives: Array
    lipschitz: Array
    attained: Array


def bound_derivatives(weights: LayerWeights, target: Target) -> DerivativeBounds:
    """Bounds all generalised gradients of layer - formula on the whole domain.

    Raises:
        DomainError: an entry whose slopes are not proven to be finite on the whole domain.

    Cost: at most 40 000 boxes an entry.
    """
    shape = (target.tokens, target.outputs)
    found = np.zeros((*shape, target.dimension))
    lipschitz, attained = np.zeros(shape), np.zeros(shape)
    for token in range(target.tokens):
        collapsed = collapse(weights, token, float(target.limit.max()))
        for output in range(target.outputs):
            view = View(weights, target, token, output, collapsed)
            (piece,) = whole_pieces(view)
            bounds = _Slopes(piece.error, slope_left(view), target)
            place = token, output
            found[place], lipschitz[place], attained[place] = bounds.search(view)
    return DerivativeBounds(found, lipschitz, attained)


class _Slopes:
    """Gradients of one entry on boxes; `left` bounds what its coordinates leave out."""

    def __init__(self, error: LayerError, left: Array, target: Target) -> None:
        self.error, self.left, self.target = error, left, target
        self.noise = float(_norm(error.slope_slack + left))

    def sizes(self, lower: Array, upper: Array) -> Array:
        """max |de / dx_j| on boxes, shape (boxes, D); infinite where it is unknown."""
        parts = []
        for at in range(0, len(lower), _BATCH):
            part = slice(at, at + _BATCH)
            found = self.error.gradient(lower[part], upper[part])
            size = padded(found.magnitude + self.left, 4)
            parts.append(np.where(np.isnan(size), np.inf, size))
        return np.concatenate(parts)

    def search(self, view: View) -> tuple[Array, float, float]:
        """Bounds of the derivatives, of the gradient's norm, and a norm that is attained."""
        lower, upper = self.target.lower[None], self.target.upper[None]
        largest, steepest = np.zeros(self.target.dimension), 0.0
        steep, seen, looked = np.zeros_like(largest), 0.0, 0
        while len(lower):
            looked += len(lower)
            size = self.sizes(lower, upper)
            norm = _norm(size)
            middle = np.clip(lower + (upper - lower) / 2, lower, upper)
            attained = self.sizes(middle, middle) - 2.0 * self.noise
            attained = np.where(np.isfinite(attained), np.maximum(attained, 0.0), 0.0)
            steep = np.maximum(steep, attained.max(0))
            seen = max(seen, float(np.sqrt((attained**2).sum(1)).max()))
            rough = norm > _SHARPNESS * seen + 4.0 * self.noise
            rough |= (size > _SHARPNESS * steep + 4.0 * self.noise).any(1)
            if looked > _MOST_BOXES:
                self._require_finite(view, norm, middle)
                rough[:] = False
            if not rough.all():
                largest = np.maximum(largest, size[~rough].max(0))
                steepest = max(steepest, float(norm[~rough].max()))
            lower, upper = lower[rough], upper[rough]
            if len(lower):
                lower, upper = bisect(lower, upper, (upper - lower).argmax(1))
        return largest, steepest, seen

    def _require_finite(self, view: View, norm: Array, middle: Array) -> None:
        if not np.isfinite(norm).all():
            entry = self.target.written[view.token][view.output]
            raise DomainError(
                f"derivatives: the slopes of {entry.text} are not proven to be finite near "
                f"{shown(self.target, middle[int(norm.argmax())])}; choose a domain that keeps "
                "away from it."
            )


def _norm(sizes: Array) -> Array:
    """The 2-norm along the last axis, rounded up."""
    return padded(np.sqrt(padded((sizes**2).sum(-1), 2 * sizes.shape[-1])), 2)
