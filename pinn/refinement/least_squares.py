"""Large dense least-squares problems whose columns are nearly dependent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.refinement.gram import gram_matrix
from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pinn.refinement.gram import GramMatrix
    from sciformer.runs.processes import Processes

# The shift stands above the rounding of the Gram matrix of unit columns, columns * eps.
SHIFT = 1.0
# Factor on the shift when Cholesky meets a negative pivot, and when its factor was only noise.
PIVOT_GROWTH, NOISE_GROWTH = 4.0, 30.0
# A shift of this size solves for nothing any more.
LARGEST_SHIFT = 1e-2
# Conjugate gradients end when the preconditioned gradient has fallen by so much, squared: below it
# are the rounding errors of the rows.
GRADIENT_FALL = 1e-24
ITERATIONS = 60


@dataclass(frozen=True)
class Solved:
    """A least-squares solution.

    Attributes:
        values: (columns,), where the blocks are.
        left: |A values - b|^2 over |b|^2, at most 1.
        shift: the relative shift that the Cholesky factor needed.
        iterations: steps of conjugate gradients.
    """

    values: Tensor
    left: float
    shift: float
    iterations: int


class LeastSquaresByBlocks:
    """min |A x - b|^2 with the rows of A coming a block at a time.

    The Gram matrix of normalised columns has a Cholesky factor R after a tiny shift; conjugate
    gradients on the least-squares problem (CGLS) in the variables R x take the shift out again,
    so that the result is as exact as that of a QR factorisation, at a tenth of its time.

    Args:
        columns: number of columns of A.
        like: float64; tells the device of the blocks.
        processes: who has the other rows.

    Cost: rows * columns^2 operations for the Gram matrix, 4 rows * columns an iteration. Memory
        rows * columns + 2 columns^2 numbers on the host, one columns^2 more on an accelerator,
        where the host waits once a factorisation and once an iteration.
    Source: CGLS, Björck 1996, section 7.4; the preconditioner as in Avron, Maymounkov, Toledo
        2010, with a shifted Cholesky factor instead of a sketch.
    """

    def __init__(self, columns: int, like: Tensor, processes: Processes = ALONE) -> None:
        self._columns, self._processes = columns, processes
        self._none = torch.zeros((), dtype=like.dtype, device=like.device)
        self._gram = gram_matrix(columns, like)
        self._blocks: list[Tensor] = []
        self._right: list[Tensor] = []
        self._norms = self._none

    def add(self, block: Tensor, right: Tensor) -> None:
        """Appends rows.

        Args:
            block: (columns, rows) of A^T, contiguous, float64; it is kept, not copied.
            right: (rows,) of b.
        """
        self._gram.add(block)
        self._blocks.append(block)
        self._right.append(right)

    @property
    def rows(self) -> int:
        """Number of rows so far, in this process."""
        return sum(len(right) for right in self._right)

    def solve(self, iterations: int = ITERATIONS) -> Solved:
        """Solves for x. Can be called once: the Gram matrix is used up.

        A factor that is only noise gives a step that leaves more than x = 0 does; the shift then
        grows until it does not.
        """
        whole = self._square(self._right)
        self._norms = norms = self._gram.normalise(self._processes)
        shift = SHIFT * self._columns * torch.finfo(norms.dtype).eps
        while True:
            shift = _factorise(self._gram, shift)
            values, steps = self._conjugate_gradients(norms, iterations)
            gaps = [
                self._gram.times(block, values) - right
                for block, right in zip(self._blocks, self._right, strict=True)
            ]
            [left, all_of_it] = torch.stack([self._square(gaps), whole]).tolist()
            if left <= all_of_it:  # and not, where a value is not finite
                return Solved(values, left / all_of_it if all_of_it else 0.0, shift, steps)
            if shift >= LARGEST_SHIFT:
                return Solved(torch.zeros_like(norms), 1.0, shift, steps)
            shift *= NOISE_GROWTH

    def damped(self, shift: float) -> Tensor:
        """The x of |A x - b|^2 + shift |D x|^2, with D the norms of the columns; after `solve`.

        Values that fit b only by cancelling each other are given up for small ones.

        Args:
            shift: > 0, relative to the unit diagonal of the Gram matrix.
        """
        _factorise(self._gram, shift)
        y = self._gradient(self._norms, self._right)
        return self._gram.substitute(y, transposed=True) / self._norms

    def pulls(self, values: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Where each of several groups of rows would take a solution; after `solve`.

            (A^T A)^-1 A_g^T (b_g - A_g x),   which add up to 0 at the solution x

        Args:
            values: x.
            counts: number of blocks in each group, in the order in which they were added.
        """
        gaps = [
            right - self._gram.times(block, values)
            for block, right in zip(self._blocks, self._right, strict=True)
        ]
        found, start = [], 0
        for count in counts:
            own = range(start, start + count)
            alone = [gap if i in own else 0 * gap for i, gap in enumerate(gaps)]
            y = self._gradient(self._norms, alone)
            found.append(self._gram.substitute(y, transposed=True) / self._norms)
            start += count
        return found

    def _conjugate_gradients(self, norms: Tensor, iterations: int) -> tuple[Tensor, int]:
        def to_columns(y: Tensor) -> Tensor:
            return self._gram.substitute(y, transposed=True) / norms

        rest = [right.clone() for right in self._right]
        y = torch.zeros_like(norms)
        gradient = self._gradient(norms, rest)
        direction, size = gradient.clone(), gradient @ gradient
        first = now = float(size)
        steps = 0
        while steps < iterations and now > GRADIENT_FALL * first and math.isfinite(now):
            step = to_columns(direction)
            moved = [self._gram.times(block, step) for block in self._blocks]
            length = size / self._square(moved)
            y.addcmul_(length, direction)
            for gap, m in zip(rest, moved, strict=True):
                gap.addcmul_(length, m, value=-1)
            gradient = self._gradient(norms, rest)
            size, before = gradient @ gradient, size
            direction = gradient.addcmul(size / before, direction)
            steps, now = steps + 1, float(size)
        return to_columns(y), steps

    def _gradient(self, norms: Tensor, rest: list[Tensor]) -> Tensor:
        """R^-T D^-1 A^T rest."""
        total = torch.zeros_like(norms)
        for block, gap in zip(self._blocks, rest, strict=True):
            total += self._gram.back(block, gap)
        [total] = self._processes.total(total)
        return self._gram.substitute(total / norms, transposed=False)

    def _square(self, parts: list[Tensor]) -> Tensor:
        """Sum of squares over all parts and processes, without a wait."""
        [total] = self._processes.total(sum((part @ part for part in parts), self._none))
        return total


def _factorise(gram: GramMatrix, shift: float) -> float:
    """A shift that is large enough for a Cholesky factor, which the matrix keeps."""
    while not gram.factorise(shift) and shift <= 1:
        shift *= PIVOT_GROWTH
    return shift
