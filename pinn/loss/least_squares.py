"""A weighted sum of squares over several terms, and weights that follow the training dynamics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.jets import residual_jacobian
from pinn.optimisers.protocol import FlatParameters, Linearisation
from pinn.sampling.samplers import Sample
from sciformer.errors import ConvergenceError
from sciformer.hardware import free_memory, hardware
from sciformer.runs.processes import ALONE, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinn.loss.terms import Term
    from sciformer.runs.processes import Processes

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
        """A term on points and weights as they were saved.

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
        """Rows a point."""
        with torch.no_grad():
            return self.term.residual(self.sample.points[:1]).numel()

    @property
    def factors(self) -> Tensor:
        """What each point's rows are multiplied by, (p,)."""
        return (self.weight * self.sample.weights / len(self.sample)).sqrt()


class Workspace:
    """Memory for a Jacobian, which the next one of about its size has again.

    Fresh memory of hundreds of megabytes costs more than what is written there.
    """

    def __init__(self) -> None:
        self._held = torch.empty(0)

    def take(self, parameters: int, rows: int, like: Tensor) -> Tensor:
        """(parameters, rows), in no state that could be relied on, and the caller's until the next
        call."""
        size = parameters * rows
        held = self._held
        if held.numel() < size or held.dtype != like.dtype or held.device != like.device:
            self._held = like.new_empty(size)
        return self._held[:size].view(parameters, rows)


class LeastSquares:
    """sum over terms of weight * mean(w |r|^2) = |rows|^2.

    Rows are ordered by term, then equation, then point. Each process has the rows of its share of
    the points; their squares add up over the processes.

    Args:
        parameters: what is optimised.
        terms: at least one, with all points.
        processes: who shares the points.
        workspace: memory for the Jacobian; None for fresh memory.
    """

    def __init__(
        self,
        parameters: FlatParameters,
        terms: Sequence[Weighted],
        processes: Processes = ALONE,
        workspace: Workspace | None = None,
    ) -> None:
        self.parameters, self.processes = parameters, processes
        self._terms, self._share = terms, share(processes)
        self._workspace = workspace or Workspace()

    @property
    def terms(self) -> Sequence[Weighted]:
        """The terms with their points and weights."""
        return self._terms

    @property
    def points(self) -> int:
        """Number of points of all terms, those of other processes included."""
        return sum(len(term.sample) for term in self._terms)

    def rows(self) -> Tensor:
        """Weighted residuals (R,) without gradients."""
        with torch.no_grad():
            return torch.cat([term.rows(self._share) for term in self._terms])

    def value(self) -> float:
        """|rows|^2 over all processes."""
        rows = self.rows()
        [value] = self.processes.total(rows @ rows)
        return float(value)

    def linearise(self) -> Linearisation:
        """Weighted residuals (R,) and their Jacobian (R, P), which lasts until the next call of
        any objective with the same workspace.

        Raises:
            ConvergenceError: a term is not finite.
        """
        tensors = self.parameters.tensors
        counts = [term.equations for term in self._terms]
        points = [len(term.sample.points[self._share]) for term in self._terms]
        total = sum(e * p for e, p in zip(counts, points, strict=True))
        # Points are innermost: normal equations then need no copy.
        jacobian = self._workspace.take(len(self.parameters), total, tensors[0])
        rows, start = [], 0
        for term, e, p in zip(self._terms, counts, points, strict=True):
            block = jacobian[:, start : start + e * p].view(-1, e, p)
            rows.append(self._linearise(term, block))
            start += e * p
        return Linearisation(torch.cat(rows), jacobian.T)

    def value_and_gradient(self) -> tuple[float, Tensor]:
        """|rows|^2 and its gradient (P,), some points at a time: memory does not grow with them.

        Raises:
            ConvergenceError: a term is not finite.
        """
        at = self.parameters.read()
        value, gradient = at.new_zeros(()), torch.zeros_like(at)
        for weighted in self._terms:
            for part in self._blocks(weighted):
                squares, slope = self._squares(weighted, part)
                value, gradient = value + squares, gradient + slope
        value, gradient = self.processes.total(value, gradient)
        return float(value), gradient

    def _blocks(self, weighted: Weighted) -> list[slice]:
        """Parts of this process's points, each as large as suits the device."""
        points, stride = len(weighted.sample), self._share.step or 1
        device = weighted.sample.points.device
        size = hardware(device).block_points or self._fitting(weighted)
        starts = range(self._share.start or 0, points, size * stride)
        return [slice(start, min(start + size * stride, points), stride) for start in starts]

    def _fitting(self, weighted: Weighted) -> int:
        """Number of points whose graph fits into the free memory of an accelerator."""
        device = weighted.sample.points.device
        free = free_memory(device)
        one = 0 if free is None else graph_bytes(weighted) // PROBE
        return hardware(device).points(len(weighted.sample), one, free)

    def _squares(self, weighted: Weighted, part: slice) -> tuple[Tensor, Tensor]:
        """Sum of squares of the rows of some points, and its gradient."""
        tensors = self.parameters.tensors
        with torch.enable_grad():
            rows = weighted.rows(part)
            _refuse_nonfinite(rows, weighted.term)
            squares = rows @ rows
            gradients = torch.autograd.grad(squares, tensors, allow_unused=True)
        flat = [
            torch.zeros_like(tensor) if gradient is None else gradient
            for tensor, gradient in zip(tensors, gradients, strict=True)
        ]
        return squares.detach(), torch.cat([gradient.reshape(-1) for gradient in flat])

    def _linearise(self, weighted: Weighted, out: Tensor) -> Tensor:
        """The rows (e * p,) of a term, whose Jacobian is written to (P, e, p)."""
        rows, _ = residual_jacobian(
            weighted.term.residual,
            weighted.sample.points[self._share],
            self.parameters.tensors,
            weights=weighted.factors[self._share],
            out=out,
        )
        _refuse_nonfinite(rows, weighted.term)
        return rows.T.reshape(-1)


def graph_bytes(weighted: Weighted) -> int:
    """Bytes that the graph of the first `PROBE` points keeps for its reverse pass."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        rows = weighted.rows(slice(0, PROBE))
    del rows
    return sum(kept.values())


def _refuse_nonfinite(rows: Tensor, term: Term) -> None:
    if not bool(torch.isfinite(rows).all()):
        raise ConvergenceError(f"the term '{term.name}' is no longer finite")
