"""Estimates of two coefficients of an equation, in the form that all methods share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def rounded(value: float, half: float) -> str:
    """A value and the half-width of its interval, to two digits of the latter: 0.1384 ± 0.0041."""
    if not 0 < half < float("inf"):
        return f"{value:g} ± {half:g}"
    if not 1e-4 <= abs(value) < 1e6:
        exponent = int(np.floor(np.log10(max(abs(value), half))))
        scaled = rounded(value / 10.0**exponent, half / 10.0**exponent) if exponent else ""
        return f"({scaled})e{exponent:+03d}" if scaled else f"{value:g} ± {half:g}"
    digits = max(0, 1 - int(np.floor(np.log10(half))))
    return f"{value:.{digits}f} ± {half:.{digits}f}"


@dataclass(frozen=True)
class Truth:
    """Coefficients that an estimate is compared with."""

    lambda_1: float = 1.0
    lambda_2: float = 0.01

    def compare(
        self, values: tuple[float, float], intervals: Sequence[tuple[float, float]]
    ) -> dict[str, Any]:
        """The entries of an `Estimate` for the two values: themselves, their errors, their
        intervals.
        """
        said: dict[str, Any] = {}
        wanted = (self.lambda_1, self.lambda_2)
        for number, value, right, ends in zip((1, 2), values, wanted, intervals, strict=True):
            said[f"lambda_{number}"] = value
            said[f"lambda_{number}_error_percent"] = 100 * (value / right - 1)
            said[f"interval_{number}"] = ends
        return said


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One estimate; methods add further results.

    Attributes:
        method: how it was made.
        samples: velocities, or values of another field, that the method saw.
        noise: noise added here, as a share of each component's standard deviation.
        seed: of all that is random.
        lambda_1, lambda_2: estimates; the coefficient of u_t is 1, which sets the scale.
        lambda_1_error_percent, lambda_2_error_percent: signed, against the truth.
        interval_1, interval_2: 95 % intervals; what they count is the method's to say.
        wall_seconds: of the estimate and its intervals.
    """

    method: str
    samples: int
    noise: float
    seed: int
    lambda_1: float
    lambda_2: float
    lambda_1_error_percent: float
    lambda_2_error_percent: float
    interval_1: tuple[float, float]
    interval_2: tuple[float, float]
    wall_seconds: float

    def summary(self) -> dict[str, Any]:
        """The estimate as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """One line for each coefficient, such as lambda_2 = 0.009994 ± 0.000016 (95 %)."""
        found = ((self.lambda_1, self.interval_1), (self.lambda_2, self.interval_2))
        return "\n".join(
            f"lambda_{number} = {rounded(value, max(high - value, value - low))} (95 %)"
            for number, (value, (low, high)) in enumerate(found, 1)
        )
