"""Damped normal equations with one triangle computed."""

from __future__ import annotations

import torch
from torch import Tensor

# The lower triangle is built from this many block columns, which saves 3/8 of the products.
_BLOCKS = 4


class NormalEquations:
    """(J^T J + mu I) s = -J^T r, by whichever of J^T J and J J^T is smaller.

    With fewer rows than parameters s = -J^T (J J^T + mu I)^-1 r is the same step.

    Args:
        jacobian: (R, P).

    Cost: R P min(R, P) 5/4 operations for the matrix, min(R, P)^3 / 3 for each factor. One thread
        of scipy's OpenBLAS is faster at both than one of torch's MKL on processors of AMD, but two
        libraries of threads that wait for each other cost more than that.
    """

    def __init__(self, jacobian: Tensor) -> None:
        self._jacobian = jacobian
        self._dual = jacobian.shape[0] < jacobian.shape[1]
        self._matrix = _lower_gram(jacobian if self._dual else jacobian.T)
        self._diagonal = self._matrix.diagonal().clone()
        self._factor = self._matrix

    def factorise(self, damping: float) -> bool:
        """Whether the damped matrix has a Cholesky factor in floating point."""
        self._matrix.diagonal().copy_(self._diagonal + damping)
        self._factor, info = torch.linalg.cholesky_ex(self._matrix)
        return int(info) == 0

    def solve(self, rows: Tensor) -> Tensor:
        """-(J^T J + mu I)^-1 J^T rows."""
        if self._dual:
            return -(self._jacobian.T @ self._inverse(rows))
        return -self._inverse(self._jacobian.T @ rows)

    def _inverse(self, right: Tensor) -> Tensor:
        return torch.cholesky_solve(right[:, None], self._factor)[:, 0]


def _lower_gram(rows: Tensor) -> Tensor:
    """rows rows^T, only the lower triangle of which is meant; above it are other numbers."""
    size = len(rows)
    gram = rows.new_zeros(size, size)
    width = -(-size // _BLOCKS)
    for left in range(0, size, width):
        block = rows[left : left + width]
        gram[left:, left : left + width] = rows[left:] @ block.T
    return gram
