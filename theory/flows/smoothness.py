"""Smoothness of solutions for every start of a class: slopes, curvatures, complex strips.

Everything follows from the maximum principle and from two norms of the heat kernel G of variance
2 nu s:  int |G_x| = 1 / sqrt(pi nu s)  and,
shifted by i a,  int |G(x + i a)| dx = e^{a^2 / (4 nu s)}.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theory.flows.rate import Rate
from theory.flows.starts import Starts
from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval, down, up

# Twice the angle that a strip's width opens with time, tried in turn: theta = a^2 / (4 nu s).
_OPENINGS = (0.005, 0.02, 0.05, 0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
# The continued solution may exceed what it would be without reaction by one of these factors.
_EXCESSES = (1.02, 1.1, 1.3, 1.6, 2.0, 3.0)

# Times tried after which the start is forgotten.
_WAITS = 400

PI = Interval(down(np.asarray(math.pi)), up(np.asarray(math.pi)))


@dataclass(frozen=True)
class Reaction:
    """Bounds of f and its derivatives on the range [lower, upper] that solutions stay in.

    Args:
        f: the reaction.
        lower, upper: an interval that no solution from the class of starts leaves.
    """

    f: Rate
    lower: float
    upper: float

    def oscillation(self) -> float:
        """The oscillation sup f - inf f."""
        low, high = self.f.range(self.lower, self.upper)
        return float(up(np.asarray(high - low)))

    def slope_range(self) -> tuple[float, float]:
        """Bounds of f'."""
        return self.f.derivative().range(self.lower, self.upper)

    @property
    def growth(self) -> float:
        """The one-sided Lipschitz constant max(0, sup f')."""
        return max(0.0, self.slope_range()[1])

    def size(self, order: int) -> float:
        """The size sup |f^(order)|."""
        return self.f.derivative(order).largest(self.lower, self.upper)

    def double_commutator(self) -> float:
        """The size sup |f''' f + f'' f'|."""
        return self.f.double_commutator(self.lower, self.upper)


def slopes(reaction: Reaction, starts: Starts, nu: Interval, times: Array) -> Array:
    """Bounds of sup |u_x| over [0, t] for each time t >= 0.

    |u_x(t)| <= M e^{L t},   |u_x(t)| <= M + osc f sqrt(t / (pi nu)),   and, for t >= s,
    |u_x(t)| <= (osc u / (2 sqrt s) + osc f sqrt s) / sqrt(pi nu)

    The second and third are Duhamel's formula: G_x is odd, so a range of width w gives at most w/2
    of its norm. The first two grow with t; the third holds for all times after s.
    """
    t, slope = Interval.point(times), Interval.point(starts.slope)
    root = (PI * nu).sqrt().reciprocal()
    rate = Interval.point(reaction.oscillation())
    exponential = slope * (Interval.point(reaction.growth) * t).exp()
    linear = slope + rate * t.sqrt() * root
    rising = np.minimum(exponential.upper, linear.upper)
    waits = np.geomspace(1e-4, 1.0, _WAITS) * times[-1]
    s = Interval.point(waits)
    width = Interval.point(reaction.upper) - Interval.point(reaction.lower)
    settled = (width * Interval.point(0.5) * s.sqrt().reciprocal() + rate * s.sqrt()) * root
    until = np.minimum(
        (slope * (Interval.point(reaction.growth) * s).exp()).upper,
        (slope + rate * s.sqrt() * root).upper,
    )
    # Up to a time s the rising bound holds, from s on the settled one; the best s is taken.
    return np.asarray(np.minimum(rising, np.maximum(settled.upper, until).min()))


def curvatures(
    reaction: Reaction, starts: Starts, nu: Interval, times: Array, steepest: Array, bend: float
) -> Array:
    """Bounds of sup |u_xx| at each time t > 0, given those of the slope up to it.

    w = u_x solves w_t = nu w_xx + f'(u) w. With c the middle of f' and D half its width,
    |u_xx(t)| <= M(t) max(1, e^{c s}) (1 / sqrt s + 2 D sqrt s) / sqrt(pi nu)   for s <= t,
    |u_xx(t)| <= e^{c t} u0_xx + 2 D M(t) max(1, e^{c t}) sqrt(t / (pi nu)).

    Args:
        bend: a bound of |u_xx| at t = 0, infinite for starts with kinks.
    """
    low, high = reaction.slope_range()
    centre = Interval.point((low + high) / 2)
    half = float(up(np.asarray(max(high - (low + high) / 2, (low + high) / 2 - low))))
    best = 1 / (2 * half) if half > 0 else math.inf
    window = Interval.point(np.minimum(times, best))
    root, top = (PI * nu).sqrt().reciprocal(), Interval.point(steepest)
    spread = Interval.point(2 * half)

    def swell(s: Interval) -> Interval:
        return (centre * s).exp().maximum(Interval.point(1.0))

    smoothed = top * swell(window) * root
    smoothed = smoothed * (window.sqrt().reciprocal() + spread * window.sqrt())
    if not math.isfinite(bend):
        return np.asarray(smoothed.upper)
    t = Interval.point(times)
    kept = swell(t) * (Interval.point(bend) + spread * top * t.sqrt() * root)
    return np.minimum(smoothed.upper, kept.upper)


@dataclass(frozen=True)
class Strips:
    """Strips |Im x| <= width into which the layers' values continue, with |value - m| <= size.

    Args:
        widths: for each time, one row; one column for each opening and excess that was tried.
        sizes: for each column, or for each row as well. Infinity says that nothing is known.
    """

    widths: Array
    sizes: Array

    def aliasing(self, spacing: Interval, variance: Interval) -> Array:
        """Bounds of the part of the integral that a Gaussian head misses, for each time.

        2 size e^{eta^2/(2 variance) - kappa eta} / (1 - e^{-kappa eta}),   kappa = 2 pi / spacing,
        at the best eta <= width: the trapezoid sum of a function that is analytic in a strip.
        """
        kappa = PI * Interval.point(2.0) * spacing.reciprocal()
        best = float((kappa * variance).lower)
        eta = Interval.point(np.minimum(self.widths, best))
        exponent = eta * eta * (variance * Interval.point(2.0)).reciprocal() - kappa * eta
        tail = Interval.point(1.0) - (-(kappa * eta)).exp()
        with np.errstate(invalid="ignore", divide="ignore"):
            found = Interval.point(2 * self.sizes) * exponent.exp() * tail.reciprocal()
        found_upper = np.where(tail.lower > 0, found.upper, np.inf)
        return np.asarray(np.nanmin(np.where(np.isnan(found_upper), np.inf, found_upper), axis=-1))


def solution_strips(reaction: Reaction, nu: Interval, times: Array, half_step: float) -> Strips:
    """Strips for flow_{half step}(u(t)) at each time t > 0, from the range of u alone.

    Over a window s <= t the continuation U(r) = u(x + i a r / s) obeys Duhamel's formula with a
    kernel of norm e^{theta r / s}, theta = a^2 / (4 nu s), and its imaginary part has a norm of at
    most e^theta 2 sqrt(theta / pi). So, with F a majorant of f where |U - m| <= B and |Im U| <= J,
    |U - m| <= e^theta (A + s F),   |Im U| <= e^theta (2 sqrt(theta / pi) A + s F)
    wherever B and J were not exceeded before: if the right sides are below them, they never are.
    The reaction's half step then needs B + h/2 F(B', J') <= B', J' = J + B' - B.

    Source: Grujic and Kukavica 1998, for the method.
    """
    middle, half = _middle(reaction)
    pairs = np.meshgrid(np.array(_OPENINGS), np.array(_EXCESSES), indexing="ij")
    theta, excess = (side.ravel() for side in pairs)
    swell = Interval.point(theta).exp().upper
    lift = (Interval.point(4 * theta) * PI.reciprocal()).sqrt().upper
    sizes = up(excess * swell * half)
    heights = swell * half * (lift + excess - 1) * (1 + 2.0**-45)
    force = reaction.f.majorant(middle, sizes, heights)
    # The strict inequality e^theta (A + s F) < B, with a millionth to spare.
    longest = (sizes / swell - half) / np.where(force > 0, force, 1.0) * (1 - 1e-6)
    longest = np.where(force > 0, np.maximum(longest, 0.0), np.inf)
    widths = [
        (Interval.point(4 * opening) * nu * Interval.point(np.minimum(times, window))).sqrt().lower
        for opening, window in zip(theta, longest, strict=True)
    ]
    grown = after_reaction(reaction.f, middle, sizes, heights, half_step)
    return Strips(np.stack(widths, -1), grown)


def start_strips(reaction: Reaction, starts: Starts, wave: Interval, half_step: float) -> Strips:
    """Strips at t = 0 for trigonometric polynomials.

    |u0(x + i a) - m| <= A e^{a K},   |Im u0(x + i a)| <= A (e^{a K} - 1)

    Args:
        wave: the largest angular wavenumber K, in radians per length.

    Source: Bernstein's inequality in a strip.
    """
    middle, half = _middle(reaction)
    assert starts.waves is not None, "only polynomials continue from t = 0"
    widths = np.linspace(0.05, 40.0, 400) / float(wave.upper)
    swell = (Interval.point(widths) * wave).exp()
    grown, raised = (Interval.point(half) * s for s in (swell, swell - Interval.point(1.0)))
    sizes = after_reaction(reaction.f, middle, grown.upper, raised.upper, half_step)
    return Strips(widths[None], sizes[None])


def after_reaction(f: Rate, middle: float, size: Array, height: Array, half_step: float) -> Array:
    """A bound of |flow(z) - m| over complex |z - m| <= size with |Im z| <= height; infinite where
    none is found.
    """
    found = np.full_like(size, np.inf)
    for factor in (3.0, 2.0, 1.5, 1.2, 1.05, 1.01):
        guess = up(factor * size)
        raised = up(height + up(guess - size))
        inside = up(size + up(half_step * f.majorant(middle, guess, raised))) < guess
        found = np.where(inside, guess, found)
    if f.is_zero:
        return size
    return found


def _middle(reaction: Reaction) -> tuple[float, float]:
    """The centre m of the range and a bound A of |u - m|."""
    middle = (reaction.lower + reaction.upper) / 2
    half = max(reaction.upper - middle, middle - reaction.lower)
    return middle, float(up(np.asarray(half)))


def bernstein(starts: Starts, wave: Interval) -> float:
    """A bound of |u0_xx|: slope times the largest wavenumber; infinite for starts with kinks."""
    if starts.waves is None:
        return math.inf
    return float((Interval.point(starts.slope) * wave).upper)
