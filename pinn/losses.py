"""A weighted sum of squares over several terms, and weights that follow the training dynamics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.jets import residual_jacobian
from pinn.optimisers.protocol import FlatParameters, Linearisation
from sciformer.errors import ConvergenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.sampling import Sample
    from pinn.terms import Term
    from pinn.workers import Workers


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

    def part(self, index: int, count: int) -> tuple[Term, Tensor, Tensor]:
        """One of `count` equal parts: the term, its points (p, c) and factors (p,) of its rows."""
        factors = (self.weight * self.sample.weights / len(self.sample)).sqrt()
        points = self.sample.points.tensor_split(count)[index].contiguous()
        return self.term, points, factors.tensor_split(count)[index]


class LeastSquares:
    """sum over terms of weight * mean(w |r|^2) = |rows|^2, evaluated by several threads.

    Rows are ordered by thread, then term, then point, then equation.

    Args:
        parameters: what is optimised.
        terms: at least one.
        workers: the threads that share the points.
    """

    def __init__(
        self, parameters: FlatParameters, terms: Sequence[Weighted], workers: Workers
    ) -> None:
        self.parameters = parameters
        self._workers = workers
        self._parts = [
            [t.part(i, workers.count) for t in terms if len(t.sample) > i]
            for i in range(workers.count)
        ]

    def rows(self) -> Tensor:
        """Weighted residuals (R,) without gradients."""
        return torch.cat(self._workers.map(self._rows, self._parts))

    def linearise(self) -> Linearisation:
        """Weighted residuals (R,) and their Jacobian (R, P)."""
        pieces = [
            piece for part in self._workers.map(self._linearise, self._parts) for piece in part
        ]
        rows = torch.cat([r for r, _ in pieces])
        jacobian = torch.cat([j for _, j in pieces]) if len(pieces) > 1 else pieces[0][1]
        return Linearisation(rows, jacobian)

    def value_and_gradient(self) -> tuple[float, Tensor]:
        """|rows|^2 and its gradient (P,)."""
        parts = self._workers.map(self._gradient, self._parts)
        value = sum(value for value, _ in parts)
        return value, torch.stack([gradient for _, gradient in parts]).sum(0)

    def mean_squares(self) -> dict[str, float]:
        """What each term contributes."""
        totals: dict[str, float] = {}
        for part in self._parts:
            for term, points, factors in part:
                with torch.no_grad():
                    rows = _weighted_rows(term, points, factors)
                totals[term.name] = totals.get(term.name, 0.0) + float(rows @ rows)
        return totals

    def _rows(self, part: list[tuple[Term, Tensor, Tensor]]) -> Tensor:
        with torch.no_grad():
            return torch.cat([_weighted_rows(*piece) for piece in part])

    def _linearise(self, part: list[tuple[Term, Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        pieces = []
        for term, points, factors in part:
            rows, jacobian = residual_jacobian(
                term.residual, points, self.parameters.tensors, weights=factors
            )
            _refuse_nonfinite(rows, term)
            pieces.append((rows.reshape(-1), jacobian.flatten(0, -2)))
        return pieces

    def _gradient(self, part: list[tuple[Term, Tensor, Tensor]]) -> tuple[float, Tensor]:
        with torch.enable_grad():
            pieces = [_weighted_rows(*piece) for piece in part]
            for rows, (term, _, _) in zip(pieces, part, strict=True):
                _refuse_nonfinite(rows, term)
            rows = torch.cat(pieces)
            value = rows @ rows
            gradients = torch.autograd.grad(value, self.parameters.tensors, allow_unused=True)
        flat = [
            torch.zeros_like(p).reshape(-1) if g is None else g.reshape(-1)
            for p, g in zip(self.parameters.tensors, gradients, strict=True)
        ]
        return float(value), torch.cat(flat)


def _weighted_rows(term: Term, points: Tensor, factors: Tensor) -> Tensor:
    return (term.residual(points) * factors[:, None]).reshape(-1)


def _refuse_nonfinite(rows: Tensor, term: Term) -> None:
    if not bool(torch.isfinite(rows).all()):
        raise ConvergenceError(f"the term '{term.name}' is no longer finite")
