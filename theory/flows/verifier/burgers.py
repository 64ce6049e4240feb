"""Derives the bound of a Burgers head anew, from its weights and the equation alone.

The head returns (x - <y>) / t under weights that want to be F(y) = exp(-(x - y)^2 / (4 nu t) -
P(y) / (2 nu)). Three things stand between it and the solution: trapezoid sums for integrals, keys
that end after some images, and rounding. Each is bounded below, for 0 <= x <= 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sciformer.errors import CertificateError
from theory.flows.record import BurgersRecord
from theory.flows.verifier.enclosures import Balls
from theory.flows.verifier.numbers import Number
from theory.universal.reading import Tensors

# Balls that the exact potential takes; python-flint computes about a million a second.
_MOST_PRODUCTS = 2**27
# Half-widths of the strip that are tried, from 1/30 to 66 spacings.
_STRIPS = 2000
_UNIT = Fraction(1, 2**53)
# Sums of some thousand roundings of 2^-53 are larger than their count by less than this factor.
_SECOND_ORDER = Fraction(101, 100)


@dataclass(frozen=True)
class BurgersClaim:
    """u_t + u u_x = nu u_xx with period 1, a class of starts, times, weights, and the bound.

    Args:
        nu, earliest, latest, size, slope: exact numbers; size bounds |u0|.
        waves: degree of the starts.
        sensors, tokens, images: sizes of the head.
        bound: what is claimed.
        tensors: the weights.
    """

    nu: Fraction
    earliest: Fraction
    latest: Fraction
    size: Fraction
    slope: Fraction
    waves: int
    sensors: int
    tokens: int
    images: int
    bound: float
    tensors: Tensors

    @property
    def keys(self) -> int:
        """Number of keys of a query."""
        return (2 * self.images + 1) * self.tokens

    @property
    def reach(self) -> int:
        """A bound of |y| over all keys, with what their rounding may add."""
        return self.images + 2


def of_record(record: BurgersRecord, tensors: Tensors) -> BurgersClaim:
    """The exact numbers of a record, which has been checked for form."""
    e, s, d = record.equation, record.starts, record.design
    assert s.waves is not None, "the record's form says so"
    return BurgersClaim(
        nu=Fraction(e.viscosity),
        earliest=Fraction(e.earliest),
        latest=Fraction(e.latest),
        size=max(abs(Fraction(s.lower)), abs(Fraction(s.upper))),
        slope=Fraction(s.slope),
        waves=s.waves,
        sensors=d.sensors,
        tokens=d.tokens,
        images=d.images,
        bound=record.bound,
        tensors=tensors,
    )


def derive(balls: Balls, claim: BurgersClaim) -> float:
    """The bound that follows from weights and equation.

    Raises:
        CertificateError: weights of another head, or sizes from which no bound follows.
    """
    _check_attention(balls, claim)
    size, apart = potential_distance(balls, claim)
    of, t = balls.of, balls.of(claim.earliest)
    # <|y - x|> of the exact weights: <(y - x)^2> = 2 nu t - t <u0 (y - x)>.
    spread = of(claim.size) * t + balls.sqrt(2 * of(claim.nu) * t)
    share, strip = aliasing(balls, claim, spread)
    kept = 1 - share
    summed = share * (2 * spread + strip) / kept
    spread = (spread + share * (spread + strip)) / kept
    mass, moment = truncation(balls, claim)
    mass, moment = mass / kept, moment / kept
    if balls.up(mass) >= 0.5:
        raise CertificateError("verify: the images do not hold the weights of the head.")
    cut = (moment + mass * spread) / (1 - mass)
    spread = (spread + moment) / (1 - mass)
    logits = logit_error(balls, claim, size, apart)
    unit = of(_UNIT * _SECOND_ORDER)
    many = of(2 * claim.keys + 8) * unit
    moved = (balls.exp(2 * logits + many) - 1) * spread
    # Sums over the keys, the rounding of y, and the last difference and quotient.
    rounding = moved + many * (1 + spread) + unit * of(claim.reach) + 4 * unit * spread
    return balls.up((summed + cut + rounding) / t)


def aliasing(balls: Balls, claim: BurgersClaim, spread: Number) -> tuple[Number, Number]:
    """The share of int F that sums over y = j / M miss, at most, and the strip that shows it.

    By Poisson's sum 2 sum_k e^{-2 pi M k eta} sup |F(y + i eta)| / F(y); in the strip P(y) rises
    over Re P(y + i eta) by at most eta^2 / 2 sup |u0'(y + i eta)| <= eta^2 / 2 M e^{2 pi K eta}.
    Of all strips the one with the least error is taken.

    Raises:
        CertificateError: too few tokens for any bound.
    """
    of, best, found = balls.of, math.inf, None
    kappa, wave = 2 * balls.pi * of(claim.tokens), 2 * balls.pi * of(claim.waves)
    for k in range(_STRIPS):
        eta = of(Fraction(0.033 * 2000 ** (k / (_STRIPS - 1))) / claim.tokens)
        # Beyond, e^{2 pi K eta} is not a float, and far too large.
        if balls.up(wave * eta) > 700:
            break
        rise = of(claim.slope) * balls.exp(wave * eta)
        growth = eta * eta / (4 * of(claim.nu)) * (1 / of(claim.earliest) + rise)
        exponent = growth - kappa * eta
        if balls.up(exponent) < 0:
            share = 2 * balls.exp(exponent) / (1 - balls.exp(-kappa * eta))
            error = balls.up(share * (2 * spread + eta))
            if balls.up(share) < 0.5 and error < best:
                best, found = error, (share, eta)
    if found is None:
        raise CertificateError("verify: too few tokens for the earliest time.")
    return found


def truncation(balls: Balls, claim: BurgersClaim) -> tuple[Number, Number]:
    """Weight of keys beyond the images over int F: their sums of 1 and of |x - y|.

    With r = |y - x| and |P(y) - P(x)| <= A r, F(y) / F(x) lies between exp(-r^2 / (4 nu t) -
    A r / (2 nu)) and exp(-r^2 / (4 nu t) + A r / (2 nu)); the latter falls by e^{-s d} a token
    from r = I on, s = (I - A t) / (2 nu t). Worst are the last time above, the first below.

    Raises:
        CertificateError: starts that travel farther than the images reach.
    """
    of, spacing = balls.of, balls.of(Fraction(1, claim.tokens))
    nu, size, far = claim.nu, claim.size, Fraction(claim.images)
    fall = (far - size * claim.latest) / (2 * nu * claim.latest)
    # r e^{-s r} falls from r = I on if s I >= 1.
    if fall * far < 1:
        raise CertificateError("verify: starts travel farther than the images reach.")
    first = balls.exp(of(size * far / (2 * nu) - far**2 / (4 * nu * claim.latest)))
    ratio = balls.exp(-of(fall) * spacing)
    mass = 2 * spacing * first / (1 - ratio)
    moment = mass * (of(far) + spacing * ratio / (1 - ratio))
    inside = 0.0
    for k in range(40):
        near = Fraction(2.0 ** (k / 2 - 18)) * 4 * nu / size
        depth = near**2 / (4 * nu * claim.earliest) + size * near / (2 * nu)
        inside = max(inside, balls.numbers.lower(2 * of(near) * balls.exp(-of(depth))))
    return mass / of(inside), moment / of(inside)


def potential_distance(balls: Balls, claim: BurgersClaim) -> tuple[Number, Number]:
    """Largest row sums of the stored potential's weights, and of their distance from exact ones.

    W_ji = sum_{0 < k < m/2} sin(2 pi k (j / M - i / m)) / (pi k m)

    Raises:
        CertificateError: more exact weights than can be computed.
    """
    stored, m, tokens = claim.tensors["potential.weight"], claim.sensors, claim.tokens
    shared = math.gcd(m, tokens)
    period = m * tokens // shared
    if period * (m // 2) > _MOST_PRODUCTS:
        raise CertificateError(
            f"verify: the exact weights of {m} sensors and {tokens} tokens are out of reach."
        )
    of, turn = balls.of, 2 * balls.pi / balls.of(period)
    sines = [balls.numbers.sin(turn * of(r)) for r in range(period)]
    scales = [1 / (balls.pi * of(k * m)) for k in range(1, (m - 1) // 2 + 1)]
    exact = [
        sum((s * sines[k * r % period] for k, s in enumerate(scales, 1)), of(0))
        for r in range(period)
    ]
    size = float(np.abs(stored).sum(1).max())
    apart = of(0)
    for j in range(tokens):
        gaps = [
            balls.size(of(float(w)) - exact[(j * m - i * tokens) // shared % period])
            for i, w in enumerate(stored[j])
        ]
        apart = balls.numbers.hull(apart, of(math.fsum(gaps)))
    # numpy's sums of m numbers and the exact rounding of fsum.
    slack = 1 + (m + 2) * _UNIT
    return of(Fraction(size) * slack), of(Fraction(balls.up(apart)) * slack)


def logit_error(balls: Balls, claim: BurgersClaim, weights: Number, apart: Number) -> Number:
    """Distance of a logit of the float64 pass from (2 x y - y^2) / (4 nu t) - P(y) / (2 nu).

    In units of 2^-53: y has X = images + 2, its square 3 X^2, P A (m + 6) (w + X), as many slopes
    for the rounding of the sensors' places, and A times the distance of its weights; w is their
    row sum. Products have 4 units from the query (two for the
    quotient, one for sqrt 3, one for the product), 3 from the scale 1 / sqrt 3, 3 from the sum;
    the difference to the largest logit doubles the sum's, and the exponential has 4.
    """
    of, x = balls.of, Fraction(claim.reach)
    quadratic = of((2 * x + x * x) / (4 * claim.nu * claim.earliest))
    rise = of(claim.size / (2 * claim.nu)) * (weights + of(x))
    place = of((2 * x + 3 * x * x) / (4 * claim.nu * claim.earliest))
    read = of(claim.slope / (2 * claim.nu)) * (weights + of(x))
    units = 12 * (quadratic + rise) + place + of(claim.sensors + 6) * rise + read + 4
    stored = of(claim.size / (2 * claim.nu)) * apart
    return of(_SECOND_ORDER) * (of(_UNIT) * units + stored)


def _check_attention(balls: Balls, claim: BurgersClaim) -> None:
    """Whether queries are scaled by sqrt 3 and keys, values and outputs are passed on."""
    query = claim.tensors["attention.query.weight"]
    root = balls.sqrt(balls.of(3))
    # The float next to sqrt 3 is within 2^-53 of it, which is less than a unit of its size.
    scaled = all(balls.size(balls.of(float(w)) - root) <= 2.0**-53 for w in np.diag(query))
    passed = all(
        np.array_equal(claim.tensors[f"attention.{part}.weight"], np.eye(3))
        for part in ("key", "value", "output")
    )
    if not (scaled and passed and not (query - np.diag(np.diag(query))).any()):
        raise CertificateError("verify: the attention is not the head of Cole and Hopf.")
