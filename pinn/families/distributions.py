"""Distributions of what differs between the members of a family: numbers and functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pinn.families.waves import Waves
from sciformer.errors import DomainError

# Of the variance of a field, what the waves that are left out may hold: 1e-3 of its size.
MOST_LEFT_OUT = 1e-6
# A field on an interval is a piece of a periodic one that is longer by so many lengths: there the
# correlation of the squared exponential has fallen to e^{-12.5} = 4e-6.
MARGIN = 5.0


class NumberDistribution(Protocol):
    """A distribution of a parameter."""

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Values (count,), float64."""
        ...

    def standardised(self, values: Tensor) -> Tensor:
        """Values as a network reads them: about -1 to 1."""
        ...

    def holds(self, value: float) -> bool:
        """Whether the value can be drawn."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Numbers of equal probability between two ends.

    Args:
        low: lower end.
        high: upper end, > low.

    Raises:
        DomainError: ends out of order, or not finite.

    Examples:
        >>> import pinn
        >>> pinn.Uniform(0, 2).high
        2
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise DomainError(f"Uniform: needs finite low < high; got {self.low}, {self.high}.")

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        unit = torch.rand(count, generator=generator, dtype=torch.float64)
        return self.low + (self.high - self.low) * unit

    def standardised(self, values: Tensor) -> Tensor:
        return (2 * values - self.low - self.high) / (self.high - self.low)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]"


@dataclass(frozen=True)
class LogUniform:
    """Numbers whose logarithm is uniform between two positive ends.

    Args:
        low: lower end, > 0.
        high: upper end, > low.

    Raises:
        DomainError: ends out of order, not positive or not finite.

    Examples:
        >>> import pinn
        >>> pinn.LogUniform(0.005, 0.1).high
        0.1
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < math.inf:
            raise DomainError(
                f"LogUniform: needs finite 0 < low < high; got {self.low}, {self.high}."
            )

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        unit = torch.rand(count, generator=generator, dtype=torch.float64)
        return self.low * (self.high / self.low) ** unit

    def standardised(self, values: Tensor) -> Tensor:
        return 2 * (values / self.low).log() / math.log(self.high / self.low) - 1

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]"


class Choice:
    """Numbers of a finite set, equally probable.

    Args:
        values: the numbers.

    Raises:
        DomainError: no number, or one that is not finite.

    Examples:
        >>> import pinn
        >>> pinn.Choice((0.5, 1.0, 2.0)).values
        (0.5, 1.0, 2.0)
    """

    def __init__(self, values: Sequence[float]) -> None:
        self.values = tuple(float(value) for value in values)
        if not self.values or not all(map(math.isfinite, self.values)):
            raise DomainError(f"Choice: needs at least one finite number; got {values}.")

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        picked = torch.randint(len(self.values), (count,), generator=generator)
        return torch.tensor(self.values, dtype=torch.float64)[picked]

    def standardised(self, values: Tensor) -> Tensor:
        low, high = min(self.values), max(self.values)
        return (2 * values - low - high) / ((high - low) or 1.0)

    def holds(self, value: float) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return "{" + ", ".join(f"{value:g}" for value in self.values) + "}"


@dataclass(frozen=True)
class GaussianField:
    """Random functions of one coordinate: a Gaussian field as a trigonometric series.

    f(x) = mean + a_0 s_0 + sum_n s_n (a_n cos k_n x + b_n sin k_n x),   a, b ~ N(0, 1)
    s_n^2 proportional to (k_n^2 + length^-2)^-smoothness,   or exp(-k_n^2 length^2 / 2)

    Along a periodic coordinate k_n are its own waves. On an interval they are those of a period
    that is five lengths longer, and f is not periodic there.

    Args:
        length: over which the field varies, > 0, in units of the coordinate.
        std: standard deviation at a point, > 0.
        smoothness: power of the spectrum, > 1/2; infinite is the squared exponential covariance
            std^2 exp(-r^2 / (2 length^2)).
        mean: of the field.
        constant: whether the constant a_0 is drawn as well.
        waves: n at most.

    Raises:
        DomainError: a size out of range.

    Source: PI-DeepONet (Wang, Wang, Perdikaris 2021), N(0, 625 (-Laplace + 25)^-4), is length 0.2
        and smoothness 4; DeepXDE's GRF(length_scale) is the infinite smoothness.

    Examples:
        >>> import pinn
        >>> pinn.GaussianField(length=0.2, std=0.5, mean=1.0).mean
        1.0
    """

    length: float
    std: float = 1.0
    smoothness: float = math.inf
    mean: float = 0.0
    constant: bool = True
    waves: int = 16

    def __post_init__(self) -> None:
        positive = self.length > 0 and self.std > 0 and self.smoothness > 0.5
        if not (positive and self.waves >= 1 and math.isfinite(self.length * self.std)):
            raise DomainError(
                "GaussianField: needs length > 0, std > 0, smoothness > 0.5 and a wave; got "
                f"{self.length}, {self.std}, {self.smoothness} and {self.waves}."
            )

    def on(self, low: float, high: float, *, periodic: bool) -> BoundField:
        """The field on an interval.

        Raises:
            DomainError: the waves hold too little of the field; the sentence says how many would.
        """
        period = high - low if periodic else high - low + MARGIN * self.length
        many = Waves(low, period, 64 * self.waves, constant=True)
        variance = self._spectrum(many.numbers)
        if not self.constant:
            variance[0] = 0
        kept = variance[: self.waves + 1]
        left_out = 1 - kept.sum() / variance.sum()
        # Twice the waves of a power law hold 2^(2 smoothness - 1) times less in their tail.
        if math.isinf(self.smoothness) and left_out > MOST_LEFT_OUT:
            enough = int((variance.cumsum(0) / variance.sum() < 1 - MOST_LEFT_OUT).sum())
            raise DomainError(
                f"GaussianField: {self.waves} waves omit {float(left_out):.0e} of the variance "
                f"for a length of {self.length:g} on an interval of {high - low:g}; give "
                f"waves={enough}."
            )
        size = self.std * (kept / kept.sum()).sqrt()
        basis = Waves(low, period, self.waves, constant=self.constant)
        sizes = torch.cat([size if self.constant else size[1:], size[1:]])
        return BoundField(basis, sizes, self.mean, (low, high), periodic)

    def _spectrum(self, wavenumber: Tensor) -> Tensor:
        """Variance of each wave up to a factor; the constant has half, as it has no sine."""
        if math.isinf(self.smoothness):
            variance = torch.exp(-((wavenumber * self.length) ** 2) / 2)
        else:
            variance = (1 + (wavenumber * self.length) ** 2) ** -self.smoothness
        variance[0] /= 2
        return variance


@dataclass(frozen=True)
class BoundField:
    """A `GaussianField` on an interval: f = mean + basis (sizes * N(0, 1)).

    Attributes:
        basis: the waves.
        sizes: standard deviation of each coefficient, (k,).
        mean: of the field.
        interval: where it is drawn.
        periodic: whether the interval is its period.
    """

    basis: Waves
    sizes: Tensor
    mean: float
    interval: tuple[float, float]
    periodic: bool

    @property
    def std(self) -> float:
        """Standard deviation at a point, up to its variation along an interval."""
        count = self.basis.count
        return float(self.sizes[: len(self.sizes) - count].square().sum().sqrt())

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Coefficients (count, k), float64."""
        normal = torch.randn(count, len(self.sizes), generator=generator, dtype=torch.float64)
        return normal * self.sizes

    def values(self, coefficients: Tensor, places: Tensor, order: int = 0) -> Tensor:
        """The derivative of an order at places (q,): (b, q)."""
        found: Tensor = coefficients @ self.basis.matrix(places, order).mT
        return found + self.mean if order == 0 else found
