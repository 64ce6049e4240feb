"""Maps computed by the weights of a compiled flow: block, table of the head, and the head that
reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sciformer.errors import CertificateError
from theory.flows.verifier.claim import Claim
from theory.flows.verifier.enclosures import (
    Balls,
    flow,
    picard,
    steps_of,
)
from theory.flows.verifier.numbers import Number
from theory.universal.arrays import Array

_UNIT = 2.0**-53
_ROUND_UP = 1 + 2.0**-48
# Sums of a few thousand slope changes round to less than this.
_FLAT = 2.0**-30
# The cells between all knots in so many parts, and their inclusions put so often into their own
# right sides: then the bounds of f' and f'' are no wider than the compiler's.
_PARTS, _LEAST_PARTS, _SHARPENED = 1024, 4, 2


@dataclass(frozen=True)
class Block:
    """A monotone piecewise linear map and its distance from the reaction's flow.

    Args:
        knots: where the slope changes, increasing; the map is constant before the first.
        values: there.
        slopes: of the pieces between them.
        tail: a bound of the slope after the last knot.
        error: sup over the knots' range of |map - flow|, with what the tail adds beyond.
        rounding: of the float64 pass, for tokens of the network.
    """

    knots: Array
    values: Array
    slopes: Array
    tail: float
    error: float
    rounding: float

    def steepest(self, lower: float, upper: float) -> float:
        """The largest slope of the pieces that meet an interval."""
        meets = (self.knots[:-1] <= upper) & (self.knots[1:] >= lower)
        return max(self.tail, float(self.slopes[meets].max(initial=0.0)))

    def move(self, value: float, outward: float) -> float:
        """The map at a value, rounded outward (+1 up, -1 down)."""
        found = float(np.interp(value, self.knots, self.values))
        slack = 2.0**-47 * (abs(value) + float(np.abs(self.values).max()))
        beyond = max(0.0, value - float(self.knots[-1]))
        return found + outward * (slack + self.tail * beyond * _ROUND_UP)


def read_block(balls: Balls, claim: Claim, lower: float, upper: float) -> Block:
    """The block's exact values by rational arithmetic, its error by the flow in balls.

    Raises:
        CertificateError: weights of another form, not monotone, knots that miss the range, or too
            many of them for so fast a reaction.
    """
    t = claim.tensors
    hidden, bias = t["reaction.layers.0.weight"], t["reaction.layers.0.bias"]
    knots, changes = -bias.astype(float), t["reaction.layers.2.weight"][0]
    rises = bool((np.diff(knots) > 0).all()) and len(knots) >= 2
    if not (bool((hidden == 1).all()) and rises and knots[0] <= lower and knots[-1] >= upper):
        raise CertificateError(
            "verify: the block is not an interpolation over the range of tokens."
        )
    exact = [Fraction(float(k)) for k in knots]
    value, slope = Fraction(float(t["reaction.layers.2.bias"][0])), Fraction(0)
    values, slopes = [value], []
    for k in range(len(knots) - 1):
        slope += Fraction(float(changes[k]))
        slopes.append(slope)
        value += slope * (exact[k + 1] - exact[k])
        values.append(value)
    if min(slopes) < 0:
        raise CertificateError("verify: the block decreases somewhere.")
    # Errors carry tokens beyond the last knot, where nothing compares the block with the flow.
    tail = abs(slope + Fraction(float(changes[-1])))
    if tail > _FLAT:
        raise CertificateError("verify: the block is not constant after its last knot.")
    half, error = claim.step / 2, 0.0
    parts = max(_LEAST_PARTS, _PARTS // len(knots))
    rate = max(map(abs, claim.f.bounds(balls, 1, float(knots[0]), float(knots[-1]))))
    steps_of(claim.f, half, rate, len(knots))
    gaps: list[float] = []
    for knot, value in zip(exact, values, strict=True):
        end = flow(balls, claim.f, balls.of(knot), half, rate)
        gaps.append(balls.size(balls.of(value) - end))
        _require_hope(claim, gaps[-1])
    for k in range(len(knots) - 1):
        sag = _sag(balls, claim, (float(knots[k]), float(knots[k + 1])), half, parts)
        error = max(error, (max(gaps[k], gaps[k + 1]) + sag) * _ROUND_UP)
        _require_hope(claim, error)
    # Tokens are means of starts and of values of the block.
    last = max(float(knots[-1]), float(values[-1]), claim.upper)
    beyond = 1.01 * (last - float(knots[-1]))
    size = abs(float(values[0])) + float(np.abs(changes).sum()) * (last - float(knots[0]))
    return Block(
        knots=knots,
        values=np.array([float(v) for v in values]),
        slopes=np.array([float(s) for s in slopes]) * _ROUND_UP,
        tail=float(tail) * _ROUND_UP,
        error=(error + float(tail) * beyond) * _ROUND_UP,
        rounding=1.02 * (len(knots) + 4) * _UNIT * size,
    )


def _require_hope(claim: Claim, error: float) -> None:
    """A block whose error alone exceeds the claim need not be looked at further."""
    if not error <= claim.bound:
        raise CertificateError(
            f"verify: the weights prove a bound of {error:.6g} for the block alone, not the "
            f"claimed {claim.bound:.6g}; compile again."
        )


def _sag(
    balls: Balls, claim: Claim, between: tuple[float, float], time: Fraction, parts: int
) -> float:
    """The bound w^2 / 8 rho^2 t sup |f''| of how far the flow bends between two knots."""
    if claim.f.is_affine:
        return 0.0
    (left, right), t = between, balls.of(time)
    cell = balls.numbers.between(left, right)
    around = picard(balls, claim.f, cell, t)
    ends = balls.numbers.lower(around), balls.up(around)
    for _ in range(_SHARPENED):
        slowest, fastest = claim.f.bounds(balls, 0, *ends, parts)
        # By ends: the product of balls [0, t] [0, s] would reach below 0.
        down = min(0.0, balls.numbers.lower(t * balls.of(slowest)))
        up = max(0.0, balls.up(t * balls.of(fastest)))
        ends = (
            balls.numbers.lower(balls.of(left) + balls.of(down)),
            balls.up(balls.of(right) + balls.of(up)),
        )
    rate = max(0.0, claim.f.bounds(balls, 1, *ends, parts)[1])
    width = balls.of(right) - balls.of(left)
    bend = balls.of(max(map(abs, claim.f.bounds(balls, 2, *ends, parts))))
    return balls.up(width * width * balls.exp(balls.of(2 * rate) * t) * t * bend / balls.of(8))


def table_distance(balls: Balls, claim: Claim) -> float:
    """sum |w~ - w| between the head's weights and those of the Gaussian on the ring.

    Raises:
        CertificateError: attention whose logits are not a table of the ring's offsets alone.
    """
    t, ring = claim.tensors, claim.tokens * claim.copies
    name = "attention.attention."
    table = t[name + "position.table"]
    plain = all(not t[name + part].any() for part in ("query.weight", "key.weight"))
    plain = plain and all((t[name + part] == 1).all() for part in ("value.weight", "output.weight"))
    if not plain or table.shape != (1, 2 * ring - 1):
        raise CertificateError("verify: the attention is not one head with a relative table.")
    logits = table[0, ring - 1 :]
    if not np.array_equal(table[0, : ring - 1], logits[1:]):
        raise CertificateError("verify: the table does not close to a ring.")
    top = float(logits.max())
    found = [balls.exp(balls.of(float(v)) - balls.of(top)) for v in logits]
    wanted = [_gaussian(balls, claim, o, ring) for o in range(ring)]
    sums = [_sum(balls, part) for part in (found, wanted)]
    gaps = [balls.size(a / sums[0] - b / sums[1]) for a, b in zip(found, wanted, strict=True)]
    return math.fsum(gaps) * _ROUND_UP


def _gaussian(balls: Balls, claim: Claim, offset: int, ring: int) -> Number:
    """The sum sum_s exp(-(o d + c h + s P)^2 / (2 v)), images that are exactly 0 in float64 as
    well.
    """
    spacing, shift = claim.length / claim.tokens, claim.drift * claim.step
    period, double = spacing * ring, 4 * claim.nu * claim.step
    reach = 1 + math.ceil(math.sqrt(float(double) * 800) / float(period))
    place = offset * spacing + shift
    nearest = round(place / period)
    terms = []
    for s in range(-reach - nearest, reach - nearest + 1):
        exponent = (place + s * period) ** 2 / double
        # exp(-800) is below 1e-347; a thousand such terms change no bound.
        if exponent < 800:
            terms.append(balls.exp(balls.of(-exponent)))
    return _sum(balls, terms)


def _sum(balls: Balls, terms: list[Number]) -> Number:
    total = balls.of(0)
    for term in terms:
        total = total + term
    return total


def check_reading_head(claim: Claim) -> int:
    """Compares places and scales of the reading head with the exact ones; its number of keys.

    Raises:
        CertificateError: a place, scale or index that is not that of the kernel.
    """
    t, d = claim.tensors, float(claim.length / claim.sensors)
    variance = float(2 * claim.nu * claim.step)
    index, sources, places = t["reading.index"], t["reading.sources"], t["reading.places"]
    keys = len(index)
    middle = float(claim.length / 2)
    shift = float(claim.drift * claim.step)
    beyond = (keys - claim.sensors) // 2
    steps = np.arange(-beyond, claim.sensors + beyond)
    y = (steps + float(claim.offset)) * d - middle
    x = (np.arange(claim.tokens) + float(claim.offset)) * float(claim.length / claim.tokens)
    x = x - middle - shift
    farthest = float(np.abs(y).max()) + abs(shift)
    scales = np.array([1 / variance, -1 / (2 * variance)])
    name = "reading.attention."
    stored = t[name + "query.weight"] / math.sqrt(2)
    value = np.zeros((2, 3))
    value[0, 2] = 1
    if keys != len(steps):
        raise CertificateError("verify: the reading head does not have the keys of a kernel.")
    good = [
        np.array_equal(index, steps % (claim.sensors * claim.copies)),
        np.abs(sources[:, 0] - y).max() <= 8 * _UNIT * farthest,
        np.abs(sources[:, 1] - sources[:, 0] ** 2).max() <= 2 * _UNIT * farthest**2,
        np.abs(places[:, 0] - x).max() <= 8 * _UNIT * farthest,
        bool((places[:, 1] == 1).all()),
        np.abs(stored - np.diag(scales)).max() <= 12 * _UNIT * scales[0],
        stored[0, 1] == stored[1, 0] == 0,
        abs(stored[1, 1] - scales[1]) <= 12 * _UNIT * abs(scales[1]),
        np.array_equal(t[name + "key.weight"], np.eye(2, 3)),
        np.array_equal(t[name + "value.weight"], value),
        np.array_equal(t[name + "output.weight"], np.eye(2)),
        beyond * d >= 9 * math.sqrt(variance) + abs(shift),
    ]
    if not all(good):
        raise CertificateError("verify: the reading head is not the kernel of the first step.")
    return keys
