"""Results of the network, as numbers for a table and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.identification.cramer_rao import Floor
from pinn.identification.estimate import Estimate, Truth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pinn.identification.identifying import Identification
    from pinn.training.verdict import Verdict

    Array = NDArray[np.float64]

CLEAN = 1e-3  # the noise that the rows of clean data are weighted by


@dataclass(frozen=True)
class FieldError:
    """Errors |f - f*| / |f*| in the Euclidean norm, and mean (f - f*)^2."""

    relative_l2: float
    mse: float

    @classmethod
    def between(cls, mine: Array, truth: Array) -> FieldError:
        """Errors between two arrays of one shape."""
        gap = np.linalg.norm(mine - truth)
        return cls(float(gap / np.linalg.norm(truth)), float(gap**2 / truth.size))


@dataclass(frozen=True, kw_only=True)
class NetworkEstimate(Estimate):
    """An estimate by a network.

    Attributes:
        interval_1, interval_2: from curvature, misfit over boxes in space, and how far estimates
            depend on how tightly the equations are held.
        curvature_1, curvature_2: standard deviations by curvature alone, in percent of the truth;
            they take the network to be perfect and are far too small.
        cramer_rao_1, cramer_rao_2: least standard deviations for these samples and this noise (for
            clean data 0.1 %, by which their rows are weighted), in percent of the truth.
        fields: error of each field against the data without noise.
        wave: learned wave vector of the network's inputs, by coordinate; empty without one.
        is_periodic: whether time entered by that wave only: knowledge beyond the equations.
        parameters: trained numbers.
        iterations: steps taken.
        loss: mean over points of the sum of squares of a point's rows in units of the noise.
        stopped: why the fit ended.
        verdict: whether the fit converged, why, and what to do next.
        left_out: snapshots at the start whose time cannot be right.
    """

    curvature_1: float
    curvature_2: float
    cramer_rao_1: float
    cramer_rao_2: float
    fields: Mapping[str, FieldError]
    wave: Mapping[str, float]
    is_periodic: bool
    parameters: int
    iterations: int
    loss: float
    stopped: str
    verdict: Verdict
    left_out: int = 0

    @classmethod
    def of(
        cls, found: Identification, fields: Mapping[str, FieldError], *, noise: float, seed: int
    ) -> NetworkEstimate:
        """The estimate of a fit whose unknowns are lambda_1 and lambda_2."""
        one, two = "lambda_1", "lambda_2"
        known = found.solution.problem.parameter_values
        truth = Truth(known[one], known[two])
        percent = {name: 100 / abs(known[name]) for name in (one, two)}
        return cls(
            method="network",
            samples=found.samples,
            noise=noise,
            seed=seed,
            **truth.compare(
                (found.values[one], found.values[two]), (found.interval(one), found.interval(two))
            ),
            curvature_1=found.curvature[one] * percent[one],
            curvature_2=found.curvature[two] * percent[two],
            cramer_rao_1=found.bound[one] * percent[one],
            cramer_rao_2=found.bound[two] * percent[two],
            fields=fields,
            wave=found.wave,
            is_periodic=found.is_periodic,
            parameters=found.parameters,
            iterations=found.iterations,
            loss=found.loss,
            stopped=found.stopped,
            verdict=found.verdict,
            wall_seconds=found.wall_seconds,
        )

    def summary(self) -> dict[str, Any]:
        """The estimate as JSON values; errors of fields as relative_l2_u, mse_u and so on."""
        values = super().summary() | self.verdict.summary()
        for name, error in values.pop("fields").items():
            values |= {f"{kind}_{name}": value for kind, value in error.items()}
        return values

    @property
    def floor(self) -> Floor:
        """The Cramer-Rao bound, in percent of the truth, for other samples and noise."""
        deviations = {"lambda_1": self.cramer_rao_1, "lambda_2": self.cramer_rao_2}
        return Floor(deviations, self.samples, max(self.noise, CLEAN))
