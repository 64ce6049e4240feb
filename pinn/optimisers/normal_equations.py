"""Damped normal equations by BLAS and LAPACK, one triangle only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from scipy.linalg import get_blas_funcs, get_lapack_funcs
from torch import Tensor

from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from pinn.optimisers.protocol import Linearised
    from sciformer.runs.processes import Processes


class NormalEquations:
    """The equations (J^T J + mu I) s = -J^T r, mu = damping * trace(J^T J) / P, by the smaller of
    two matrices.

    The matrix is J^T J or J J^T: with fewer rows than parameters s = -J^T (J J^T + mu I)^-1 r is
    the same step. Several processes, each with its own rows, add up J^T J and J^T r.

    Args:
        at: rows r (R,) and Jacobian (R, P), float32 or float64; it or its transpose contiguous.
        processes: who has the other rows.

    Attributes:
        value: |r|^2 over all rows, a tensor of shape ().

    Cost: R P min(R, P) operations for the matrix, min(R, P)^3 / 3 for each factor. They run in
        scipy's OpenBLAS, which we measured about twice as fast at both as torch's MKL on an AMD
        processor.
    """

    def __init__(self, at: Linearised, processes: Processes = ALONE) -> None:
        self._jacobian = jacobian = at.jacobian
        self._rows, self._processes = at.rows, processes
        self._dual = processes.size == 1 and jacobian.shape[0] < jacobian.shape[1]
        # Either J or its transpose is Fortran-contiguous and goes to BLAS without a copy.
        is_by_columns = jacobian.T.is_contiguous()
        rows: Any = (jacobian if is_by_columns else jacobian.T).cpu().numpy()
        (syrk,) = get_blas_funcs(("syrk",), (rows,))
        self._matrix = syrk(1.0, rows, lower=1, trans=int(self._dual != is_by_columns))
        value = at.rows @ at.rows
        self._right = at.rows if self._dual else jacobian.T @ at.rows
        if processes.size > 1:
            gram = torch.from_numpy(self._matrix.T).to(jacobian.dtype)
            gram, self._right, value = processes.total(gram, self._right, value)
            self._matrix = gram.numpy().T
        self.value = value
        self._diagonal = self._matrix.diagonal().copy()
        # Both matrices have the same trace. A Jacobian of zeros has no scale, and needs none.
        self._scale = float(self._diagonal.sum()) / jacobian.shape[1] or 1.0
        self._factorise, self._substitute = get_lapack_funcs(("potrf", "potrs"), (self._matrix,))
        self._factor = self._matrix

    def factorise(self, damping: float) -> bool:
        """Whether the damped matrix has a Cholesky factor in floating point."""
        stride = len(self._diagonal) + 1
        self._matrix.ravel(order="K")[::stride] = self._diagonal + damping * self._scale
        self._factor, info = self._factorise(self._matrix, lower=1, clean=0)
        return int(info) == 0

    def step(self) -> Tensor:
        """-(J^T J + mu I)^-1 J^T r."""
        return self._solve(self._right)

    def solve(self, rows: Tensor) -> Tensor:
        """-(J^T J + mu I)^-1 J^T rows for other rows."""
        if self._dual:
            return self._solve(rows)
        [right] = self._processes.total(self._jacobian.T @ rows)
        return self._solve(right)

    def _solve(self, right: Tensor) -> Tensor:
        if self._dual:
            return -(self._jacobian.T @ self._inverse(right))
        return -self._inverse(right)

    def _inverse(self, right: Tensor) -> Tensor:
        solution, _ = self._substitute(self._factor, right.cpu().numpy(), lower=1)
        return torch.from_numpy(solution).to(right).reshape(-1)
