"""A weighted sum of squares over several terms, and weights that follow the training dynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.jets import residual_jacobian
from pinn.loss.in_parts import JacobianInParts
from pinn.loss.weighted import Weighted as Weighted
from pinn.loss.weighted import Workspace as Workspace
from pinn.optimisers.protocol import FlatParameters, Linearisation
from sciformer.errors import ConvergenceError
from sciformer.hardware import free_memory, hardware, usable_memory
from sciformer.runs.processes import ALONE, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.loss.terms import Term
    from sciformer.runs.processes import Processes

# A part of a Jacobian that does not fit takes an eighth of the memory: the graph of its points, the
# Gram matrix and trials need the rest.
PART = 8


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

    def linearise(self) -> Linearisation | JacobianInParts:
        """Weighted residuals (R,) and their Jacobian (R, P), which lasts until the next call of
        any objective with the same workspace; in parts where it does not fit into the memory.

        Raises:
            ConvergenceError: a term is not finite.
        """
        tensors = self.parameters.tensors
        counts = [term.equations for term in self._terms]
        points = [len(term.sample.points[self._share]) for term in self._terms]
        total = sum(e * p for e, p in zip(counts, points, strict=True))
        size, like = len(self.parameters), tensors[0]
        most = usable_memory(like.device) // like.element_size()
        if size * total > most and not self._workspace.holds(size, total, like):
            return JacobianInParts(
                self.parameters, self._terms, self._share, self._workspace, most // PART
            )
        # Points are innermost: normal equations then need no copy.
        jacobian = self._workspace.take(size, total, like)
        rows: list[Tensor] = []
        start = 0
        for term, e, p in zip(self._terms, counts, points, strict=True):
            block = jacobian[:, start : start + e * p].view(-1, e, p)
            rows.append(self._linearise(term, block))
            start += e * p
        self._refuse_nonfinite([torch.isfinite(part).all() for part in rows])
        return Linearisation(torch.cat(rows), jacobian.T)

    def value_and_gradient(self) -> tuple[float, Tensor]:
        """|rows|^2 and its gradient (P,), some points at a time: memory does not grow with them.

        Raises:
            ConvergenceError: a term is not finite.
        """
        at = self.parameters.read()
        value, gradient = at.new_zeros(()), torch.zeros_like(at)
        finite = []
        for weighted in self._terms:
            is_finite = torch.ones((), dtype=torch.bool, device=at.device)
            for part in self._blocks(weighted):
                rows, slope = self._gradient(weighted, part)
                value, gradient = value + rows @ rows, gradient + slope
                is_finite = is_finite & torch.isfinite(rows).all()
            finite.append(is_finite)
        self._refuse_nonfinite(finite)
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
        one = 0 if free is None else weighted.bytes_per_point
        return hardware(device).points(len(weighted.sample), one, free)

    def _gradient(self, weighted: Weighted, part: slice) -> tuple[Tensor, Tensor]:
        """The rows of some points, and the gradient of the sum of their squares."""
        tensors = self.parameters.tensors
        with torch.enable_grad():
            rows = weighted.rows(part)
            gradients = torch.autograd.grad(rows @ rows, tensors, allow_unused=True)
        flat = [
            torch.zeros_like(tensor) if gradient is None else gradient
            for tensor, gradient in zip(tensors, gradients, strict=True)
        ]
        return rows.detach(), torch.cat([gradient.reshape(-1) for gradient in flat])

    def _linearise(self, weighted: Weighted, out: Tensor) -> Tensor:
        """The rows (e * p,) of a term, whose Jacobian is written to (P, e, p)."""
        rows, _ = residual_jacobian(
            weighted.term.residual,
            weighted.sample.points[self._share],
            self.parameters.tensors,
            weights=weighted.factors[self._share],
            out=out,
        )
        return rows.T.reshape(-1)

    def _refuse_nonfinite(self, finite: list[Tensor]) -> None:
        """Names the first term that is not finite; one wait for all of them."""
        for weighted, is_finite in zip(self._terms, torch.stack(finite).tolist(), strict=True):
            if not is_finite:
                raise _no_longer_finite(weighted.term)


def _no_longer_finite(term: Term) -> ConvergenceError:
    return ConvergenceError(f"the term '{term.name}' is no longer finite")
