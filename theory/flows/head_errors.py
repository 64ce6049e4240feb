"""Bounds of the distance of a head's weights from its kernel's, and of the error of reading a rough
start.
"""

from __future__ import annotations

import math

import numpy as np

from sciformer.attention import RelativeTable
from theory.flows.design import Design, half_step, step_of
from theory.flows.equation import ReactionDiffusion
from theory.flows.heads import KernelAttention
from theory.flows.polynomial import enclose
from theory.flows.reading import REACH
from theory.flows.smoothness import PI, Reaction
from theory.flows.starts import Starts
from theory.universal.enclosure.intervals import Interval, up

# exp(-746) is 0 in float64: the least positive number is 2^-1074 = exp(-744.4).
_NEGLIGIBLE = 746.0


def gaussian_head_error(
    equation: ReactionDiffusion, reaction: Reaction, design: Design, attention: KernelAttention
) -> float:
    """A bound of what the head's table and its normalisation add to the trapezoid sum.

    Infinite for a table that belongs to no ring, or a kernel so narrow that it sticks
    (theta >= 1/200).

    (range / 2) (sum_j |w~_j - w_j| + theta / (1 - theta)),   d sum_j G(x - y_j) = 1 +- theta
    """
    line, step = design.line(equation), step_of(equation, design.depth)
    position = attention.attention.position
    assert isinstance(position, RelativeTable), "a head of `heat_head`"
    whole = np.asarray(position.table[0], dtype=np.float64)
    table = whole[line.ring - 1 :]
    if not np.array_equal(whole[: line.ring - 1], table[1:]):
        return math.inf
    exact = gaussian_log_weights(
        line.ring,
        enclose(equation.length / design.tokens),
        Interval.point(2.0) * enclose(equation.diffusivity) * enclose(step),
        enclose(equation.drift * step),
    )
    off = Interval.point(table) - exact
    # A common constant cancels in the softmax; that of the nearest token is taken.
    top = int(table.argmax())
    deviation = (off - Interval(off.lower[top], off.upper[top])).magnitude
    weights = np.exp(table - table[top])
    weights = weights / weights.sum() * (1 + 1e-9)
    swell = np.expm1(np.minimum(deviation, 700.0)) * (1 + 1e-9)
    first = float((weights * swell).sum())
    second = float((weights * np.exp(np.minimum(deviation, 700.0)) * swell).sum()) / (1 - first)
    variation = (1 + second) ** 2 - 1
    theta = _theta(enclose(equation.length / design.tokens), equation, design)
    if not theta < 1 / 200:
        return math.inf
    half = (reaction.upper - reaction.lower) / 2
    return float(up(np.asarray(half * (variation + theta / (1 - theta)) * (1 + 1e-9))))


def gaussian_log_weights(
    ring: int, spacing: Interval, variance: Interval, shift: Interval
) -> Interval:
    """log sum_s exp(-(o d + shift + s n d)^2 / (2 variance)) for all offsets o."""
    offsets = np.arange(ring, dtype=np.float64)
    period = float(spacing.upper) * ring
    # Images farther than the nearest by this have exponentials that are 0.
    reach = 1 + math.ceil(math.sqrt(2 * float(variance.upper) * _NEGLIGIBLE) / period)
    nearest = np.round(offsets / ring + float(shift.upper) / period)
    images = np.arange(-reach, reach + 1)
    steps = Interval.point(offsets[:, None] + (images[None] - nearest[:, None]) * ring)
    distance = steps * spacing + shift
    exponent = -(distance * distance) * (variance * Interval.point(2.0)).reciprocal()
    top = exponent.upper.max(-1, keepdims=True)
    terms = (exponent - Interval.point(top)).exp()
    count = len(images)
    # A sum of positive terms is rounded by at most `count` units.
    total = Interval(
        terms.lower.sum(-1) * (1 - count * 2.0**-52), terms.upper.sum(-1) * (1 + count * 2.0**-52)
    )
    return total.log() + Interval.point(top[:, 0])


def _theta(spacing: Interval, equation: ReactionDiffusion, design: Design) -> float:
    """The number theta = 2 e^{-kappa^2 variance / 2} / (1 - e^{-kappa^2 variance}), kappa = 2 pi /
    d.
    """
    step = enclose(step_of(equation, design.depth))
    variance = Interval.point(2.0) * enclose(equation.diffusivity) * step
    kappa = PI * Interval.point(2.0) * spacing.reciprocal()
    decay = (-(kappa * kappa * variance * Interval.point(0.5))).exp()
    tail = Interval.point(1.0) - decay * decay
    if not float(tail.lower) > 0:
        return math.inf
    return float((Interval.point(2.0) * decay * tail.reciprocal()).upper)


def reading_error(
    equation: ReactionDiffusion, starts: Starts, reaction: Reaction, design: Design
) -> float:
    """A bound of the reading head's error for every start with a slope M.

    M' (d/4 (1 + e^{-kappa^2 v / 2}) + d^2/8 sqrt2 (1/s + d/(2 v))) + range (theta' + tail + logits)

    M' = e^{L h/2} M after the first half step, d the spacing of the sensors, v = s^2 the variance.
    The first term is the mean distance to the nearest sensor, which no head can avoid: a start may
    vanish at all sensors and rise by M d/2 between them. The second compares the mass of each cell
    with its weight, by |G''|; E|Z||Z^2 - 1| and E|Z^2 - 1| of a normal Z are at most sqrt 2.
    """
    step = enclose(step_of(equation, design.depth))
    d = enclose(equation.length / design.sensors)
    variance = Interval.point(2.0) * enclose(equation.diffusivity) * step
    sigma = variance.sqrt()
    half = Interval.point(half_step(equation, design.depth))
    slope = Interval.point(starts.slope) * (Interval.point(reaction.growth) * half).exp()
    kappa = PI * Interval.point(2.0) * d.reciprocal()
    decay = (-(kappa * kappa * variance * Interval.point(0.5))).exp()
    near = d * Interval.point(0.25) * (Interval.point(1.0) + decay)
    bent = sigma.reciprocal() + d * Interval.point(0.5) * variance.reciprocal()
    mass = d * d * Interval.point(0.125) * Interval.point(2.0).sqrt() * bent
    width = Interval.point(reaction.upper) - Interval.point(reaction.lower)
    theta = Interval.point(2.0) * decay * (Interval.point(1.0) - decay * decay).reciprocal()
    left_out = Interval.point(float(up(np.asarray(2 * math.exp(-(REACH**2) / 2)))))
    logits = Interval.point(_logit_rounding(equation, design, float(variance.lower)))
    return float((slope * (near + mass) + width * (theta + left_out + logits)).upper)


def _logit_rounding(equation: ReactionDiffusion, design: Design, variance: float) -> float:
    """A bound of the relative change of all weights by the rounding of places and logits.

    A logit is a sum of two products of size X^2 / variance at most, X the largest distance from the
    middle; places, scales, products and sums are rounded, by 32 units of that size altogether, and
    the weights are exponentials of it, twice (above and below the division).
    """
    sensors = design.sensor_line(equation)
    step = float(step_of(equation, design.depth))
    reach = REACH * math.sqrt(variance) + abs(float(equation.drift)) * step + 2 * sensors.spacing
    farthest = float(equation.length) / 2 + reach + abs(float(equation.drift)) * step
    size = 32 * 2.0**-53 * farthest**2 * 1.01
    if not size < variance:  # nothing is known of weights that are off by their own size
        return math.inf
    change = size / variance
    return float(up(np.asarray(math.expm1(4 * change) * 1.01)))
