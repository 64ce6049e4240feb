"""Functions from readings at any places: a Gaussian posterior, and its doubts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pinn.families.distributions import BoundField
from sciformer.errors import DataError

# Readings without noise are fitted with this share of the field's size: the condition of the
# system is then at most 1e12 and its solution has four digits more than a network.
JITTER = 1e-6
# A member of the distribution is as far out as this in one of a thousand cases.
LEVEL = 1e-3
# The share of a field's size that may stay unknown before it is said: a network errs by about so.
UNKNOWN = 0.02
# A probability below which no more digits of it are said: rounding of the distance.
LEAST = 1e-12


@dataclass(frozen=True)
class Posterior:
    """The Gaussian posterior of one function given its readings.

    Attributes:
        coefficients: of the mean, (k,).
        unknown: root mean square standard deviation that is left, over that of the field.
        misfit: root mean square of readings minus mean function, over the size of the field.
        probability: that a member of the distribution lies as far out as these readings
            (chi-squared of the Mahalanobis distance, with as many degrees as were determined).
        noise: of the readings, over the size of the field.
    """

    coefficients: Tensor
    unknown: float
    misfit: float
    probability: float
    noise: float

    def doubts(self, name: str) -> list[str]:
        """Reasons against trusting an answer to these readings, one half-sentence each."""
        return [*self.open(name, UNKNOWN), *self.unlike(name)]

    def open(self, name: str, most: float) -> list[str]:
        """What the readings leave open, if it is more than a share of the function's size."""
        if self.unknown <= most:
            return []
        share = f"{100 * self.unknown:.2g}%"
        return [f"the readings leave {share} of {name} unknown; give more of them"]

    def unlike(self, name: str) -> list[str]:
        """How far the function is from those that were drawn."""
        found = []
        # Three times: the largest of many readings' root mean square is that of the noise.
        if self.misfit > 3 * max(self.noise, 10 * JITTER):
            found.append(
                f"{name} is not a function of the distribution that was learned: the nearest one "
                f"misses the readings by {self.misfit:.1%} of its size"
            )
        if self.probability < LEVEL:
            rarity = (
                f"fewer than one in {1 / LEAST:.0e}"
                if self.probability < LEAST
                else f"one in {1 / self.probability:.0e}"
            )
            found.append(
                f"{name} lies outside of what was drawn: {rarity} members is as far out "
                "(Mahalanobis)"
            )
        return found


def krige(
    who: str, field: BoundField, places: Tensor, values: Tensor, noise: Tensor | float = 0.0
) -> Posterior:
    """The posterior of a function of a field given readings.

    Args:
        who: for messages: the function's name.
        field: its distribution.
        places: (m,), in the interval of the field.
        values: (m,).
        noise: standard deviation of the readings, in their units, one for all or one each (m,).

    Raises:
        DataError: no reading, readings that are not finite, or outside of the interval.

    Source: Rasmussen, Williams 2006, equations 2.25 and 2.26, in the basis of the field.
    """
    places, values = places.double().flatten(), values.double().flatten()
    low, high = field.interval
    if not len(places) or places.shape != values.shape:
        raise DataError(
            f"{who}: needs as many places as values, at least one; got {len(places)} and "
            f"{len(values)}."
        )
    if not bool(torch.isfinite(places).all() and torch.isfinite(values).all()):
        raise DataError(f"{who}: a reading is not finite; leave it out.")
    edge = 1e-9 * (high - low)
    if not bool(((places >= low - edge) & (places <= high + edge)).all()):
        worst = places[(places - (low + high) / 2).abs().argmax()]
        raise DataError(
            f"{who}: a reading at {float(worst):g} lies outside of [{low:g}, {high:g}]; give "
            "places inside."
        )
    size = field.std
    level = torch.as_tensor(noise, dtype=torch.float64).clamp(min=JITTER * size)
    rows = field.basis.matrix(places) * field.sizes / level[..., None]
    # Singular values: the basis can be larger or smaller than the number of readings.
    left, singular, right = torch.linalg.svd(rows, full_matrices=False)
    target = left.mT @ ((values - field.mean) / level)
    shrunk = singular**2 / (1 + singular**2)
    white = right.mT @ (target * singular / (1 + singular**2))
    mean = white * field.sizes
    grid = torch.linspace(low, high, 65, dtype=torch.float64)
    prior = field.basis.matrix(grid) * field.sizes
    known = prior @ right.mT * shrunk.sqrt()
    left_over = (prior.square().sum() - known.square().sum()).clamp(min=0)
    misfit = (field.values(mean[None], places)[0] - values).square().mean().sqrt()
    degrees, distance = float(shrunk.sum()), float(white.square().sum())
    return Posterior(
        coefficients=mean,
        unknown=float((left_over / prior.square().sum()).sqrt()),
        misfit=float(misfit / size),
        probability=_survival(distance, degrees),
        noise=float(level.square().mean().sqrt() / size),
    )


def _survival(distance: float, degrees: float) -> float:
    from scipy.stats import chi2

    return float(chi2.sf(distance, max(degrees, 1e-9)))
