"""Reactions that are not polynomials: formulas in u, enclosed over intervals and complex discs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import sympy

from sciformer.errors import DataError, DomainError
from theory.flows.discs import Disc, Discs
from theory.flows.reaction_text import U, exact_sign, is_odd, read_reaction
from theory.flows.trajectories import Trajectory
from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval, up
from theory.universal.enclosure.range import Expansion, Expansions
from theory.universal.formula.program import Program, compile_expression, evaluate
from theory.universal.formula.target import printed

# Cells of a range enclosure, whose overestimate is about width^2 of a cell.
_CELLS = 512
# Middles of the discs that cover a flat region, in units of half its length.
_PLACES = (2 * np.arange(16) + 1) / 16 - 1
# sympy orders and multiplies out again what it has printed; it soon comes to rest.
_READINGS = 4
# Operations of a formula that is derived once more: beside them sympy takes some seconds.
_MOST_DERIVED = 1000
_ONE = Interval.point(1.0)


@dataclass(frozen=True)
class Expression:
    """f(u) as a sympy expression in `reaction_text.U`.

    Args:
        expression: of operations that have an enclosure.
    """

    expression: sympy.Expr

    @classmethod
    def read(cls, text: str) -> Expression:
        """The reaction of a formula in u, which can be written down and read again.

        Raises:
            DataError: no formula, or one that is not smooth or out of reach.
            DomainError: a constant that is not real and finite.
        """
        found = cls(read_reaction(text).expression)
        for _ in range(_READINGS):
            again = cls(read_reaction(found.written).expression)
            if again == found:
                return found
            found = again
        raise DataError(f"reaction: {text[:60]} has no standard form; write it in another way.")

    @property
    def written(self) -> str:
        return printed(self.expression)

    @property
    def is_zero(self) -> bool:
        return bool(self.expression == 0)

    @property
    def is_odd(self) -> bool:
        return is_odd(read_reaction(self.written).program)

    @property
    def affine(self) -> tuple[float, float] | None:
        return None

    @cached_property
    def program(self) -> Program:
        """The operations."""
        return compile_expression(self.expression, (U,))

    @property
    def operations(self) -> int:
        return len(self.program.steps)

    def sign(self, u: float) -> int | None:
        return exact_sign(self.expression, u)

    def derivative(self, order: int = 1) -> Expression:
        """The formula derived, order by order.

        Raises:
            DataError: one that grows out of reach.
        """
        return _derivative(self, order)

    def at(self, u: Interval) -> Interval:
        """The common part of plain interval arithmetic and of the mean value form."""
        middle = Interval.point((u.lower + u.upper) / 2)
        with np.errstate(all="ignore"):
            found = self.program.run(Expansions(1), [Expansion(u, middle, (_ONE,))])
            value, slope = found.value + Interval.point(0.0 * u.lower), found.slopes[0]
            mean = value if slope is None else found.centre + slope * (u - middle)
        undefined = np.isnan(value.lower) | np.isnan(value.upper)
        return Interval(
            np.where(undefined, np.nan, np.fmax(value.lower, mean.lower)),
            np.where(undefined, np.nan, np.fmin(value.upper, mean.upper)),
        )

    def values(self, u: Array) -> Array:
        points = np.asarray(u, dtype=np.float64)
        return evaluate(self.program, points.reshape(-1, 1)).reshape(points.shape)

    def range(self, lower: float, upper: float) -> tuple[float, float]:
        """Bounds of f over [lower, upper].

        Raises:
            DomainError: f is not proven to be finite there.
        """
        return _range(self, lower, upper)

    def largest(self, lower: float, upper: float) -> float:
        low, high = self.range(lower, upper)
        return max(abs(low), abs(high))

    def double_commutator(self, lower: float, upper: float) -> float:
        return _double_commutator(self).largest(lower, upper)

    def majorant(self, centre: float, radius: Array, height: Array) -> Array:
        """The bound by one disc, and by sixteen that cover the region where it is flat."""
        flat = np.asarray(radius, dtype=np.float64)[..., None]
        places = centre + flat * _PLACES
        # A place is rounded by less than 2^-50 of what it consists of.
        slack = 2.0**-50 * (abs(centre) + flat)
        reach = up(np.hypot(flat / len(_PLACES), np.asarray(height)[..., None])) * 1.001 + slack
        covered = self._on_discs(places, reach).max(-1)
        whole = self._on_discs(np.asarray(centre), np.asarray(radius))
        # Not quite a half, so that the verifier's comparison falls out in the same way.
        return np.where(2.001 * height < radius, np.minimum(whole, covered), whole)

    def _on_discs(self, centres: Array, radii: Array) -> Array:
        """Bounds of |f| on complex discs."""
        start = Disc(Interval.point(centres), Interval.point(radii))
        with np.errstate(all="ignore"):
            found = self.program.run(Discs(), [start])
            size = up(found.centre.magnitude + found.reach.upper) + 0.0 * radii
        return np.asarray(np.where(np.isnan(size), np.inf, size))

    def trajectory(self, u: Interval, order: int) -> list[Interval]:
        with np.errstate(all="ignore"):
            return Trajectory(u).grow(self.program, order)


@lru_cache(maxsize=256)
def _derivative(f: Expression, order: int) -> Expression:
    if order == 0:
        return f
    below = _derivative(f, order - 1)
    if len(below.program.steps) > _MOST_DERIVED:
        raise DataError(
            f"reaction: the derivative of order {order - 1} of {f.written[:40]} has "
            f"{len(below.program.steps)} operations, and at most {_MOST_DERIVED} are within reach; "
            "nest fewer functions."
        )
    return Expression(sympy.diff(below.expression, U))


@lru_cache(maxsize=64)
def _double_commutator(f: Expression) -> Expression:
    first, second, third = (f.derivative(k).expression for k in (1, 2, 3))
    return Expression(third * f.expression + second * first)


@lru_cache(maxsize=1024)
def _range(f: Expression, lower: float, upper: float) -> tuple[float, float]:
    ends = np.linspace(lower, upper, _CELLS + 1)
    ends[0], ends[-1] = lower, upper
    found = f.at(Interval(ends[:-1], ends[1:]))
    low, high = float(found.lower.min()), float(found.upper.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        text = str(f.expression)
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise DomainError(
            f"compile_flow: the reaction or a derivative of it, {shown}, is not proven to be "
            f"finite for u from {lower:.6g} to {upper:.6g}; narrow the range of the starts, such "
            'as --starts "0.1<=u<=1".'
        )
    return low, high
