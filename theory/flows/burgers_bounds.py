"""Bounds of the Burgers head's error: trapezoid sums, images that end, rounding.

With F(y) = exp(-(x - y)^2 / (4 nu t) - P(y) / (2 nu)) and the strip |Im y| <= eta,

    |F(y + i eta)| <= F(y) exp(eta^2 / (4 nu t) + R(eta) / (2 nu)),   R >= P(y) - Re P(y + i eta)

so the trapezoid sums of F and (x - y) F with spacing d are off by a share delta of int F, and
D = <|x - y|> <= A t + sqrt(2 nu t) turns both into an error of u. The bound of D is an identity:
int d/dy((y - x) F) = 0 says <(y - x)^2> + t <u0 (y - x)> = 2 nu t.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sciformer.errors import DomainError
from theory.flows.cole_hopf import ColeHopfHead
from theory.flows.starts import Starts
from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval, down, up

_PI = Interval(down(np.asarray(math.pi)), up(np.asarray(math.pi)))
# Widths of the strip that are tried, in units of the spacing.
_WIDTHS = np.geomspace(0.05, 50.0, 2000)
# What lies beyond the images weighs less than e^{-40} of the rest.
_BEYOND = 40.0
# The unit roundoff of float64, to nearest.
_UNIT = 2.0**-53
# Each bound below is computed by fewer than a thousand float operations on numbers >= 0.
_FLOATS = 1 + 1e-12

Rise = Callable[[Interval], Interval]
"""eta -> a bound of P(y) - Re P(y + i eta) over real y; eta^2 / 2 sup |u0'| in the strip is one."""
# Places at which the rise of one start is looked at; a slope bounds it between them.
_PLACES = 2048


@dataclass(frozen=True)
class Instant:
    """Arguments of a bound: a viscosity, times, and the size of the start; 0 <= x <= 1.

    Args:
        viscosity: nu.
        earliest: t0; the bound is least good there.
        latest: T, which the images must reach.
        size: A >= |u0|.
        slope: M >= |u0'|; it bounds what the rounding of the sensors' places does.
    """

    viscosity: float
    earliest: float
    latest: float
    size: float
    slope: float

    def __post_init__(self) -> None:
        numbers = (self.viscosity, self.earliest, self.latest, self.size, self.slope)
        ordered = self.viscosity > 0 and 0 < self.earliest <= self.latest
        if not (all(map(math.isfinite, numbers)) and ordered and self.size > 0):
            raise DomainError(
                "burgers: viscosity must be > 0, times 0 < earliest <= latest, the start not 0, "
                f"and all of them finite; got {self.viscosity:g}, {self.earliest:g}, "
                f"{self.latest:g} and {self.size:g}."
            )

    @property
    def spread(self) -> float:
        """A bound D of <|x - y|> at the earliest time; D / t falls."""
        drift = self.size * self.earliest
        return (drift + math.sqrt(2 * self.viscosity * self.earliest)) * _FLOATS

    def images(self) -> int:
        """Periods on each side that hold all but e^{-40} of the weights until `latest`."""
        drift = self.size * self.latest
        spread = 4 * self.viscosity * self.latest * _BEYOND
        return 1 + math.ceil(drift + math.sqrt(spread + drift**2))


@dataclass(frozen=True)
class Aliasing:
    """Error of trapezoid sums.

    Args:
        share: of int F, at most.
        strip: its half-width.
        bound: in units of u.
        spread: a bound of <|x - y|> under the sums' weights.
    """

    share: float
    strip: float
    bound: float
    spread: float


def aliasing(instant: Instant, rise: Rise, tokens: int) -> Aliasing | None:
    """Bound of the error of a head with so many tokens per period; None where no bound follows."""
    nu, t = Interval.point(instant.viscosity), Interval.point(instant.earliest)
    two = (Interval.point(2.0) * nu).reciprocal()
    kappa = _PI * Interval.point(2.0 * tokens)
    eta = Interval.point(_WIDTHS / tokens)
    growth = two * (eta * eta * Interval.point(0.5) * t.reciprocal() + rise(eta))
    with np.errstate(over="ignore", invalid="ignore"):
        tail = Interval.point(1.0) - (-(kappa * eta)).exp()
        share = Interval.point(2.0) * (growth - kappa * eta).exp() * tail.reciprocal()
        spread = Interval.point(instant.spread)
        kept = (Interval.point(1.0) - share).reciprocal()
        bound = share * (spread + spread + eta) * t.reciprocal() * kept
        summed = (spread + share * (spread + eta)) * kept
    usable = (share.upper < 0.5) & np.isfinite(bound.upper)
    if not usable.any():
        return None
    best = int(np.argmin(np.where(usable, bound.upper, np.inf)))
    found = (share.upper, eta.upper, bound.upper, summed.upper)
    return Aliasing(*(float(part[best]) for part in found))


def truncation_bound(instant: Instant, tokens: int, spread: float) -> tuple[float, float]:
    """Bound of what keys beyond the images would add to u, and to the spread.

    |P(y) - P(x)| <= A r with r = |y - x|, so weights fall by e^{-s / tokens} a key from r = I on,
    s = (I - A T) / (2 nu T), and int F >= 2 q exp(-q^2 / (4 nu t0) - A q / (2 nu)) F(x).
    """
    nu, size, far = instant.viscosity, instant.size, float(instant.images())
    fall = (far - size * instant.latest) / (2 * nu * instant.latest)
    assert fall * far >= 1, "`Instant.images` reaches this far"
    gap = -math.expm1(-fall / tokens)
    first = math.exp(size * far / (2 * nu) - far**2 / (4 * nu * instant.latest))
    near = min(2 * nu / size, math.sqrt(2 * nu * instant.earliest))
    inside = 2 * near * math.exp(-(near**2) / (4 * nu * instant.earliest) - size * near / (2 * nu))
    # Trapezoid sums hold half of int F at least.
    mass = 4 * first / (gap * tokens * inside)
    moment = mass * (far + (1 - gap) / (gap * tokens))
    if not mass < 0.5:
        raise DomainError(
            f"burgers: {instant.earliest:g} is too early for images that reach until "
            f"{instant.latest:g}; compile the two times apart."
        )
    # Exponents are differences of numbers of a few hundred, in which floats keep 12 digits.
    return 2.1 * (moment + mass * spread) / instant.earliest, 2.1 * moment


def rounding_bound(instant: Instant, head: ColeHopfHead, spread: float) -> float:
    """A bound of the float64 forward pass, in units of u.

    Logits are sums of three products of sizes X^2 / (4 nu t), 2 X / (4 nu t) and |P| / (2 nu), X a
    bound of |y| and |P| <= A (w + X), w the row sums of the potential's weights. Each product has
    ten roundings, the difference to the largest logit two more, the exponential four; y has X, its
    square 3 X^2, P as many as there are sensors. Weights off by a share e move the mean by e D.

    Args:
        instant: where.
        head: whose weights are measured.
        spread: D under the head's weights.
    """
    nu, t, size = instant.viscosity, instant.earliest, instant.size
    reach, keys = head.images + 2.0, (2 * head.images + 1) * head.potential.out_features
    weights, apart = potential_distance(head)
    rise, quadratic = (weights + reach) / (2 * nu), (2 * reach + reach**2) / (4 * nu * t)
    place = (2 * reach + 3 * reach**2) / (4 * nu * t)
    units = 12 * quadratic + place + 4 + ((head.sensors + 18) * size + instant.slope) * rise
    logits = 1.01 * (_UNIT * units + size * apart / (2 * nu))
    many = 1.01 * _UNIT * (2 * keys + 8)
    moved = math.expm1(2 * logits + many) * spread
    sums = many * (1 + spread) + 1.01 * _UNIT * (reach + 4 * spread)
    return (moved + sums) / t * _FLOATS


def potential_distance(head: ColeHopfHead) -> tuple[float, float]:
    """Largest row sums of the potential's weights, and of their distance from exact ones.

    W_ji = sum_{0 < k < m/2} sin(2 pi k (j / M - i / m)) / (pi k m), sines from 120 bits
    """
    import mpmath

    tokens, m = head.potential.out_features, head.sensors
    shared = math.gcd(m, tokens)
    period = m * tokens // shared
    with mpmath.mp.workprec(120):
        turn = 2 * mpmath.mp.pi / period
        sines = np.array([float(mpmath.mp.sin(turn * r)) for r in range(period)])
    j, i = np.arange(tokens)[:, None], np.arange(m)
    residue = (j * m - i * tokens) // shared % period
    k = np.arange(1, (m - 1) // 2 + 1)
    exact = np.zeros((tokens, m))
    for wave in k:
        exact += sines[wave * residue % period] / (math.pi * wave * m)
    stored = head.potential.weight.detach().numpy()
    # Each term has six roundings, each sum of k terms k more of its size.
    lost = m * (len(k) + 6) * _UNIT * float((1 / (math.pi * k * m)).sum())
    apart = float(np.abs(stored - exact).sum(1).max()) * (1 + m * _UNIT) + lost
    return float(np.abs(stored).sum(1).max()) * (1 + (m + 2) * _UNIT), apart * _FLOATS


def rise_of_class(starts: Starts) -> Rise:
    """The bound eta^2 / 2 M e^{2 pi K eta}, for polynomials of degree K (Bernstein in a strip)."""
    if starts.waves is None:
        raise DomainError(
            "burgers-periodic: the bound needs starts of finitely many waves, as the head sums an "
            "analytic function; say for example 'waves<=8'."
        )
    wave, half = _PI * Interval.point(2.0 * starts.waves), Interval.point(starts.slope / 2)
    return lambda eta: eta * eta * half * (wave * eta).exp()


def rise_of_start(cosine: Array, sine: Array) -> Rise:
    """sup over y of sum_k p_k(y) (1 - cosh(2 pi k eta)), p_k the waves of the potential.

    Args:
        cosine, sine: coefficients of u0 for k = 1, 2, ..., shape (waves,).
    """
    k = np.arange(1, len(cosine) + 1)
    y = np.arange(_PLACES) / _PLACES
    angle = 2 * math.pi * k * y[:, None]
    potential = (cosine * np.sin(angle) - sine * np.cos(angle)) / (2 * math.pi * k)
    sizes = np.hypot(cosine, sine)

    def rise(eta: Interval) -> Interval:
        grown = np.cosh(2 * math.pi * k[:, None] * eta.upper) - 1
        top = (-potential @ grown).max(0)
        # From a place to the middle of two: at most half their distance times the slope.
        between = sizes @ grown / (2 * _PLACES)
        # A few hundred float operations, each within 2^-52 of terms of this size.
        rounding = 1e-12 * ((sizes / k) @ (grown + 1))
        return Interval.point(np.maximum(top, 0.0) + between + rounding)

    return rise
