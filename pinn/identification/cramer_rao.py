"""The Cramer-Rao bound as a function of samples and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass


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
        """Number of samples before `name` can be known to a deviation > 0."""
        reference = self.deviations[name] * noise / self.noise
        return math.ceil(self.samples * (reference / deviation) ** 2)
