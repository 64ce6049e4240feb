"""Range of a formula on boxes, and its slopes about their centres, by interval arithmetic.

A slope of F on a box X about a point c in X is an interval vector S such that every x in X has
some s in S with F(x) = F(c) + s . (x - c). The interval hull of Clarke's generalised gradient over
X is one (mean value theorem of Lebourg); the rules below give a thinner one, because only one of
the two end points of each difference moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from theory.universal.arrays import Array
from theory.universal.enclosure.intervals import Interval
from theory.universal.formula.decompose import Block
from theory.universal.formula.program import Program
from theory.universal.formula.target import Target

Slopes = tuple[Interval | None, ...]
"""One interval a coordinate; None is an exact zero."""

_ZERO = Interval.point(0.0)
_HALF = Interval.point(0.5)
_ONE = Interval.point(1.0)
_TWO = Interval.point(2.0)


@dataclass(frozen=True, slots=True)
class Expansion:
    """Values on a batch of boxes, values at their centres, and slopes between the two."""

    value: Interval
    centre: Interval
    slopes: Slopes


def _sum(left: Interval | None, right: Interval | None) -> Interval | None:
    if left is None:
        return right
    return left if right is None else left + right


def _sums(left: Slopes, right: Slopes) -> Slopes:
    return tuple(_sum(a, b) for a, b in zip(left, right, strict=True))


def _times(slopes: Slopes, factor: Interval) -> Slopes:
    return tuple(None if s is None else s * factor for s in slopes)


def _meet(left: Interval, right: Interval) -> Interval:
    """The common part of two enclosures of one number; a NaN end gives way to the other."""
    return Interval(np.fmax(left.lower, right.lower), np.fmin(left.upper, right.upper))


Rule = tuple[
    Callable[[Interval], Interval], Callable[[Interval], Interval], Callable[[Interval], Interval]
]


def _tanh_slope(v: Interval) -> Interval:
    return _ONE - v.tanh().power(2)


def _tanh_bend(v: Interval) -> Interval:
    t = v.tanh()
    return -_TWO * t * (_ONE - t.power(2))


def _atan_slope(v: Interval) -> Interval:
    return (_ONE + v.power(2)).reciprocal()


def _sqrt_slope(v: Interval) -> Interval:
    return (_TWO * v.sqrt()).reciprocal()


_RULES: Mapping[str, Rule] = {
    "exp": (Interval.exp, Interval.exp, Interval.exp),
    "log": (Interval.log, Interval.reciprocal, lambda v: -(v.power(2).reciprocal())),
    "sin": (Interval.sin, Interval.cos, lambda v: -v.sin()),
    "cos": (Interval.cos, lambda v: -v.sin(), lambda v: -v.cos()),
    "tanh": (Interval.tanh, _tanh_slope, _tanh_bend),
    "atan": (Interval.atan, _atan_slope, lambda v: -_TWO * v * _atan_slope(v).power(2)),
    "sqrt": (Interval.sqrt, _sqrt_slope, lambda v: -_TWO * _sqrt_slope(v).power(3)),
}
"""Value, first and second derivative. The verifier has a table of its own, written apart from this
one on purpose: `theory.universal.verifier.forms`."""


class Expansions:
    """The arithmetic of `Expansion`."""

    def __init__(self, coordinates: int) -> None:
        self.none: Slopes = (None,) * coordinates

    def constant(self, value: sympy.Expr) -> Expansion:
        """A constant, with slopes that are exactly zero."""
        enclosed = enclose_constant(value)
        return Expansion(enclosed, enclosed, self.none)

    def add(self, left: Expansion, right: Expansion) -> Expansion:
        """f + g."""
        slopes = _sums(left.slopes, right.slopes)
        return Expansion(left.value + right.value, left.centre + right.centre, slopes)

    def multiply(self, left: Expansion, right: Expansion) -> Expansion:
        """f g - f_c g_c = (f - f_c) g + f_c (g - g_c)."""
        slopes = _sums(_times(left.slopes, right.value), _times(right.slopes, left.centre))
        return Expansion(left.value * right.value, left.centre * right.centre, slopes)

    def power(self, base: Expansion, exponent: int) -> Expansion:
        """f^k for an integer k."""
        first = Interval.point(float(exponent))
        second = Interval.point(float(exponent) * (exponent - 1))
        rule = (
            lambda v: v.power(exponent),
            lambda v: first * v.power(exponent - 1),
            lambda v: second * v.power(exponent - 2),
        )
        return _smooth(base, rule)

    def sqrt(self, value: Expansion) -> Expansion:
        """The square root; NaN unless f is proven not to be negative."""
        return _smooth(value, _RULES["sqrt"])

    def function(self, name: str, value: Expansion) -> Expansion:
        """exp, log, sin, cos, tanh, atan or abs of f."""
        if name == "abs":
            return self.maximum(value, _negative(value))
        return _smooth(value, _RULES[name])

    def maximum(self, left: Expansion, right: Expansion) -> Expansion:
        """max(f, g) = g + relu(f - g)."""
        margin = left.value - right.value
        centre = left.centre - right.centre
        share = relu_slope(margin, centre)
        return Expansion(
            left.value.maximum(right.value),
            left.centre.maximum(right.centre),
            _blend(share, left.slopes, right.slopes),
        )

    def minimum(self, left: Expansion, right: Expansion) -> Expansion:
        """min(f, g) = -max(-f, -g)."""
        return _negative(self.maximum(_negative(left), _negative(right)))

    def choose(self, condition: Expansion, then: Expansion, otherwise: Expansion) -> Expansion:
        """The branch that holds on the whole box.

        On a box that meets the border the slopes are infinite, whether the branches join or not:
        such a box is bounded by the range of its values alone, so a jump is never bridged.
        """
        crossing = ~((condition.value.lower > 0) | (condition.value.upper < 0))
        slopes = tuple(
            _unbounded(_side(condition.value, a or _ZERO, b or _ZERO), crossing)
            for a, b in zip(then.slopes, otherwise.slopes, strict=True)
        )
        return Expansion(
            _side(condition.value, then.value, otherwise.value),
            _side(condition.centre, then.centre, otherwise.centre),
            slopes,
        )


def _negative(value: Expansion) -> Expansion:
    slopes = tuple(None if s is None else -s for s in value.slopes)
    return Expansion(-value.value, -value.centre, slopes)


def _smooth(inner: Expansion, rule: Rule) -> Expansion:
    """phi(u) - phi(c) = s (u - c) with s in phi'(U) and in phi'(c) + phi''(U) (U - c) / 2."""
    value, slope, bend = rule
    near = slope(inner.centre) + _HALF * bend(inner.value) * (inner.value - inner.centre)
    share = _meet(slope(inner.value), near)
    return Expansion(value(inner.value), value(inner.centre), _times(inner.slopes, share))


_QUOTIENT = 8 * 2.0**-53
"""A sum, a quotient and a product are off by at most 3 u + 3 u^2 + u^3 < 8 u."""


def relu_slope(value: Interval, centre: Interval) -> Interval:
    """All (relu(u) - relu(c)) / (u - c) for u in `value` and c in `centre`, which it contains.

    Divided differences of a convex function increase in both arguments, so the ends suffice.
    """
    low = np.maximum(centre.lower, 0.0)
    high = np.maximum(value.upper, 0.0)
    below = low + np.maximum(-value.lower, 0.0)
    above = high + np.maximum(-centre.upper, 0.0)
    return Interval(
        low / (below + (below <= 0)) * (1.0 - _QUOTIENT),
        np.minimum(high / (above + (above <= 0)) * (1.0 + _QUOTIENT), 1.0),
    )


def _blend(share: Interval, left: Slopes, right: Slopes) -> Slopes:
    """share left + (1 - share) right; the other way of writing it is sharper when share is wide."""
    rest = _ONE - share
    blended: list[Interval | None] = []
    for a, b in zip(left, right, strict=True):
        if a is None and b is None:
            blended.append(None)
        else:
            l, r = a or _ZERO, b or _ZERO
            blended.append(_meet(l * share + r * rest, r + share * (l - r)))
    return tuple(blended)


def _side(margin: Interval, left: Interval, right: Interval) -> Interval:
    """`left` where margin > 0, `right` where it is < 0, else the hull of both; NaN if margin is."""
    hull = left.hull(right)
    hull = Interval(
        np.where(np.isnan(margin.lower), np.nan, hull.lower),
        np.where(np.isnan(margin.upper), np.nan, hull.upper),
    )
    is_left, is_right = margin.lower > 0, margin.upper < 0
    return Interval(
        np.where(is_left, left.lower, np.where(is_right, right.lower, hull.lower)),
        np.where(is_left, left.upper, np.where(is_right, right.upper, hull.upper)),
    )


def _unbounded(slope: Interval, where: NDArray[np.bool_]) -> Interval:
    return Interval(np.where(where, -np.inf, slope.lower), np.where(where, np.inf, slope.upper))


def enclose_constant(value: sympy.Expr) -> Interval:
    """The thinnest interval of floats around a constant: a point if it is a float exactly."""
    near = float(value if value.is_Rational else value.evalf(30))
    if value.is_Rational and sympy.Rational(near) == value:
        return Interval.point(near)
    return Interval(np.asarray(np.nextafter(near, -np.inf)), np.asarray(np.nextafter(near, np.inf)))


def enclose(program: Program, lower: Array, centre: Array, upper: Array) -> Expansion:
    """Values and slopes of a program on boxes.

    Args:
        program: the formula in its `c` variables.
        lower: lower corners, shape (boxes, c), float64.
        centre: a point of each box, same shape.
        upper: upper corners, same shape.

    Returns:
        Intervals of shape (boxes,) or (); NaN where the formula may be undefined, infinite slopes
        where it may jump.
    """
    inputs = []
    for c in range(program.inputs):
        slopes: list[Interval | None] = [None] * program.inputs
        slopes[c] = _ONE
        value = Interval(np.ascontiguousarray(lower[:, c]), np.ascontiguousarray(upper[:, c]))
        point = Interval.point(np.ascontiguousarray(centre[:, c]))
        inputs.append(Expansion(value, point, tuple(slopes)))
    with np.errstate(all="ignore"):
        return program.run(Expansions(program.inputs), inputs)


def enclose_gradient(program: Program, lower: Array, upper: Array) -> Interval:
    """All generalised gradients of a program on boxes, shape (boxes, c).

    The slopes of `enclose` about a centre that is the whole box hold between any two points.
    """
    inputs = []
    for c in range(program.inputs):
        slopes: list[Interval | None] = [None] * program.inputs
        slopes[c] = _ONE
        value = Interval(np.ascontiguousarray(lower[:, c]), np.ascontiguousarray(upper[:, c]))
        inputs.append(Expansion(value, value, tuple(slopes)))
    with np.errstate(all="ignore"):
        found = program.run(Expansions(program.inputs), inputs)
    low, high = np.empty_like(lower), np.empty_like(upper)
    for c, slope in enumerate(found.slopes):
        low[:, c], high[:, c] = (0.0, 0.0) if slope is None else (slope.lower, slope.upper)
    real = np.isfinite(found.value.lower) & np.isfinite(found.value.upper)
    undefined = ~np.broadcast_to(real, (len(lower),))
    low[undefined], high[undefined] = -np.inf, np.inf
    return Interval(np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high))


def reach_of(block: Block, target: Target) -> tuple[Array, Array]:
    """The smallest box around L x, x in the domain, rounded outward."""
    ends = []
    for row in block.rows:
        total = Interval.point(0.0)
        for coefficient, low, high in zip(row, target.lower, target.upper, strict=True):
            if coefficient != 0:
                side = Interval(np.asarray(low), np.asarray(high))
                total = total + enclose_constant(coefficient) * side
        ends.append(total)
    lower, upper = np.array([[float(t.lower), float(t.upper)] for t in ends]).T.copy()
    for k, row in enumerate(block.rows):
        if sum(c != 0 for c in row) == 1 and 1 in row:  # a coordinate itself, without rounding
            at = row.index(1)
            lower[k], upper[k] = target.lower[at], target.upper[at]
    return lower, upper
