"""Sizes of a compiled flow: depth, tokens, sensors and units for an error that is aimed at."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sciformer.errors import ConvergenceError, DomainError
from theory.flows.budget import aliasing_errors, splitting_errors
from theory.flows.design import Design, step_of
from theory.flows.equation import ReactionDiffusion
from theory.flows.head_errors import reading_error
from theory.flows.record import (
    MOST_LAYERS,
    MOST_OPERATIONS,
    MOST_PERIODS,
    MOST_SENSORS,
    MOST_TOKENS,
    MOST_UNITS,
    reach,
)
from theory.flows.smoothness import Reaction
from theory.flows.starts import Starts
from theory.universal.arrays import Array

# How epsilon is shared out; rounding takes what is left. Depth costs least (weights are shared),
# so splitting could have less, but reading and units cost memory.
_SPLITTING, _READING, _ALIASING, _BLOCK = 0.45, 0.3, 0.03, 0.17
# Steps of the estimate of the growth, which a formula takes a fifth of a millisecond for.
_MESH = 500


@dataclass(frozen=True)
class Sizing:
    """The choice of sizes, by the same formulas that certify them and an estimate of the growth.

    Args:
        equation: what is solved.
        starts: the class.
        reaction: with the range that tokens stay in.
        epsilon: what is aimed at.
    """

    equation: ReactionDiffusion
    starts: Starts
    reaction: Reaction
    epsilon: float

    def design(self, tokens: int | None) -> Design:
        """Depth, tokens, sensors and units, with at least so many tokens.

        Raises:
            ConvergenceError: epsilon is out of reach.
            DomainError: a step that spreads over far more than the interval.
        """
        depth = self._continued(self._depth())
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

    def _continued(self, depth: int) -> int:
        """Layers enough that half a step of reaction continues to complex values, by doubling."""
        while not (depth == 1 and self.starts.waves is None) and not self._continues(depth):
            depth *= 2
            if depth > MOST_LAYERS:
                raise self._out_of_reach(
                    "layers", MOST_LAYERS, "a reaction that changes so fast beside the range of u"
                )
        return depth

    def _continues(self, depth: int) -> bool:
        """Whether some strip is known for the first layer, and for one after it."""
        errors = aliasing_errors(
            replace(self.equation, time=2 * step_of(self.equation, depth)),
            self.starts,
            self.reaction,
            Design(2, MOST_TOKENS, MOST_TOKENS, 2),
        )
        return bool(np.isfinite(errors[0 if self.starts.waves is not None else 1 :]).all())

    def _splitting(self, depth: int) -> float:
        errors = splitting_errors(self.equation, self.starts, self.reaction, depth)
        return float(errors @ self._growth(depth))

    def _growth(self, depth: int) -> Array:
        """Estimates of the factor from each layer to the end: exp of int sup f' over the range."""
        time = float(self.equation.time)
        steep = max(map(abs, self.reaction.slope_range())) * time
        mesh = min(depth, max(_MESH, math.ceil(4 * steep)))
        h, ends = time / mesh, np.array([self.starts.lower, self.starts.upper])
        f, slope = self.equation.reaction.values, self.equation.reaction.derivative().values
        ranges = np.empty((mesh, 2))
        for n in range(mesh):
            ranges[n] = ends
            half = ends + h / 2 * f(ends)
            ends = ends + h * f(half)
        inside = ranges[:, :1] + np.diff(ranges) * np.linspace(0, 1, 65)
        steps = np.concatenate([[0.0], np.cumsum(h * slope(inside).max(1))])
        passed = np.interp(np.arange(1, depth + 1) / depth, np.arange(mesh + 1) / mesh, steps)
        return np.asarray(np.exp(passed[-1] - passed))

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
        # The verifier follows the reaction from every knot, for at most two Taylor steps.
        most = min(MOST_UNITS, MOST_OPERATIONS // (2 * reaction.f.operations))
        if units > most:
            raise self._out_of_reach("hidden units", most, "the block's error")
        return max(units, 2)

    def _out_of_reach(self, what: str, most: int, why: str) -> ConvergenceError:
        return ConvergenceError(
            f"compile_flow: {why} would need more than {most} {what} for {self.epsilon:g}; raise "
            "epsilon, shorten the time, or narrow the class of starts (its slope, its waves)."
        )
