"""Large dense least-squares problems whose columns are nearly dependent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sciformer.runs.processes import Processes

    Array = NDArray[np.float64]

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
        values: (columns,).
        left: |A values - b|^2 over |b|^2, at most 1.
        shift: the relative shift that the Cholesky factor needed.
        iterations: steps of conjugate gradients.
    """

    values: Array
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
        processes: who has the other rows.

    Cost: rows * columns^2 operations for the Gram matrix, 4 rows * columns an iteration. Memory
        rows * columns + 2 columns^2 numbers.
    Source: CGLS, Björck 1996, section 7.4; the preconditioner as in Avron, Maymounkov, Toledo
        2010, with a shifted Cholesky factor instead of a sketch.
    """

    def __init__(self, columns: int, processes: Processes = ALONE) -> None:
        self._columns, self._processes = columns, processes
        self._gram: Array = np.zeros((columns, columns), order="F")
        self._blocks: list[Array] = []
        self._right: list[Array] = []

    def add(self, block: Array, right: Array) -> None:
        """Appends rows.

        Args:
            block: (columns, rows) of A^T, C-contiguous, float64; it is kept, not copied.
            right: (rows,) of b.
        """
        from scipy.linalg import blas

        self._gram = blas.dsyrk(
            1.0, block.T, trans=1, lower=1, beta=1.0, c=self._gram, overwrite_c=1
        )
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
        whole = self._total(sum(float(right @ right) for right in self._right))
        gram, norms = self._normalised()
        shift = SHIFT * self._columns * float(np.finfo(np.float64).eps)
        while True:
            factor, shift = _factorise(gram, shift)
            values, steps = self._conjugate_gradients(factor, norms, iterations)
            left = self._total(sum(float(gap @ gap) for gap in self._gaps(values)))
            if bool(np.isfinite(values).all()) and left <= whole:
                return Solved(values, left / whole if whole else 0.0, shift, steps)
            if shift >= LARGEST_SHIFT:
                return Solved(np.zeros(self._columns), 1.0, shift, steps)
            shift *= NOISE_GROWTH

    def _normalised(self) -> tuple[Array, Array]:
        """The Gram matrix of unit columns (lower triangle), and the norms of the columns."""
        gram, self._gram = self._gram, np.empty((0, 0))
        if self._processes.size > 1:
            [summed] = self._processes.total(torch.from_numpy(gram.T))
            gram = summed.numpy().T
        norms = np.sqrt(np.maximum(gram.diagonal(), 0.0))
        norms[norms == 0] = 1.0  # a column of zeros stays one, and its value 0
        gram /= norms
        gram /= norms[:, None]
        return gram, norms

    def _conjugate_gradients(
        self, factor: Array, norms: Array, iterations: int
    ) -> tuple[Array, int]:
        def to_columns(y: Array) -> Array:
            return _substitute(factor, y, transposed=True) / norms

        rest = [right.copy() for right in self._right]
        y = np.zeros(self._columns)
        gradient = self._gradient(factor, norms, rest)
        direction, size = gradient.copy(), float(gradient @ gradient)
        first, steps = size, 0
        while steps < iterations and size > GRADIENT_FALL * first and np.isfinite(size):
            step = to_columns(direction)
            moved = [block.T @ step for block in self._blocks]
            length = size / self._total(sum(float(m @ m) for m in moved))
            y += length * direction
            for gap, m in zip(rest, moved, strict=True):
                gap -= length * m
            gradient = self._gradient(factor, norms, rest)
            size, before = float(gradient @ gradient), size
            direction = gradient + size / before * direction
            steps += 1
        return to_columns(y), steps

    def _gradient(self, factor: Array, norms: Array, rest: list[Array]) -> Array:
        """R^-T D^-1 A^T rest."""
        total: Any = sum(block @ gap for block, gap in zip(self._blocks, rest, strict=True))
        if self._processes.size > 1:
            [summed] = self._processes.total(torch.from_numpy(total))
            total = summed.numpy()
        return _substitute(factor, total / norms, transposed=False)

    def _gaps(self, values: Array) -> Iterator[Array]:
        for block, right in zip(self._blocks, self._right, strict=True):
            yield block.T @ values - right

    def _total(self, value: float) -> float:
        [total] = self._processes.total(torch.tensor(value, dtype=torch.float64))
        return float(total)


def _factorise(gram: Array, shift: float) -> tuple[Array, float]:
    """The Cholesky factor (lower) of gram + shift, with a shift that is large enough."""
    from scipy.linalg import lapack

    diagonal = np.arange(len(gram))
    while True:
        shifted = gram.copy(order="F")
        shifted[diagonal, diagonal] += shift
        factor, info = lapack.dpotrf(shifted, lower=1, clean=0, overwrite_a=1)
        if info == 0 or shift > 1:
            return factor, shift
        shift *= PIVOT_GROWTH


def _substitute(factor: Array, right: Array, *, transposed: bool) -> Array:
    from scipy.linalg import blas

    solved: Array = blas.dtrsv(factor, right, lower=1, trans=int(transposed))
    return solved
