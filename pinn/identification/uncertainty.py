"""How far least squares knows its last few parameters: curvature, clusters, Cramer and Rao."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import DomainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RIDGE = 1e-9  # of the largest column, so that directions without any trace do no harm


def information(jacobian: Tensor, count: int) -> Array:
    """Fisher information of the last `count` parameters when all others are unknown too.

    With J^T J = [[A, B], [B^T, C]] it is C - B^T A^-1 B, found from the last block of the
    triangular factor of J = Q R, which does not square the condition of J as J^T J does.

    Args:
        jacobian: (R, P), rows in units of their noise.
        count: how many of the P.

    Returns:
        (count, count), float64.

    Cost: 2 R P^2 operations.
    """
    last = _factor(jacobian)[-count:, -count:]
    return np.asarray((last.T @ last).numpy())


def cramer_rao(jacobian: Tensor, count: int) -> Array:
    """The least standard deviation (count,) of any unbiased estimate of the last parameters.

    Args:
        jacobian: (R, P), rows in units of their noise; equations that hold exactly are rows in
            units of a small tolerance.
        count: how many of the P.

    Raises:
        DomainError: the rows say nothing about one of the parameters.

    Source: Cramer 1946, Rao 1945, with nuisance parameters.
    """
    matrix = information(jacobian, count)
    least = 100 * RIDGE * float(jacobian.double().norm(dim=0).max())
    if not np.linalg.eigvalsh(matrix).min() > least**2:
        raise DomainError(
            "cramer_rao: the rows do not tell the parameters apart from the others; "
            "add observations in which each of them acts."
        )
    return np.asarray(np.sqrt(np.linalg.inv(matrix).diagonal()))


def influences(jacobian: Tensor, rows: Tensor, count: int) -> Array:
    """What each row adds to the least-squares estimate of the last parameters, (R, count).

    -(J^T J)^-1 J^T r, row by row; at a minimum the sum vanishes.
    """
    factor = _factor(jacobian)
    unit = torch.zeros(len(factor), count, dtype=torch.float64)
    unit[-count:] = torch.eye(count, dtype=torch.float64)
    half = torch.linalg.solve_triangular(factor.T, unit, upper=False)
    weights = torch.linalg.solve_triangular(factor, half, upper=True)
    return np.asarray((-(jacobian.double() @ weights) * rows.double()[:, None]).numpy())


def clustered_deviation(influence: Array, cluster: NDArray[np.int64]) -> Array:
    """Standard deviation (count,) from sums of influences over clusters of rows.

    What a model cannot represent leaves residuals that agree within a region and are no noise:
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


@dataclass(frozen=True)
class Floor:
    """The Cramer-Rao bound of unknown parameters as a function of samples and noise.

    Information adds up over samples and goes with the inverse square of the noise, so
    deviation = reference * (noise / noise_0) * sqrt(samples_0 / samples).

    Attributes:
        deviations: least standard deviation of each unknown at the reference.
        samples: samples_0, points at which all quantities are observed.
        noise: noise_0 > 0, as a share of each quantity's standard deviation.
    """

    deviations: dict[str, float]
    samples: int
    noise: float

    def at(self, samples: int, noise: float) -> dict[str, float]:
        """The bound for other samples and noise, at points spread as those of the reference."""
        factor = noise / self.noise * (self.samples / samples) ** 0.5
        return {name: factor * deviation for name, deviation in self.deviations.items()}

    def samples_for(self, name: str, deviation: float, noise: float) -> int:
        """How many samples it takes before `name` can be known to a deviation > 0."""
        reference = self.deviations[name] * noise / self.noise
        return int(np.ceil(self.samples * (reference / deviation) ** 2))


def _factor(jacobian: Tensor) -> Tensor:
    """R of the QR factorisation of J with a slight ridge below it."""
    matrix = jacobian.double()
    ridge = RIDGE * float(matrix.norm(dim=0).max())
    extended = torch.cat([matrix, ridge * torch.eye(matrix.shape[1], dtype=torch.float64)])
    factor: Tensor = torch.linalg.qr(extended, mode="r").R
    return factor
