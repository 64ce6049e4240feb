"""Burgers' equation compiled: one head, with a bound for every start of a class, or for one start.

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

from sciformer.errors import ConvergenceError, DomainError
from theory.flows.cole_hopf import ColeHopfHead
from theory.flows.starts import Starts
from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval, down, up

_PI = Interval(down(np.asarray(math.pi)), up(np.asarray(math.pi)))
# Widths of the strip that are tried, in units of the spacing.
_WIDTHS = np.geomspace(0.05, 50.0, 400)
# What lies beyond the images weighs less than e^{-40} of the rest.
_BEYOND = 40.0
_MOST_TOKENS = 20_000

Rise = Callable[[Interval], Interval]
"""eta -> a bound of P(y) - Re P(y + i eta) over real y; eta^2 / 2 sup |u0'| in the strip is one."""
# Places at which the rise of one start is looked at; a slope bounds it between them.
_PLACES = 2048


@dataclass(frozen=True)
class Instant:
    """Where a bound is wanted: a viscosity, the earliest time, and the size of the start.

    Args:
        viscosity: nu.
        earliest: t0; the bound is least good there.
        latest: T, which the images must reach.
        size: A >= |u0|.
    """

    viscosity: float
    earliest: float
    latest: float
    size: float

    def __post_init__(self) -> None:
        if not (self.viscosity > 0 and 0 < self.earliest <= self.latest):
            raise DomainError(
                "burgers: viscosity must be > 0 and times 0 < earliest <= latest; got "
                f"{self.viscosity:g}, {self.earliest:g} and {self.latest:g}."
            )

    def images(self) -> int:
        """Periods on each side that hold all but e^{-40} of the weights until `latest`."""
        drift = self.size * self.latest
        spread = 4 * self.viscosity * self.latest * _BEYOND
        return 1 + math.ceil(drift + math.sqrt(spread + drift**2))


def aliasing_bound(instant: Instant, rise: Rise, tokens: int) -> float:
    """What the trapezoid sums of a head with this many tokens a period miss, in units of u."""
    nu, t = Interval.point(instant.viscosity), Interval.point(instant.earliest)
    two = (Interval.point(2.0) * nu).reciprocal()
    kappa = _PI * Interval.point(2.0 * tokens)
    eta = Interval.point(_WIDTHS / tokens)
    growth = two * (eta * eta * Interval.point(0.5) * t.reciprocal() + rise(eta))
    with np.errstate(over="ignore", invalid="ignore"):
        tail = Interval.point(1.0) - (-(kappa * eta)).exp()
        share = Interval.point(2.0) * (growth - kappa * eta).exp() * tail.reciprocal()
        spread = Interval.point(instant.size) * t + (Interval.point(2.0) * nu * t).sqrt()
        moved = share * (spread + spread + eta)
        found = moved * t.reciprocal() * (Interval.point(1.0) - share).reciprocal()
    usable = (share.upper < 0.5) & np.isfinite(found.upper)
    return float(found.upper[usable].min(initial=math.inf))


def rounding_bound(instant: Instant, head: ColeHopfHead) -> float:
    """A bound of the float64 forward pass, and of what the images leave out.

    Logits are sums of three products of size X^2 / (2 nu t), X^2 / (4 nu t) and |P| / (2 nu), each
    rounded by 8 units; P by as many units as there are sensors. Weights off by a share e move the
    mean of y by 2 e D; the sums over m keys add m units of X.
    """
    nu, t, size = instant.viscosity, instant.earliest, instant.size
    unit, reach = 2.0**-53, head.images + 1.0
    keys = (2 * head.images + 1) * head.potential.out_features
    products = 8 * (3 * reach**2 / (4 * nu * t) + size * reach / (2 * nu))
    potential = 2 * head.sensors * size * reach / (2 * nu)
    share = math.expm1(2 * unit * (products + potential + keys))
    spread = size * t + math.sqrt(2 * nu * t)
    lost = 64 * math.exp(-_BEYOND) * (1 + reach) * (1 + size / nu)
    total = (2 * share * spread + 2 * keys * unit * reach + lost) / t
    # A hundred float operations on numbers >= 0.
    return total * (1 + 1e-12)


def rise_of_class(starts: Starts) -> Rise:
    """eta^2 / 2 M e^{2 pi K eta}, for polynomials of degree K (Bernstein in a strip)."""
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


@dataclass(frozen=True)
class CompiledBurgers:
    """One cross-attention head and the bound of its error.

    Args:
        module: maps readings, viscosity and points (x, t) to the solution.
        instant: viscosity and times.
        starts: the class.
        epsilon: what was asked for.
        bound: proven for every start, every x, and every t from `earliest` to `latest`.
    """

    module: ColeHopfHead
    instant: Instant
    starts: Starts
    epsilon: float
    bound: float


def compile_burgers(
    starts: Starts,
    epsilon: float,
    *,
    viscosity: float = 0.01,
    earliest: float = 0.1,
    latest: float = 1.0,
) -> CompiledBurgers:
    """One softmax head that solves u_t + u u_x = nu u_xx with period 1, with a proven error.

    Args:
        starts: a class with a bound on the waves.
        epsilon: > 0.
        viscosity: nu.
        earliest: the first time at which the solution is asked for.
        latest: the last.

    Raises:
        DomainError: a class without `waves`, or numbers out of range.
        ConvergenceError: more tokens would be needed than fit.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise DomainError(f"compile_burgers: epsilon must be finite and > 0; got {epsilon:g}.")
    rise = rise_of_class(starts)
    assert starts.waves is not None, "`rise_of_class` refuses other classes"
    size = max(abs(starts.lower), abs(starts.upper))
    instant = Instant(viscosity, earliest, latest, size)
    tokens = 2 * starts.waves + 1
    while tokens <= _MOST_TOKENS:
        missed = aliasing_bound(instant, rise, tokens)
        if missed <= epsilon / 2:
            head = ColeHopfHead(2 * starts.waves + 1, tokens, instant.images())
            bound = (missed + rounding_bound(instant, head)) * (1 + 1e-12)
            if bound <= epsilon:
                return CompiledBurgers(head, instant, starts, epsilon, bound)
            break
        tokens = math.ceil(1.1 * tokens)
    raise ConvergenceError(
        f"compile_burgers: {epsilon:g} is out of reach of float64 or of {_MOST_TOKENS} tokens; "
        "raise epsilon, the viscosity or the earliest time, or narrow the class."
    )
