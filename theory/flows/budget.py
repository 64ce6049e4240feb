"""The error budget of a compiled flow: splitting + heads + block + rounding, for every start.

    E_{n+1} <= lambda_n E_n + splitting_n + rho head_n + (1 + rho) block

lambda_n is the product of the block's slopes on the range that layer n sees, rho bounds the slope
of the reaction's flow. Docs: docs/tutorials/compiled_flows.md, section "The budget".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sciformer.blocks import FeedForward
from sciformer.errors import ConvergenceError
from theory.flows.block import BlockBounds, certify_block, flow
from theory.flows.design import Design, half_step, step_of
from theory.flows.equation import ReactionDiffusion
from theory.flows.head_errors import gaussian_head_error, reading_error
from theory.flows.polynomial import enclose
from theory.flows.rate import Rate, shown
from theory.flows.reading import ReadingHead
from theory.flows.smoothness import (
    PI,
    Reaction,
    bernstein,
    curvatures,
    slopes,
    solution_strips,
    start_strips,
)
from theory.flows.splitting import SplittingTransformer
from theory.flows.starts import Starts
from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval, up

# One product or sum of two numbers >= 0 is rounded down by at most half a unit of 2^-52; eight such
# operations are made up for by this factor.
_UP = 1 + 2.0**-49
# Ends that the reaction has moved are put farther out by this share of the range, so that Taylor
# steps of a lower order, whose remainders are 16^-11 of u, find them inside in other arithmetic.
_BEYOND = 2.0**-30


@dataclass(frozen=True)
class Budget:
    """Contributions to the proven bound at the end, in units of u.

    Args:
        splitting: of Strang's method.
        heads: reading, aliasing and the tables of the heads.
        block: of the ReLU block as the reaction's flow.
        rounding: of the float64 forward pass.
        growth: the largest factor by which an error of one layer grows until the end.
    """

    splitting: float
    heads: float
    block: float
    rounding: float
    growth: float

    @property
    def total(self) -> float:
        """The proven bound."""
        parts = np.array([self.splitting, self.heads, self.block, self.rounding])
        # Three sums, each rounded by at most an ulp.
        return float(up(up(up(parts.sum()))))


def solution_range(equation: ReactionDiffusion, starts: Starts) -> Reaction:
    """The range that no solution leaves until T and half a step beyond.

    Constants are solutions, so by the maximum principle the range of the starts, moved by the
    reaction, bounds all others; trajectories of one variable are monotone.

    Raises:
        DomainError: a formula that, or a derivative of which, is not proven to be finite there.
        ConvergenceError: a reaction that may drive solutions out of every range.
    """
    f, time = equation.reaction, 1.5 * float(equation.time)
    lower, upper = starts.lower, starts.upper
    for order in range(5):
        f.derivative(order).range(lower, upper)  # a formula refuses what is not finite there
    if not _points_inward(f, lower, 1):
        lower = float(_carried(equation, lower, time).lower[0])
        lower -= _BEYOND * (upper - lower)
    if not _points_inward(f, upper, -1):
        upper = float(_carried(equation, upper, time).upper[0])
        upper += _BEYOND * (upper - lower)
    return Reaction(f, lower, upper)


def _carried(equation: ReactionDiffusion, end: float, time: float) -> Interval:
    """The end of a range, moved by the reaction."""
    try:
        return flow(equation.reaction, Interval.point(np.array([end])), time)
    except ConvergenceError as error:
        raise ConvergenceError(
            f"compile_flow: the reaction f(u) = {shown(equation.reaction)} of {equation.name} "
            f"moves u = {end:g} out of the range of the starts, and where to is not known for a "
            f"time of {time:g}, half more than is asked for. {error}"
        ) from error


def _points_inward(f: Rate, end: float, inward: int) -> bool:
    """Whether f(end) has the inward sign or is 0."""
    sign = f.sign(end)
    if sign is None:
        value = f.at(Interval.point(np.array([end])))
        return bool(((value if inward > 0 else -value).lower >= 0).all())
    return sign * inward >= 0


def splitting_errors(
    equation: ReactionDiffusion, starts: Starts, reaction: Reaction, depth: int
) -> Array:
    """Bounds of the error of one Strang step from the exact solution at t_0, ..., t_{N-1}.

    With p the half-step's image of u, P1 >= |p_x|, P2 >= |p_xx| and Fk >= |f^(k)|,

    e^{L h} nu h^3 / 3 (nu/4 (F4 P1^4 + 4 F3 P1^2 P2 + 2 F2 P2^2) + rho/8 P1^2 sup|f'''f + f''f'|)
    e^{L h} nu h^2 / 2 F2 P1^2 (1 + rho) / 2        needs no second derivative

    and the smaller of the two is taken. They bound the integral of the defect of the layer, seen as
    a function of its step; the third derivative of u cancels from it.
    """
    f2 = reaction.size(2)
    if f2 == 0:
        return np.zeros(depth)
    h, nu = enclose(step_of(equation, depth)), enclose(equation.diffusivity)
    times = np.asarray(up(np.arange(depth + 1) * h.upper))
    steepest = slopes(reaction, starts, nu, times)
    wave = _largest_wave(equation, starts)
    bends = np.zeros(depth)
    bends[0] = first_bend = bernstein(starts, wave)
    if math.isinf(first_bend):
        bends[0] = 0.0  # and the bound that uses it is dropped below
    # Curvature at t_n uses slopes up to t_n; times are taken from below, where smoothing is less.
    early = np.arange(1, depth) * h.lower * (1 - 2.0**-50)
    bends[1:] = curvatures(reaction, starts, nu, early, steepest[1:-1], first_bend)
    rho = (Interval.point(reaction.growth) * h * Interval.point(0.5)).exp()
    slope = Interval.point(steepest[:-1])
    p1 = rho * slope
    p2 = rho * Interval.point(bends) + rho * rho * h * Interval.point(f2 / 2) * slope * slope
    quarter = nu * Interval.point(0.25)
    inner = Interval.point(reaction.size(4)) * p1 * p1 * p1 * p1
    inner = inner + Interval.point(4 * reaction.size(3)) * p1 * p1 * p2
    inner = quarter * (inner + Interval.point(2 * f2) * p2 * p2)
    inner = inner + rho * Interval.point(reaction.double_commutator() / 8) * p1 * p1
    grow = (Interval.point(reaction.growth) * h).exp()
    second = grow * nu * h * h * h * Interval.point(3.0).reciprocal() * inner
    first = grow * nu * h * h * Interval.point(f2 / 4) * p1 * p1 * (Interval.point(1.0) + rho)
    with_curvature = second.upper.copy()
    if math.isinf(first_bend):
        with_curvature[0] = math.inf
    return np.asarray(np.minimum(with_curvature, first.upper))


def _largest_wave(equation: ReactionDiffusion, starts: Starts) -> Interval:
    """The largest angular wavenumber of a class of polynomials."""
    period = enclose(equation.length * equation.ends.copies())
    return PI * Interval.point(2.0 * (starts.waves or 0)) * period.reciprocal()


def aliasing_errors(
    equation: ReactionDiffusion, starts: Starts, reaction: Reaction, design: Design
) -> Array:
    """Bounds of the part of the heat flow of R(u(t_n)) that the head of each layer misses.

    The first entry is infinite for starts with kinks, which a reading head has to read.
    """
    h, nu = enclose(step_of(equation, design.depth)), enclose(equation.diffusivity)
    half = half_step(equation, design.depth)
    spacing = enclose(equation.length / design.tokens)
    variance = Interval.point(2.0) * nu * h
    found = np.full(design.depth, math.inf)
    times = np.arange(1, design.depth) * h.lower * (1 - 2.0**-50)
    if len(times):
        found[1:] = solution_strips(reaction, nu, times, half).aliasing(spacing, variance)
    if starts.waves is not None:
        wave = _largest_wave(equation, starts)
        found[0] = start_strips(reaction, starts, wave, half).aliasing(spacing, variance)[0]
    return found


def certify(
    equation: ReactionDiffusion,
    starts: Starts,
    reaction: Reaction,
    design: Design,
    module: SplittingTransformer,
) -> Budget:
    """The budget of a module, from its weights."""
    assert isinstance(module.reaction, FeedForward), "the block that `build` makes"
    bounds = certify_block(module.reaction, equation.reaction, half_step(equation, design.depth))
    splitting = splitting_errors(equation, starts, reaction, design.depth)
    # Dividing by the head's own sum, 1 - theta >= 1 / 1.01, is what `gaussian_head_error` checks.
    heads = 1.01 * aliasing_errors(equation, starts, reaction, design)
    heads = heads + gaussian_head_error(equation, reaction, design, module.attention)
    if module.reading is not None:
        heads[0] = reading_error(equation, starts, reaction, design)
    rounding = attention_rounding(reaction, design, module)
    return accumulate(equation, starts, reaction, bounds, LayerErrors(splitting, heads, rounding))


@dataclass(frozen=True)
class LayerErrors:
    """Errors that each layer adds, before the slopes of later ones: arrays of length N."""

    splitting: Array
    heads: Array
    rounding: Array


def accumulate(
    equation: ReactionDiffusion,
    starts: Starts,
    reaction: Reaction,
    bounds: BlockBounds,
    errors: LayerErrors,
) -> Budget:
    """Adds up the errors of all layers, each times the slopes of the layers after it."""
    depth = len(errors.splitting)
    h = enclose(step_of(equation, depth))
    rho = float((Interval.point(reaction.growth) * h * Interval.point(0.5)).exp().upper)
    twice = np.full(depth, 1 + rho)
    rounding = twice * bounds.rounding + rho * errors.rounding
    each = _UP * np.array(
        [errors.splitting, rho * errors.heads, twice * bounds.error, rounding], dtype=np.float64
    )
    lower, upper = starts.lower, starts.upper
    parts, growth, total = np.zeros(4), 1.0, 0.0
    for n in range(depth):
        # The module's tokens stay within what constants do; the solution is within `total` of it.
        low, high = lower - total, upper + total
        slope = bounds.steepest(low, high)
        slope *= _UP * bounds.steepest(*bounds.image(low, high))
        growth = max(growth * slope, 1.0)
        parts = (parts * slope + each[:, n]) * _UP
        total = float(parts.sum()) * _UP
        lower, upper = bounds.image(*bounds.image(lower, upper))
    splitting, heads, block, rounded = (float(part) for part in parts)
    return Budget(splitting, heads, block, rounded, growth)


def attention_rounding(reaction: Reaction, design: Design, module: SplittingTransformer) -> Array:
    """Bounds of the rounding of each layer's head: exponentials, their sum, and that of the values.

    Of m weights each is off by 8 + |logit - max| units at most (exp within four ulp, the difference
    that it is taken of, the division); their sum and that with the values by m units each. The mean
    of |logit - max| under a Gaussian is 1/2 and a little on a coarse grid; 32 allows for both.
    """
    size = max(abs(reaction.lower), abs(reaction.upper))
    found = np.full(design.depth, float(2 * module.attention.line.ring + 40))
    if isinstance(module.reading, ReadingHead):
        found[0] = 2 * len(module.reading.index) + 40
    return np.asarray(found * 2.0**-53 * size * 1.01)
