"""Weighted terms on points, and reusable memory for Jacobians."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.sampling.samplers import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pinn.loss.terms import Term

ALL = slice(None)
# Points of a trial evaluation that tells how much memory a graph takes: enough to outweigh what
# does not grow with them.
PROBE = 64


@dataclass(frozen=True)
class Weighted:
    """A term on a sample, with its weight in the loss.

    It contributes weight * mean_i sample.weights_i |residual_i|^2.
    """

    term: Term
    sample: Sample
    weight: float = 1.0

    def state(self) -> dict[str, Any]:
        """Points and weights; the term is known by its place."""
        return {
            "points": self.sample.points,
            "weights": self.sample.weights,
            "weight": self.weight,
        }

    @classmethod
    def of(cls, term: Term, state: Mapping[str, Any], device: torch.device) -> Weighted:
        """A weighted term on points and weights as they were saved.

        Raises:
            ValueError: points and weights that do not belong together.
        """
        points, weights = state["points"], state["weights"]
        if points.ndim != 2 or weights.shape != points.shape[:1]:
            raise ValueError(f"points {tuple(points.shape)}, weights {tuple(weights.shape)}")
        made = cls(term, Sample(points, weights).to(device), float(state["weight"]))
        made.equations  # noqa: B018  evaluated here, so that points of another problem show at once
        return made

    def rows(self, part: slice = ALL) -> Tensor:
        """Rows (p * e,) of some points; all their squares add up to what the term contributes."""
        factors = self.factors[part, None]
        return (self.term.residual(self.sample.points[part]) * factors).T.reshape(-1)

    @cached_property
    def equations(self) -> int:
        """Number of residual rows per point."""
        with torch.no_grad():
            return self.term.residual(self.sample.points[:1]).numel()

    @cached_property
    def bytes_per_point(self) -> int:
        """Memory that the graph of a point keeps for its reverse pass, found at some points."""
        kept: dict[int, int] = {}

        def note(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
            rows = self.rows(slice(0, PROBE))
        del rows
        return sum(kept.values()) // PROBE

    @property
    def factors(self) -> Tensor:
        """Factors of each point's rows, (p,)."""
        return (self.weight * self.sample.weights / len(self.sample)).sqrt()


class Workspace:
    """A reusable buffer for Jacobians.

    Fresh memory of hundreds of megabytes costs more than what is written there.
    """

    def __init__(self) -> None:
        self._held = torch.empty(0)

    def holds(self, parameters: int, rows: int, like: Tensor) -> bool:
        """Whether `take` can do without fresh memory."""
        held = self._held
        fits = held.numel() >= parameters * rows
        return fits and held.dtype == like.dtype and held.device == like.device

    def take(self, parameters: int, rows: int, like: Tensor) -> Tensor:
        """A buffer (parameters, rows): uninitialised, and valid until the next call."""
        size = parameters * rows
        if not self.holds(parameters, rows, like):
            self._held = like.new_empty(size)
        return self._held[:size].view(parameters, rows)
