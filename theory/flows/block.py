"""The reaction's flow as a ReLU block, with a bound of its error read off the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import nn

from sciformer.blocks import FeedForward
from sciformer.errors import CertificateError, ConvergenceError
from theory.flows.rate import Rate
from theory.flows.reaction import interpolating_block, spaced_by_curvature
from theory.flows.record import MOST_OPERATIONS
from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval, up

# Terms of the Taylor series of the flow; with steps of at most 1 / (16 sup |f'|) the next one is
# below 16^-12 of the first.
_ORDER = 12
# Picard's inclusion is tried with this many times the Euler step, and then with four times that.
_PICARD = (1.25, 5.0)
# Of float64, to nearest.
_UNIT_ROUNDOFF = 2.0**-53


def flow(reaction: Rate, u: Interval, time: float) -> Interval:
    """Enclosures of the flow of u' = f(u) after a time, for each initial value.

    A Taylor series with its remainder on an inclusion of the whole trajectory.

    Args:
        reaction: f.
        u: initial values; narrow intervals.
        time: > 0; taken as the exact float it is.

    Raises:
        ConvergenceError: no inclusion was found, as for a flow that may blow up.

    Source: Moore 1966, chapter 11.
    """
    steepest = reaction.derivative().largest(float(u.lower.min()), float(u.upper.max()))
    most = MOST_OPERATIONS // reaction.operations
    if not 16 * time * steepest <= most:
        raise ConvergenceError(
            f"flow: a reaction of slope {steepest:.3g} over the time {time:.3g} would take more "
            f"than {most} steps; shorten the time, or narrow the range of the starts."
        )
    steps = max(1, math.ceil(16 * time * steepest))
    step = Interval.point(time) * Interval.point(float(steps)).reciprocal()
    for _ in range(steps):
        u = _taylor(reaction, u, step)
    return u


def _taylor(reaction: Rate, u: Interval, step: Interval) -> Interval:
    around = inclusion(reaction, u, step)
    remainder = reaction.trajectory(around, _ORDER + 1)[-1]
    result = remainder
    for coefficient in reaction.trajectory(u, _ORDER)[::-1]:
        result = result * step + coefficient
    return result


def inclusion(reaction: Rate, u: Interval, step: Interval) -> Interval:
    """An interval that a trajectory cannot leave within a step: u + [0, h] f(W) lies inside W."""
    zero_to_step = Interval(np.zeros_like(step.lower), step.upper)
    for factor in _PICARD:
        # The sum u + h f(W) itself is rounded outward by an ulp or two of u.
        reach = factor * step.upper * reaction.at(u).magnitude + 2.0**-50 * u.magnitude + 1e-300
        around = Interval(u.lower - reach, u.upper + reach)
        image = u + zero_to_step * reaction.at(around)
        if bool(((image.lower >= around.lower) & (image.upper <= around.upper)).all()):
            return image
    raise ConvergenceError(
        "flow: no inclusion of the reaction's trajectories was found; they may blow up or meet a "
        "pole within the time asked for, so shorten it or narrow the range of the starts."
    )


def build_block(reaction: Rate, lower: float, upper: float, time: float, units: int) -> FeedForward:
    """A ReLU block that interpolates the flow of a reaction over a time.

    Args:
        reaction: f.
        lower: least value that tokens take.
        upper: largest value.
        time: of the flow.
        units: hidden units, >= 2; affine flows need two.
    """
    curvature = reaction.derivative(2).values(np.linspace(lower, upper, 4096))
    knots = spaced_by_curvature(curvature, lower, upper, units)
    found = flow(reaction, Interval.point(knots), time)
    return interpolating_block(knots, (found.lower + found.upper) / 2)


@dataclass(frozen=True)
class BlockBounds:
    """Proven bounds of a block: its error as a flow, its rounding, and its slopes.

    Args:
        error: sup over [lower, upper] of |block - flow| in exact arithmetic.
        rounding: sup of |float64 forward - block|.
        knots: where the slope changes, increasing.
        values: enclosures of the block there; they increase with the knots.
        slopes: bounds of the slope on [knots_k, knots_{k+1}].
    """

    error: float
    rounding: float
    knots: Array
    values: Interval
    slopes: Array

    def steepest(self, lower: float, upper: float) -> float:
        """A bound of |slope| over an interval; outside the knots the block is constant."""
        first = max(int(np.searchsorted(self.knots, lower, "right")) - 1, 0)
        last = int(np.searchsorted(self.knots, upper, "left"))
        return float(self.slopes[first : max(last, first + 1)].max())

    def image(self, lower: float, upper: float) -> tuple[float, float]:
        """Bounds of the block over an interval."""
        slack = 2.0**-50 * max(abs(lower), abs(upper), float(self.values.magnitude.max()))
        low = float(np.interp(lower, self.knots, self.values.lower)) - slack
        return low, float(np.interp(upper, self.knots, self.values.upper)) + slack


def certify_block(block: FeedForward, reaction: Rate, time: float) -> BlockBounds:
    """Bounds the error of a block against the flow, from its weights.

    On a cell of width w:  |block - flow| <= max at its knots + w^2 / 8 sup |flow''|,
    flow''(u) = flow'(u) int_0^t f''(R_s u) R_s'(u) ds

    Args:
        block: weights as `interpolating_block` writes them: hidden weights 1.
        reaction: f.
        time: of the flow.

    Raises:
        CertificateError: a block that is not monotone.
    """
    hidden, _, output = block.layers
    assert isinstance(hidden, nn.Linear), "the first of two linear maps"
    assert isinstance(output, nn.Linear), "the second of two linear maps"
    knots = -np.asarray(hidden.bias, dtype=np.float64)
    changes = np.asarray(output.weight[0], dtype=np.float64)
    base = float(output.bias[0])
    values, slope = _at_knots(knots, changes, base)
    if not bool((slope.lower[:-1] >= 0).all()):
        raise CertificateError(
            "certify_block: the block decreases somewhere, so it does not keep the order of its "
            "tokens; take a shorter step."
        )
    gap = values - flow(reaction, Interval.point(knots), time)
    bend = _curvature(reaction, knots, time)
    widths = Interval.point(knots[1:]) - Interval.point(knots[:-1])
    sag = widths * widths * Interval.point(bend) * Interval.point(0.125)
    ends = np.maximum(gap.magnitude[1:], gap.magnitude[:-1])
    width = knots[-1] - knots[0]
    # Each of K + 1 terms is rounded in the difference, the product and at most K sums.
    terms = abs(base) + float(np.abs(changes[:-1]).sum()) * width * 1.01
    rounding = 1.01 * (len(knots) + 4) * _UNIT_ROUNDOFF * terms
    return BlockBounds(
        error=float(up(ends + sag.upper).max()),
        rounding=float(up(np.asarray(rounding))),
        knots=knots,
        values=values,
        slopes=slope.upper[:-1],
    )


def _at_knots(knots: Array, changes: Array, base: float) -> tuple[Interval, Interval]:
    """Values of the block at its knots, and its slopes after each knot."""
    slope = Interval.point(np.asarray(0.0))
    value = Interval.point(np.asarray(base))
    lowers, uppers, flattest, steepest = [base], [base], [], []
    for k in range(len(knots)):
        slope = slope + Interval.point(changes[k])
        flattest.append(float(slope.lower))
        steepest.append(float(slope.upper))
        if k + 1 < len(knots):
            value = value + slope * (Interval.point(knots[k + 1]) - Interval.point(knots[k]))
            lowers.append(float(value.lower))
            uppers.append(float(value.upper))
    slopes = Interval(np.array(flattest), np.array(steepest))
    return Interval(np.array(lowers), np.array(uppers)), slopes


def _curvature(reaction: Rate, knots: Array, time: float) -> Array:
    """Bounds of |flow''| on the cells between knots: rho^2 t sup |f''| along trajectories."""
    second = reaction.derivative(2)
    if second.is_zero:
        return np.zeros(len(knots) - 1)
    cells = Interval(knots[:-1], knots[1:])
    step = Interval.point(time)
    around = inclusion(reaction, cells, step)
    steepest = np.maximum(reaction.derivative().at(around).upper, 0.0)
    growth = (Interval.point(2 * steepest) * step).exp()
    return np.asarray((growth * step * Interval.point(second.at(around).magnitude)).upper)
