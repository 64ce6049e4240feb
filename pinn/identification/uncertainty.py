"""Uncertainty of the last few parameters of a least-squares fit: curvature, clusters, Cramer-Rao
bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.blas import dsyrk
from torch import Tensor

from sciformer.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RIDGE = 1e-7  # of the largest column: far below what noise and weights of a network are


class Information:
    """Information of rows about their last few parameters when all others are unknown too.

    With J^T J = [[A, B], [B^T, C]] the Fisher information is C - B^T A^-1 B = L L^T, L the last
    block of the Cholesky factor of J^T J. A slight ridge keeps directions without any trace from
    breaking the factor.

    Args:
        jacobian: (R, P), rows in units of their noise; equations that hold exactly are rows in
            units of a small tolerance.
        count: how many of the P, the last ones.

    Raises:
        DomainError: the rows say nothing about one of the parameters.

    Cost: R P^2 operations.
    Source: Cramer 1946, Rao 1945, with nuisance parameters.
    """

    def __init__(self, jacobian: Tensor, count: int) -> None:
        self._jacobian, self._count = jacobian.double(), count
        matrix = self._jacobian.T.contiguous().numpy()
        gram = dsyrk(1.0, matrix.T, trans=1, lower=1)
        ridge = RIDGE**2 * gram.diagonal().max()
        gram[np.diag_indices_from(gram)] += ridge
        self._factor = cholesky(gram, lower=True, overwrite_a=True, check_finite=False)
        last = self._factor[-count:, -count:]
        self.matrix: Array = last @ last.T
        if not np.linalg.eigvalsh(self.matrix).min() > 100 * ridge:
            raise DomainError(
                "information: the rows do not tell the parameters apart from the others; "
                "add observations in which each of them acts."
            )

    def cramer_rao(self) -> Array:
        """The least standard deviation (count,) of any unbiased estimate."""
        return np.asarray(np.sqrt(np.linalg.inv(self.matrix).diagonal()))

    def dispersion(self, rows: Tensor, samples: Tensor) -> tuple[float, float]:
        """Dispersion of measured rows relative to their noise, and the number of them that the fit
        leaves free.

        Equations that hold say nothing about noise: they count as rows, not as samples.

            dispersion^2 = sum of the squares of the samples' rows / freedom
            freedom = number of samples - trace of the hat matrix over them

        Args:
            rows: (R,).
            samples: (R,), which of them are measured.

        Returns:
            The dispersion, 1 for the noise that the rows are in units of, and the freedom.
        """
        measured = self._jacobian[samples].T.numpy()
        used = solve_triangular(self._factor, measured, lower=True, check_finite=False)
        freedom = float(samples.sum()) - float((used**2).sum())
        square = float(rows[samples].double().square().sum())
        return (square / max(freedom, 1.0)) ** 0.5, freedom

    def influences(self, rows: Tensor) -> Array:
        """Contribution of each row to the least-squares estimate, (R, count).

        -(J^T J)^-1 J^T r, row by row; at a minimum the sum vanishes.
        """
        unit = np.zeros((len(self._factor), self._count))
        unit[-self._count :] = np.eye(self._count)
        weights = torch.from_numpy(cho_solve((self._factor, True), unit))
        return np.asarray((-(self._jacobian @ weights) * rows.double()[:, None]).numpy())


def reweighted_shift(jacobian: Tensor, rows: Tensor, factors: Tensor, count: int) -> Array:
    """Shift of the last `count` parameters, to first order, when rows count differently.

    Args:
        jacobian: (R, P), as in `Information`.
        rows: (R,).
        factors: (R,), what each row is multiplied by; all 1 gives what a fit is from its minimum.
    """
    known = Information(jacobian * factors[:, None], count)
    return np.asarray(known.influences(rows * factors).sum(0))


def clustered_deviation(influence: Array, cluster: NDArray[np.int64]) -> Array:
    """Standard deviation (count,) from sums of influences over clusters of rows.

    What a model cannot represent leaves residuals that agree within a region and are not noise:
    rows of one cluster may be correlated in any way, clusters are taken as independent.

    Args:
        influence: (R, count).
        cluster: (R,), the cluster of each row.

    Source: Liang, Zeger 1986 (cluster-robust covariance).
    """
    clusters = np.unique(cluster)
    sums = np.stack([influence[cluster == label].sum(0) for label in clusters])
    correction = len(clusters) / max(len(clusters) - 1, 1)
    return np.asarray(np.sqrt(correction * (sums**2).sum(0)))
