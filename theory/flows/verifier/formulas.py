"""Reactions written as formulas, in the verifier's balls, operation by operation as written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from theory.flows.reaction_text import exact_sign, is_odd, read_reaction
from theory.flows.verifier.discs import Disc, DiscArithmetic
from theory.flows.verifier.enclosures import CELLS, Balls, Undefined, cells_of
from theory.flows.verifier.numbers import Number
from theory.flows.verifier.series import Series, SeriesArithmetic
from theory.universal.formula.parsing import Written
from theory.universal.formula.program import Program

# Middles of the discs that cover a flat region, in units of half its length.
_PLACES = [Fraction(2 * k + 1, 16) - 1 for k in range(16)]
# Ranges are found to this share of their ends, so that four of them stay within the thousandth that
# a certificate has to spare; cells are halved at most so often.
_SHARPNESS, _FIRST_CELLS, _MOST_CELLS, _ROUNDS = 5e-5, 16, 512, 16


@dataclass(frozen=True)
class FormulaRate:
    """f(u) as text."""

    text: str
    is_zero: bool = False

    @cached_property
    def written(self) -> Written:
        """The formula as it is read."""
        return read_reaction(self.text)

    @property
    def program(self) -> Program:
        """The operations, as they were written."""
        return self.written.program

    @cached_property
    def is_affine(self) -> bool:
        """Whether sums and products by constants alone make it up."""
        degrees = [1.0]
        for step in self.program.steps:
            inputs = [degrees[i] for i in step.inputs]
            if step.operation == "multiply":
                degrees.append(sum(inputs))
            elif step.operation in ("add", "copy", "constant"):
                degrees.append(max(inputs, default=0.0))
            else:
                degrees.append(math.inf if any(inputs) else 0.0)
        return degrees[-1] <= 1

    @property
    def is_odd(self) -> bool:
        return is_odd(self.program)

    @property
    def operations(self) -> int:
        return len(self.program.steps)

    def sign(self, u: float) -> int | None:
        return exact_sign(self.written.expression, u)

    def at(self, balls: Balls, u: Number) -> Number:
        return self.program.run(SeriesArithmetic(balls, 1), [[u]])[0]

    def bounds(
        self, balls: Balls, order: int, lower: float, upper: float, cells: int = CELLS
    ) -> tuple[float, float]:
        share = math.factorial(order)

        def parts(middle: Number, cell: Number) -> tuple[Number, Number]:
            slope = share * (order + 1) * self._jet(balls, cell, order + 2)[order + 1]
            return share * self._jet(balls, middle, order + 1)[order], slope

        return _extremes(balls, parts, lower, upper, min(cells, _FIRST_CELLS))

    def _jet(self, balls: Balls, u: Number, length: int) -> Series:
        """Derivatives over factorials."""
        start = [u, balls.of(1), *[balls.of(0)] * length][:length]
        return self.program.run(SeriesArithmetic(balls, length), [start])

    def mixed(self, balls: Balls, lower: float, upper: float) -> float:
        def parts(middle: Number, cell: Number) -> tuple[Number, Number]:
            f, first, second, third = self._jet(balls, middle, 4)
            value = 6 * third * f + 2 * second * first
            f, first, second, third, fourth = self._jet(balls, cell, 5)
            return value, 24 * fourth * f + 12 * third * first + 4 * second * second

        return max(map(abs, _extremes(balls, parts, lower, upper)))

    def trajectory(self, balls: Balls, u: Number, order: int) -> list[Number]:
        found = [u]
        for k in range(order):
            rate = self.program.run(SeriesArithmetic(balls, k + 1), [found])
            found = [*found, rate[k] / (k + 1)]
        return found

    def majorant(self, balls: Balls, centre: float, radius: Number, height: Number) -> float:
        """The bound by one disc, and by sixteen that cover the region if it is flat."""
        middle, part = balls.of(centre), radius / len(_PLACES)
        found = self._on_discs(balls, [Disc(middle, radius)])
        if 2 * balls.up(height) > balls.numbers.lower(radius):
            return found
        reach = balls.sqrt(part * part + height * height)
        covers = [Disc(middle + radius * balls.of(place), reach) for place in _PLACES]
        return min(found, self._on_discs(balls, covers))

    def _on_discs(self, balls: Balls, discs: list[Disc]) -> float:
        arithmetic = DiscArithmetic(balls)
        try:
            return max(arithmetic.size(self.program.run(arithmetic, [disc])) for disc in discs)
        except Undefined:
            return math.inf


def _extremes(
    balls: Balls,
    parts: Callable[[Number, Number], tuple[Number, Number]],
    lower: float,
    upper: float,
    first: int = _FIRST_CELLS,
) -> tuple[float, float]:
    """Bounds of a function over an interval, a little beyond values that it takes.

    Cells whose mean value form reaches farther are halved.

    Args:
        parts: the value at a middle, and the slopes over its cell.
        first: number of cells to begin with.

    Raises:
        Undefined: a value that does not exist, or a cell that stays so.
    """
    numbers, low, high = balls.numbers, math.inf, -math.inf
    least, most, cells = math.inf, -math.inf, cells_of(lower, upper, first)
    for rounds in range(_ROUNDS):
        found, last = [], rounds + 1 == _ROUNDS or len(cells) > _MOST_CELLS
        for a, b in cells:
            middle, cell = balls.of((a + b) / 2), numbers.between(a, b)
            try:
                value, slope = parts(middle, cell)
                spread = value + slope * (cell - middle)
                ends = numbers.lower(spread), numbers.upper(spread)
                least, most = min(least, numbers.upper(value)), max(most, numbers.lower(value))
            except Undefined:
                if last:
                    raise
                ends = -math.inf, math.inf
            found.append((a, b, ends))
        # An end of 0 is as near as rounding lets it be, and no number is below 1e-300 of use.
        slack = _SHARPNESS * max(abs(least), abs(most)) / 100 + 1e-300
        bottom, top = least - _SHARPNESS * abs(least) - slack, most + _SHARPNESS * abs(most) + slack
        cells = []
        for a, b, ends in found:
            if not last and not (bottom <= ends[0] and ends[1] <= top):
                cells += [(a, (a + b) / 2), ((a + b) / 2, b)]
            else:
                low, high = min(low, ends[0]), max(high, ends[1])
    return low, high
