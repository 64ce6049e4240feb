"""Compiles a partial differential equation into a Transformer, with a proven error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sciformer.errors import ConvergenceError, DomainError
from theory.flows.budget import (
    Budget,
    aliasing_errors,
    certify,
    solution_range,
    splitting_errors,
)
from theory.flows.design import Design, build, step_of
from theory.flows.equation import Problem, ReactionDiffusion, recognise
from theory.flows.head_errors import reading_error
from theory.flows.record import (
    MOST_DEGREE,
    MOST_LAYERS,
    MOST_PERIODS,
    MOST_SENSORS,
    MOST_TOKENS,
    MOST_UNITS,
    reach,
)
from theory.flows.smoothness import Reaction
from theory.flows.splitting import SplittingTransformer
from theory.flows.starts import Starts
from theory.universal.arrays import Array

Report = Callable[[str, float], None]

# How epsilon is shared out; rounding takes what is left. Depth costs least (weights are shared),
# so splitting could have less, but reading and units cost memory.
_SPLITTING, _READING, _ALIASING, _BLOCK = 0.45, 0.3, 0.03, 0.17
# A round aims lower by what the last bound was too large, within these limits: far above epsilon
# the bound grows much faster than its parts, and would send the next round too low.
_SHRINK, _LEAST_SHRINK, _ROUNDS = 0.93, 0.3, 10


@dataclass(frozen=True)
class FlowCertificate:
    """|module(u0(sensors)) - u(T, tokens)| <= budget.total for every start u0 of the class.

    Args:
        equation: what is solved.
        starts: the class.
        epsilon: what was asked for.
        design: the sizes.
        budget: the proven bound, taken apart.
    """

    equation: ReactionDiffusion
    starts: Starts
    epsilon: float
    design: Design
    budget: Budget

    @property
    def bound(self) -> float:
        """The proven bound of the error of the float64 forward pass, in the sup norm."""
        # A thousandth to spare, so that other arithmetic can confirm it.
        return self.budget.total * 1.001


@dataclass(frozen=True)
class CompiledFlow:
    """A Transformer that solves an equation, and the certificate of its error."""

    module: SplittingTransformer
    certificate: FlowCertificate

    def sensors(self) -> Tensor:
        """Places where the start is to be read, float64 (m,)."""
        return self.certificate.design.sensor_line(self.certificate.equation).places()

    def places(self) -> Tensor:
        """Places of the output, float64 (n,)."""
        return self.certificate.design.line(self.certificate.equation).places()

    @torch.no_grad()
    def __call__(self, readings: Tensor) -> Tensor:
        """Starts (..., m) at the sensors to solutions (..., n) at the places, at time T."""
        solutions: Tensor = self.module(readings[..., None])[..., 0]
        return solutions


# What overflows is an infinite bound, which no round accepts.
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def compile_flow(
    problem: Problem | ReactionDiffusion,
    *,
    epsilon: float,
    starts: Starts,
    tokens: int | None = None,
    report: Report | None = None,
) -> CompiledFlow:
    """Emits an ordinary Transformer that solves an equation, and proves its error.

    sup over starts and places of |module(u0) - u(T)| <= certificate.bound <= epsilon

    One layer is half a step of reaction (a ReLU block), a step of diffusion (a softmax head with
    relative positions), half a step of reaction; all layers share their weights. A first head reads
    the start at many sensors, unless the class bounds its waves.

    Args:
        problem: u_t = nu u_xx - c u_x + f(u) in one space dimension, f a polynomial; periodic, or
            with walls at u = 0 or u_x = 0.
        epsilon: > 0, in units of u.
        starts: the class of starts.
        tokens: least number of tokens; as many as epsilon needs by default.
        report: called with a phase and the fraction of it that is done.

    Raises:
        UsageError: an equation of another class.
        DomainError: epsilon <= 0, starts that are not of the walls' parity, or sizes out of reach.
        ConvergenceError: epsilon is out of reach; the sentence says what would be needed.

    Accuracy: the bound holds for the float64 forward pass, in outward-rounded arithmetic.
    Source: Strang 1968 for the method; the constants and the reading of it as a Transformer are
        our own.

    Examples:
        >>> import theory
        >>> from theory.flows.named import NAMED
        >>> equation, starts = NAMED["fisher-kpp"]
        >>> flow = theory.compile_flow(equation, epsilon=0.1, starts=starts)
        >>> flow.certificate.bound <= 0.1
        True
    """
    equation = problem if isinstance(problem, ReactionDiffusion) else recognise(problem)
    _check(equation, epsilon, starts, tokens)
    report = report or (lambda phase, done: None)
    reaction = solution_range(equation, starts)
    target, budget = epsilon, None
    for attempt in range(_ROUNDS):
        report("design", attempt / _ROUNDS)
        design = _Designer(equation, starts, reaction, target).design(tokens)
        module = build(equation, reaction, design)
        report("certify", attempt / _ROUNDS)
        budget = certify(equation, starts, reaction, design, module)
        if 1.001 * budget.total <= epsilon:
            report("certify", 1.0)
            return CompiledFlow(module, FlowCertificate(equation, starts, epsilon, design, budget))
        target *= max(_LEAST_SHRINK, min(_SHRINK, epsilon / (1.001 * budget.total)))
    assert budget is not None, "at least one round"
    raise ConvergenceError(
        f"compile_flow: after {_ROUNDS} rounds the proven bound is {budget.total:.3g}, above "
        f"{epsilon:g}; raise epsilon, or narrow the class of starts."
    )


def _check(equation: ReactionDiffusion, epsilon: float, starts: Starts, tokens: int | None) -> None:
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise DomainError(f"compile_flow: epsilon must be a finite number > 0; got {epsilon:g}.")
    if equation.has_cold_wall and starts.lower != -starts.upper:
        raise DomainError(
            f"compile_flow: a wall at 0 has odd images, so starts lie between -a and a; got "
            f"{starts.lower:g} to {starts.upper:g}."
        )
    if tokens is not None and not 1 <= tokens <= MOST_TOKENS:
        raise DomainError(f"compile_flow: takes 1 to {MOST_TOKENS} tokens; got {tokens}.")
    if equation.reaction.degree > MOST_DEGREE:
        raise DomainError(
            f"compile_flow: reactions of degree up to {MOST_DEGREE} are within reach; got "
            f"{equation.reaction.degree}."
        )


@dataclass(frozen=True)
class _Designer:
    """Chooses sizes by the same formulas that certify them, with an estimate of the growth."""

    equation: ReactionDiffusion
    starts: Starts
    reaction: Reaction
    epsilon: float

    def design(self, tokens: int | None) -> Design:
        depth = self._depth()
        equation = self.equation
        far = reach(equation.diffusivity, equation.drift, step_of(equation, depth))
        if far > MOST_PERIODS * equation.length:
            raise DomainError(
                f"compile_flow: a step of {equation.name} reaches over {far:g}, more than "
                f"{MOST_PERIODS} times the interval, where starts are forgotten; shorten the time."
            )
        growth = self._growth(depth)
        design = Design(depth, 8, 8, 2)
        design = replace(design, tokens=self._tokens(design, growth, tokens or 8))
        sensors = design.tokens
        if self.starts.waves is None:
            sensors = self._sensors(design, float(growth[0]))
        return replace(design, sensors=sensors, units=self._units(depth, growth))

    def _depth(self) -> int:
        """The least number of layers whose splitting fits, by doubling and halving."""
        steep = max(map(abs, self.reaction.slope_range())) * float(self.equation.time)
        if not 4 * steep <= MOST_LAYERS:
            raise self._out_of_reach("layers", MOST_LAYERS, "a reaction that is so fast")
        if self.reaction.size(2) == 0:
            # Splitting is exact; strips of waves need an inclusion of half-steps, which is found
            # for h |f'| < 4/3.
            return 1 if self.starts.waves is None else max(1, math.ceil(steep / 1.25))
        allowed = _SPLITTING * self.epsilon
        # A half-step's inclusion needs h sup|f'| of at most about 1/4.
        low = high = max(2, math.ceil(4 * steep))
        while self._splitting(high) > allowed:
            low, high = high, 2 * high
            if high > MOST_LAYERS:
                raise self._out_of_reach("layers", MOST_LAYERS, "the splitting error")
        while high - low > max(1, low // 50):
            middle = (low + high) // 2
            low, high = (middle, high) if self._splitting(middle) > allowed else (low, middle)
        return high

    def _splitting(self, depth: int) -> float:
        errors = splitting_errors(self.equation, self.starts, self.reaction, depth)
        return float(errors @ self._growth(depth))

    def _growth(self, depth: int) -> Array:
        """Estimates of the factor from each layer to the end: exp of int sup f' over the range."""
        h = float(step_of(self.equation, depth))
        ends = np.array([self.starts.lower, self.starts.upper])
        f, slope = self.equation.reaction.values, self.equation.reaction.derivative().values
        ranges = np.empty((depth, 2))
        for n in range(depth):
            ranges[n] = ends
            half = ends + h / 2 * f(ends)
            ends = ends + h * f(half)
        inside = ranges[:, :1] + np.diff(ranges) * np.linspace(0, 1, 65)
        steps = h * slope(inside).max(1)
        return np.asarray(np.exp(np.cumsum(steps[::-1])[::-1] - steps))

    def _tokens(self, design: Design, growth: Array, least: int) -> int:
        allowed = _ALIASING * self.epsilon
        skip = 0 if self.starts.waves is not None else 1
        if self.starts.waves is not None:
            copies = self.equation.ends.copies()
            least = max(least, math.ceil((2 * self.starts.waves + 1) / copies))

        def missed(tokens: int) -> float:
            errors = aliasing_errors(
                self.equation, self.starts, self.reaction, replace(design, tokens=tokens)
            )
            return float((errors * growth)[skip:].sum())

        if skip == 1 and design.depth == 1:
            return max(least, 128)
        low, high = least, least
        while not missed(high) <= allowed:
            low, high = high, 2 * high
            if high > MOST_TOKENS:
                raise self._out_of_reach("tokens", MOST_TOKENS, "aliasing")
        while high - low > max(1, low // 50):
            middle = (low + high) // 2
            low, high = (middle, high) if missed(middle) > allowed else (low, middle)
        return high

    def _sensors(self, design: Design, growth: float) -> int:
        allowed = _READING * self.epsilon / growth
        sensors = math.ceil(self.starts.slope * float(self.equation.length) / (4 * allowed))
        sensors = max(sensors, design.tokens + 1)
        while True:
            if sensors > MOST_SENSORS:
                raise self._out_of_reach("sensors", MOST_SENSORS, "reading a start with kinks")
            found = reading_error(
                self.equation, self.starts, self.reaction, replace(design, sensors=sensors)
            )
            if found <= allowed:
                return sensors
            sensors = math.ceil(1.05 * sensors)

    def _units(self, depth: int, growth: Array) -> int:
        """Number of units from the error of the best knots: h/2 (int sqrt|f''|)^2 / (8 K^2) per
        half step.
        """
        reaction = self.reaction
        u = np.linspace(reaction.lower, reaction.upper, 2001)
        bend = np.sqrt(np.abs(reaction.f.derivative(2).values(u))).mean()
        bend *= reaction.upper - reaction.lower
        each = float(step_of(self.equation, depth)) / 2 * bend**2 / 8
        units = math.ceil(math.sqrt(2 * each * growth.sum() / (_BLOCK * self.epsilon))) + 2
        if units > MOST_UNITS:
            raise self._out_of_reach("hidden units", MOST_UNITS, "the block's error")
        return max(units, 2)

    def _out_of_reach(self, what: str, most: int, why: str) -> ConvergenceError:
        return ConvergenceError(
            f"compile_flow: {why} would need more than {most} {what} for {self.epsilon:g}; raise "
            "epsilon, shorten the time, or narrow the class of starts (its slope, its waves)."
        )
