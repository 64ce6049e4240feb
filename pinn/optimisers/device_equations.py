"""Damped normal equations that stay on an accelerator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciformer.runs.processes import ALONE

if TYPE_CHECKING:
    from pinn.optimisers.protocol import Linearised
    from sciformer.runs.processes import Processes


class DeviceEquations:
    """The equations (J^T J + mu I) s = -J^T r on the device of J, with mu = damping * trace(J^T J)
    / P.

    The smaller of J^T J and J J^T is used; of a Jacobian in parts the former, which is there. The
    same steps as `NormalEquations`, which uses LAPACK on the host. No method waits for the device:
    a matrix without a Cholesky factor gives a step that is not finite, which no trial accepts.

    Args:
        at: rows r (R,) and Jacobian (R, P), float32 or float64.
        processes: who has the other rows.

    Attributes:
        value: |r|^2 over all rows, a tensor of shape ().

    Cost: memory 2 P^2 numbers beside the Jacobian: the matrix, and the damped copy that its factor
        is written over.
    """

    def __init__(self, at: Linearised, processes: Processes = ALONE) -> None:
        self._at, self._processes = at, processes
        rows, parameters = at.shape
        self._dual = at.is_whole and processes.size == 1 and rows < parameters
        self._matrix = at.jacobian @ at.jacobian.T if self._dual else at.gram
        self.value = at.rows @ at.rows
        self._right = at.rows if self._dual else at.right
        if processes.size > 1:
            self._matrix, self._right, self.value = processes.total(
                self._matrix, self._right, self.value
            )
        trace = self._matrix.trace()
        # A Jacobian of zeros has no scale, and needs none.
        self._scale = torch.where(trace > 0, trace / parameters, 1.0)
        self._factor = self._matrix

    def factorise(self, damping: float) -> bool:
        """Compute the Cholesky factor of the damped matrix, without waiting for the device.

        Returns:
            True; a matrix that has no factor gives steps that are not finite.
        """
        self._factor = self._matrix  # the memory of the factor before is free for the next
        damped = self._matrix.clone().mT  # symmetric, and by columns, as the factor is written
        diagonal = damped.diagonal()
        diagonal.add_(damping * self._scale)
        failed = torch.empty((), dtype=torch.int32, device=damped.device)
        torch.linalg.cholesky_ex(damped, out=(damped, failed))
        diagonal.copy_(torch.where(failed > 0, torch.nan, diagonal))
        self._factor = damped
        return True

    def step(self) -> Tensor:
        """-(J^T J + mu I)^-1 J^T r."""
        return self._solve(self._right)

    def solve(self, rows: Tensor) -> Tensor:
        """-(J^T J + mu I)^-1 J^T rows for other rows."""
        if self._dual:
            return self._solve(rows)
        [right] = self._processes.total(self._at.back(rows))
        return self._solve(right)

    def _solve(self, right: Tensor) -> Tensor:
        # Unlike cholesky_solve, which copies the factor.
        half = torch.linalg.solve_triangular(self._factor, right[:, None], upper=False)
        solution = torch.linalg.solve_triangular(self._factor.mT, half, upper=True)[:, 0]
        return -self._at.back(solution) if self._dual else -solution
