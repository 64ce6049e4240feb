"""Damped normal equations by LAPACK."""

from __future__ import annotations

import torch
from scipy.linalg import get_blas_funcs, get_lapack_funcs
from torch import Tensor


class NormalEquations:
    """(J^T J + mu I) s = -J^T r, by whichever of J^T J and J J^T is smaller.

    With fewer rows than parameters s = -J^T (J J^T + mu I)^-1 r is the same step.

    Args:
        jacobian: (R, P), float32 or float64, contiguous.

    Cost: R P min(R, P) multiplications for the matrix, min(R, P)^3 / 3 for each factor.
    """

    def __init__(self, jacobian: Tensor) -> None:
        self._jacobian = jacobian
        self._dual = jacobian.shape[0] < jacobian.shape[1]
        rows = jacobian.cpu().numpy()
        # scipy's OpenBLAS is about twice as fast as torch's MKL here on processors of AMD, and
        # dsyrk computes one triangle only.
        (syrk,) = get_blas_funcs(("syrk",), (rows,))
        self._matrix = syrk(1.0, rows.T, lower=1, trans=int(self._dual))
        self._diagonal = self._matrix.diagonal().copy()
        self._factorise, self._substitute = get_lapack_funcs(("potrf", "potrs"), (self._matrix,))
        self._factor = self._matrix

    def factorise(self, damping: float) -> bool:
        """Whether the damped matrix has a Cholesky factor in floating point."""
        size = len(self._diagonal)
        self._matrix.ravel(order="K")[:: size + 1] = self._diagonal + damping
        self._factor, info = self._factorise(self._matrix, lower=1, clean=0)
        return int(info) == 0

    def solve(self, rows: Tensor) -> Tensor:
        """-(J^T J + mu I)^-1 J^T rows."""
        if self._dual:
            return -(self._jacobian.T @ self._inverse(rows))
        return -self._inverse(self._jacobian.T @ rows)

    def _inverse(self, right: Tensor) -> Tensor:
        solution, _ = self._substitute(self._factor, right.cpu().numpy(), lower=1)
        return torch.as_tensor(solution, dtype=right.dtype, device=right.device).reshape(-1)
