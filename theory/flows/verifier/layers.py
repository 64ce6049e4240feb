"""Errors that each layer adds: splitting, aliasing, and the reading of a rough start."""

from __future__ import annotations

import math
from dataclasses import dataclass

from theory.flows.verifier.claim import Claim
from theory.flows.verifier.enclosures import Balls, Rate
from theory.flows.verifier.numbers import Number

_OPENINGS = (0.005, 0.02, 0.05, 0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
_EXCESSES = (1.02, 1.1, 1.3, 1.6, 2.0, 3.0)
_GROWTHS = (1.01, 1.05, 1.2, 1.5, 2.0, 3.0)
_WAITS = 400


@dataclass(frozen=True)
class Range:
    """A range of values and bounds of f there.

    Args:
        lower, upper: the range.
        swing: sup f - inf f.
        slopes: bounds of f'.
        sizes: sup |f''|, |f'''|, |f''''|.
        mixed: sup |f''' f + f'' f'|.
    """

    lower: float
    upper: float
    swing: float
    slopes: tuple[float, float]
    sizes: tuple[float, float, float]
    mixed: float

    @property
    def growth(self) -> float:
        """The one-sided Lipschitz constant max(0, sup f')."""
        return max(0.0, self.slopes[1])

    @classmethod
    def of(cls, balls: Balls, f: Rate, lower: float, upper: float) -> Range:
        """All bounds of f over a range."""

        def size(order: int) -> float:
            return max(map(abs, f.bounds(balls, order, lower, upper)))

        low, high = f.bounds(balls, 0, lower, upper)
        swing = balls.up(balls.of(high) - balls.of(low))
        slopes = f.bounds(balls, 1, lower, upper)
        sizes = (size(2), size(3), size(4))
        return cls(lower, upper, swing, slopes, sizes, f.mixed(balls, lower, upper))


class LayerErrors:
    """Errors of single layers, each from the exact solution at its beginning."""

    def __init__(self, balls: Balls, claim: Claim, place: Range) -> None:
        self.balls, self.claim, self.place = balls, claim, place
        of = balls.of
        self.nu, self.h = of(claim.nu), of(claim.step)
        self.root = 1 / balls.sqrt(balls.pi * self.nu)
        self.variance = 2 * self.nu * self.h
        self.middle = (place.lower + place.upper) / 2
        self.half = of(max(place.upper - self.middle, self.middle - place.lower) * (1 + 2.0**-50))
        self.kappa = 2 * balls.pi * of(claim.tokens) / of(claim.length)
        self.wave = 2 * balls.pi * of(claim.waves or 0) / of(claim.length * claim.copies)
        self.settled = self._settled()
        self._strips = [s for s in self._continuations() if s is not None]
        self._saturated: dict[tuple[float, float], float] = {}

    def splitting(self, n: int) -> float:
        """The error of one Strang step from u(t_n): the integral of its defect."""
        second, third, fourth = self.place.sizes
        if second == 0:
            return 0.0
        balls, of, nu, h = self.balls, self.balls.of, self.nu, self.h
        slope, bend = self.slope(n), self.curvature(n)
        rho = balls.exp(of(self.place.growth) * h / 2)
        p1 = rho * slope
        grow = balls.exp(of(self.place.growth) * h) * nu
        first = balls.up(grow * h * h * of(second) * p1 * p1 * (1 + rho) / 4)
        if bend is None:
            return first
        p2 = rho * bend + rho * rho * h / 2 * of(second) * slope * slope
        inner = of(fourth) * p1 * p1 * p1 * p1 + 4 * of(third) * p1 * p1 * p2
        inner = nu / 4 * (inner + 2 * of(second) * p2 * p2)
        inner = inner + rho / 8 * of(self.place.mixed) * p1 * p1
        return min(first, balls.up(grow * h * h * h / 3 * inner))

    def slope(self, n: int) -> Number:
        """A bound of |u_x| up to t_n."""
        t = self.balls.of(n) * self.h
        return self.balls.of(min(self._rising(t), self.settled))

    def _rising(self, t: Number) -> float:
        balls, of = self.balls, self.balls.of
        start = of(self.claim.slope)
        exponential = balls.up(start * balls.exp(of(self.place.growth) * t))
        linear = start + of(self.place.swing) * balls.sqrt(t) * self.root
        return min(exponential, balls.up(linear))

    def _settled(self) -> float:
        """The least over s of the larger of: the rising bound at s, what holds after s."""
        balls, of, best = self.balls, self.balls.of, math.inf
        width = of(self.place.upper) - of(self.place.lower)
        for k in range(_WAITS):
            s = of(10 ** (-4 + 4 * k / (_WAITS - 1)) * float(self.claim.time))
            root = balls.sqrt(s)
            after = (width / (2 * root) + of(self.place.swing) * root) * self.root
            best = min(best, max(balls.up(after), self._rising(s)))
        return best

    def curvature(self, n: int) -> Number | None:
        """A bound of |u_xx| at t_n; None if there is none, at the start of one with kinks."""
        balls, of = self.balls, self.balls.of
        smooth = self.claim.waves is not None
        bend = of(self.claim.slope) * self.wave
        if n == 0:
            return bend if smooth else None
        low, high = self.place.slopes
        centre = (low + high) / 2
        width = max(high - centre, centre - low) * (1 + 2.0**-50)
        t, top = of(n) * self.h, self.slope(n)
        s = t if width == 0 or balls.up(t) * 2 * width <= 1 else of(1 / (2 * width))
        root = balls.sqrt(s)
        found = balls.up(
            top * self._swell(centre, s) * self.root * (1 / root + 2 * of(width) * root)
        )
        if smooth:
            kept = bend + 2 * of(width) * top * balls.sqrt(t) * self.root
            found = min(found, balls.up(self._swell(centre, t) * kept))
        return of(found)

    def _swell(self, rate: float, time: Number) -> Number:
        return self.balls.exp(self.balls.of(max(0.0, rate)) * time)

    def aliasing(self, n: int) -> float:
        """The part of the integral of R(u(t_n)) that the head misses, over 1 - theta > 1 / 1.01."""
        if n == 0:
            widths = [0.05 + (40 - 0.05) * k / 399 for k in range(400)]
            tries = [self._start_strip(width) for width in widths]
            missed = [self._missed(*strip) for strip in tries if strip is not None]
            return 1.01 * min(missed, default=math.inf)
        t, best = self.balls.of(n) * self.h, math.inf
        for theta, longest, size in self._strips:
            key, saturated = (theta, size), self.balls.numbers.lower(t) > longest
            if saturated and key in self._saturated:
                best = min(best, self._saturated[key])
                continue
            window = self.balls.of(longest) if saturated else t
            width = self.balls.sqrt(4 * self.balls.of(theta) * self.nu * window)
            found = self._missed(width, size)
            if saturated:
                self._saturated[key] = found
            best = min(best, found)
        return 1.01 * best

    def _continuations(self) -> list[tuple[float, float, float] | None]:
        """(theta, longest window, size after the half step) of all strips that are tried."""
        return [self._continuation(theta, e) for theta in _OPENINGS for e in _EXCESSES]

    def _continuation(self, theta: float, excess: float) -> tuple[float, float, float] | None:
        """The strip in which |U - m| <= e^theta (A + s F) and |Im U| <= e^theta (2 sqrt(theta / pi)
        A + s F), F the majorant where both are at most what e^theta s F = (excess - 1) A makes of
        them.
        """
        balls, of = self.balls, self.balls.of
        swell = balls.exp(of(theta))
        size = balls.up(of(excess) * swell * self.half)
        lift = 2 * balls.sqrt(of(theta) / balls.pi) + of(excess) - 1
        height = balls.up(swell * self.half * lift)
        force = self._force(size, height)
        room = of(size) / swell - self.half
        longest = math.inf
        if force > 0:
            longest = balls.numbers.lower(room / of(force)) * (1 - 1e-6) if force < math.inf else 0
        after = self._after(size, height)
        if longest <= 0 or after is None:
            return None
        return theta, longest, after

    def _force(self, size: float, height: float) -> float:
        """A bound of |f| over complex |z - m| <= size with |Im z| <= height."""
        if math.inf in (size, height):
            return math.inf
        of = self.balls.of
        return self.claim.f.majorant(self.balls, self.middle, of(size), of(height))

    def _after(self, size: float, height: float) -> float | None:
        """A bound of |R(z) - m| for complex |z - m| <= size with |Im z| <= height."""
        balls, of = self.balls, self.balls.of
        if self.claim.f.is_zero:
            return size
        for factor in _GROWTHS:
            guess = factor * size
            # A unit more than the float difference: the numbers may be infinite.
            force = self._force(guess, (height + (guess - size)) * (1 + 2.0**-50))
            if force < math.inf and balls.up(of(size) + self.h / 2 * of(force)) < guess:
                return guess
        return None

    def _start_strip(self, scaled: float) -> tuple[Number, float] | None:
        """The strip of a trigonometric polynomial, by Bernstein's inequality."""
        width, swell = self.balls.of(scaled) / self.wave, self.balls.exp(self.balls.of(scaled))
        size, height = self.balls.up(self.half * swell), self.balls.up(self.half * (swell - 1))
        after = self._after(size, height)
        return None if after is None else (width, after)

    def _missed(self, width: Number, size: float) -> float:
        """The bound 2 B e^{eta^2 / (2 v) - kappa eta} / (1 - e^{-kappa eta}) at the best eta <=
        width.
        """
        balls = self.balls
        best = balls.numbers.lower(self.kappa * self.variance)
        eta = balls.of(min(balls.numbers.lower(width), best))
        exponent = eta * eta / (2 * self.variance) - self.kappa * eta
        tail = 1 - balls.exp(-self.kappa * eta)
        if balls.numbers.lower(tail) <= 0:
            return math.inf
        return balls.up(2 * balls.of(size) * balls.exp(exponent) / tail)

    def normalisation(self, table: float) -> float:
        """The table's distance and the head's own sum, each times half the range."""
        theta = self._theta(self.kappa)
        if not theta < 1 / 200:
            return math.inf
        half = (self.place.upper - self.place.lower) / 2
        return 1.000001 * half * (table + theta / (1 - theta))

    def _theta(self, kappa: Number) -> float:
        decay = self.balls.exp(-kappa * kappa * self.variance / 2)
        tail = 1 - decay * decay
        return math.inf if self.balls.numbers.lower(tail) <= 0 else self.balls.up(2 * decay / tail)

    def reading(self) -> float:
        """The part of a start with kinks that the reading head misses."""
        balls, of, claim = self.balls, self.balls.of, self.claim
        d = of(claim.length / claim.sensors)
        slope = of(claim.slope) * balls.exp(of(self.place.growth) * self.h / 2)
        kappa = 2 * balls.pi / d
        decay = balls.exp(-kappa * kappa * self.variance / 2)
        sigma = balls.sqrt(self.variance)
        mass = d * d / 8 * balls.sqrt(of(2)) * (1 / sigma + d / (2 * self.variance))
        width = of(self.place.upper) - of(self.place.lower)
        lost = balls.exp(of(-81) / 2) * 2 + of(self._theta(kappa)) + of(self._logits())
        return balls.up(slope * (d / 4 * (1 + decay) + mass) + width * lost)

    def _logits(self) -> float:
        """The bound e^{4 x} - 1 for logits off by 32 units of (largest place)^2 / variance, and a
        little.
        """
        claim, variance = self.claim, self.balls.numbers.lower(self.variance)
        shift = abs(float(claim.drift * claim.step))
        reach = 9 * math.sqrt(variance) + 2 * shift + 2 * float(claim.length / claim.sensors)
        farthest = float(claim.length) / 2 + reach
        return math.expm1(4 * 32 * 2.0**-53 * farthest**2 / variance * 1.01) * 1.01
