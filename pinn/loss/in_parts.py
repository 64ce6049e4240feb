"""Jacobians larger than the memory, computed for some points at a time and added up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.jets import residual_jacobian
from sciformer.errors import ConvergenceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pinn.loss.weighted import Weighted, Workspace
    from pinn.optimisers.protocol import FlatParameters


@dataclass(frozen=True)
class _Part:
    """Rows of some points of one term, and where they stand among all rows.

    Attributes:
        start: first row of the term.
        equations, points: rows of the term are (equations, points), points innermost.
        some: which points.
        rows: (equations, some points).
        jacobian: (P, equations * some points), overwritten by the next part.
    """

    start: int
    equations: int
    points: int
    some: slice
    rows: Tensor
    jacobian: Tensor

    def of(self, vector: Tensor) -> Tensor:
        """The view of a vector of all rows (R,) that holds these, (equations, some points)."""
        stop = self.start + self.equations * self.points
        return vector[self.start : stop].view(self.equations, self.points)[:, self.some]


class JacobianInParts:
    """Rows r (R,) and Jacobian J (R, P) at one point, of which a part is in memory at a time.

    J^T J and J^T r are added up at once; products with J compute it again, part by part.

    Args:
        parameters: at which everything is evaluated, now and later; they are left as they are.
        terms: with points and weights.
        share: which points are those of this process.
        workspace: memory for a part.
        entries: numbers that a part may have, at least those of one point.

    Attributes:
        rows: r.
        gram: J^T J, (P, P).
        right: J^T r, (P,).

    Raises:
        ConvergenceError: a term is not finite.

    Cost: memory `entries` + P^2 + R numbers beside the graph of a part's points; a Jacobian for
        each of: the Gram matrix, `times`, `back`.
    """

    is_whole = False

    def __init__(
        self,
        parameters: FlatParameters,
        terms: Sequence[Weighted],
        share: slice,
        workspace: Workspace,
        entries: int,
    ) -> None:
        self._parameters, self._terms, self._share = parameters, terms, share
        self._workspace, self._entries = workspace, entries
        self._at = parameters.read()
        count = sum(term.equations * len(term.sample.points[share]) for term in terms)
        self.shape = (count, len(self._at))
        self.rows, self.right = self._at.new_zeros(count), torch.zeros_like(self._at)
        self.gram = self._at.new_zeros(len(self._at), len(self._at))
        for part in self._parts():
            part.of(self.rows).copy_(part.rows)
            self.gram.addmm_(part.jacobian, part.jacobian.T)
            self.right.addmv_(part.jacobian, part.rows.reshape(-1))

    @property
    def jacobian(self) -> Tensor:
        """The whole of J, for callers that need it."""
        whole = self._at.new_zeros(self.shape[1], self.shape[0])
        for part in self._parts():
            flat = part.jacobian.view(-1, *part.rows.shape)
            for column, values in zip(whole, flat, strict=True):
                part.of(column).copy_(values)
        return whole.T

    def times(self, vector: Tensor) -> Tensor:
        """The product J v, (R,)."""
        found = torch.zeros_like(self.rows)
        for part in self._parts():
            part.of(found).copy_((vector @ part.jacobian).view(part.rows.shape))
        return found

    def back(self, rows: Tensor) -> Tensor:
        """The product J^T r with other rows, (P,)."""
        found = torch.zeros_like(self._at)
        for part in self._parts():
            found.addmv_(part.jacobian, part.of(rows).reshape(-1))
        return found

    def _parts(self) -> Iterator[_Part]:
        """All parts, at the parameters of the first call."""
        now = self._parameters.read()
        self._parameters.write(self._at)
        try:
            start = 0
            for term in self._terms:
                count = len(term.sample.points[self._share])
                yield from self._parts_of(term, start, count)
                start += term.equations * count
        finally:
            self._parameters.write(now)

    def _parts_of(self, weighted: Weighted, start: int, count: int) -> Iterator[_Part]:
        equations, total = weighted.equations, self.shape[1]
        points, factors = weighted.sample.points[self._share], weighted.factors[self._share]
        size = max(1, self._entries // (equations * total))
        for first in range(0, count, size):
            some = slice(first, min(first + size, count))
            width = some.stop - some.start
            out = self._workspace.take(total, equations * width, self._at)
            rows, _ = residual_jacobian(
                weighted.term.residual,
                points[some],
                self._parameters.tensors,
                weights=factors[some],
                out=out.view(total, equations, width),
            )
            if not bool(torch.isfinite(rows).all()):
                raise ConvergenceError(f"the term '{weighted.term.name}' is no longer finite")
            yield _Part(start, equations, count, some, rows.T, out)
