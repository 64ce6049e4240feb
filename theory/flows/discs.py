"""Formulas on complex discs with real centres: values and a bound of how far they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy

from sciformer.errors import DataError
from theory.universal.enclosure.intervals import Interval
from theory.universal.enclosure.range import enclose_constant

_ONE, _HALF = Interval.point(1.0), Interval.point(0.5)


@dataclass(frozen=True, slots=True)
class Disc:
    """All complex numbers within the upper end of `reach` from a real number in `centre`.

    NaN stands for a value of which nothing is known.
    """

    centre: Interval
    reach: Interval


class Discs:
    """The arithmetic of `Disc`; every bound below increases with the reach of what it is about.

    The verifier has its own: `theory.flows.verifier.discs`.
    """

    def constant(self, value: sympy.Expr) -> Disc:
        return Disc(enclose_constant(value), Interval.point(0.0))

    def add(self, left: Disc, right: Disc) -> Disc:
        return Disc(left.centre + right.centre, left.reach + right.reach)

    def multiply(self, left: Disc, right: Disc) -> Disc:
        """|a b - a_c b_c| <= |a_c| s + |b_c| r + r s."""
        r, s = left.reach, right.reach
        moved = left.centre.absolute() * s + right.centre.absolute() * r + r * s
        return Disc(left.centre * right.centre, moved)

    def power(self, base: Disc, exponent: int) -> Disc:
        """|a^k - a_c^k| <= (|a_c| + r)^k - |a_c|^k, by the binomial theorem."""
        if exponent < 0:
            return self._reciprocal(self.power(base, -exponent))
        size = base.centre.absolute()
        moved = (size + base.reach).power(exponent) - size.power(exponent)
        return Disc(base.centre.power(exponent), moved)

    def _reciprocal(self, value: Disc) -> Disc:
        """|1/a - 1/a_c| <= r / (|a_c| (|a_c| - r)) if 0 lies outside."""
        size = value.centre.absolute()
        left = _positive(size - value.reach)
        return Disc(value.centre.reciprocal(), value.reach * (size * left).reciprocal())

    def sqrt(self, value: Disc) -> Disc:
        """|sqrt a - sqrt a_c| = |a - a_c| / |sqrt a + sqrt a_c|, whose real parts are known."""
        root = value.centre.sqrt()
        least = _positive(value.centre - value.reach).sqrt()
        return Disc(root, value.reach * (root + least).reciprocal())

    def function(self, name: str, value: Disc) -> Disc:
        c, r = value.centre, value.reach
        match name:
            case "exp":
                return Disc(c.exp(), c.exp() * _least(r.exp() - _ONE, r * r.exp()))
            case "log":
                share = r * _positive(c).reciprocal()
                left = _positive(_ONE - share)
                return Disc(c.log(), _least(-left.log(), share * left.reciprocal()))
            case "sin":
                return Disc(c.sin(), _turned(c.sin(), c.cos(), r))
            case "cos":
                return Disc(c.cos(), _turned(c.cos(), c.sin(), r))
            case "tanh":
                return Disc(c.tanh(), _tanh_reach(c, r))
            case "atan":
                # The slope is 1 / ((w - i) (w + i)), and both poles are as far from the centre.
                left = _positive((_ONE + c.power(2)).sqrt() - r)
                return Disc(c.atan(), r * left.power(2).reciprocal())
        raise DataError(f"reaction: {name} has no continuation to complex numbers.")

    def maximum(self, left: Disc, right: Disc) -> Disc:
        raise DataError("reaction: max has no continuation to complex numbers.")

    def minimum(self, left: Disc, right: Disc) -> Disc:
        raise DataError("reaction: min has no continuation to complex numbers.")

    def choose(self, condition: Disc, then: Disc, otherwise: Disc) -> Disc:
        raise DataError("reaction: where has no continuation to complex numbers.")


def _positive(value: Interval) -> Interval:
    """The interval itself, NaN where it is not positive."""
    lost = ~(value.lower > 0)
    return Interval(np.where(lost, np.nan, value.lower), np.where(lost, np.nan, value.upper))


def _turned(value: Interval, other: Interval, reach: Interval) -> Interval:
    """The bound |v| (cosh r - 1) + |w| sinh r of sine and cosine, w the other of them."""
    grown, shrunk = reach.exp(), (-reach).exp()
    cosh = (grown + shrunk) * _HALF
    bowed = _least(cosh - _ONE, reach.power(2) * _HALF * cosh)
    moved = _least((grown - shrunk) * _HALF, reach * cosh)
    return value.absolute() * bowed + other.absolute() * moved


def _least(bound: Interval, other: Interval) -> Interval:
    """The smaller of two bounds: differences of numbers near 1 know no unit far below it."""
    return Interval(np.fmin(bound.lower, other.lower), np.fmin(bound.upper, other.upper))


def _tanh_reach(centre: Interval, reach: Interval) -> Interval:
    """The smaller of two bounds, for reaches below pi / 2.

    T (1 - t^2) / (1 - t T), T = tan r >= |tanh z|, by the addition theorem; and the reach times the
    largest slope, as |cosh w|^2 = sinh^2(Re w) + cos^2(Im w).
    """
    tanh, cosine = centre.tanh().absolute(), reach.cos()
    cosine = _positive(Interval(np.where(reach.upper < 1.5, cosine.lower, np.nan), cosine.upper))
    tangent = reach.sin() * cosine.reciprocal()
    left = _positive(_ONE - tanh * tangent)
    near = tangent * (_ONE - tanh.power(2)) * left.reciprocal()
    least = (centre.absolute() - reach).maximum(Interval.point(0.0))
    sinh = (least.exp() - (-least).exp()) * _HALF
    far = reach * (sinh.power(2) + cosine.power(2)).reciprocal()
    return _least(near, far)
