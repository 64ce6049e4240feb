"""First-order enclosures on boxes: a linear function of the position in the box, and a remainder.

On the box of all c + t with |t_k| <= r_k,   f(c + t) in value + gradient . t + [-radius, radius]

A plain interval of f is carried beside it, and every operation uses the narrower of the two. The
remainder of a smooth function is quadratic in the size of the box (Taylor), that of a kink is the
distance from its chord. The certifier bounds slopes instead; nothing is shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.universal.arrays import Array
from theory.universal.verifier.ranges import Function, Range, Truth
from theory.universal.verifier.rounded import UNIT, above, gamma, sums

_HALF = Range.point(0.5)
_ONE = Range.point(1.0)
_TWO = Range.point(2.0)


@dataclass(frozen=True, slots=True)
class Form:
    """A first-order form: value, radius and the ends of `range` (...), gradient (..., c)."""

    value: Array
    gradient: Array
    radius: Array
    range: Range

    def __getitem__(self, index: Any) -> Form:
        """Part of a batch; the coordinates of the gradient are not indexed."""
        places = index if isinstance(index, tuple) else (index,)
        wide = (*places, slice(None)) if Ellipsis in places else (*places, ..., slice(None))
        ends = Range(self.range.lower[index], self.range.upper[index])
        return Form(self.value[index], self.gradient[wide], self.radius[index], ends)

    def reshaped(self, *shape: int) -> Form:
        """The form with its numbers in another shape."""
        ends = Range(self.range.lower.reshape(shape), self.range.upper.reshape(shape))
        gradient = self.gradient.reshape(*shape, self.gradient.shape[-1])
        return Form(self.value.reshape(shape), gradient, self.radius.reshape(shape), ends)


def _tanh_slope(v: Range) -> Range:
    return _ONE - v.tanh().power(2)


def _atan_slope(v: Range) -> Range:
    return (_ONE + v.power(2)).reciprocal()


def _sqrt_slope(v: Range) -> Range:
    return (_TWO * v.sqrt()).reciprocal()


SMOOTH: dict[str, tuple[Function, Function, Function]] = {
    "exp": (Range.exp, Range.exp, Range.exp),
    "log": (Range.log, Range.reciprocal, lambda v: -v.power(-2)),
    "sin": (Range.sin, Range.cos, lambda v: -v.sin()),
    "cos": (Range.cos, lambda v: -v.sin(), lambda v: -v.cos()),
    "tanh": (Range.tanh, _tanh_slope, lambda v: -_TWO * v.tanh() * _tanh_slope(v)),
    "atan": (Range.atan, _atan_slope, lambda v: -_TWO * v * _atan_slope(v).power(2)),
    "sqrt": (Range.sqrt, _sqrt_slope, lambda v: -_TWO * _sqrt_slope(v).power(3)),
    "reciprocal": (Range.reciprocal, lambda v: -v.power(-2), lambda v: _TWO * v.power(-3)),
}
"""Value, first and second derivative: the verifier's own table, written apart from the certifier's
in `theory.universal.enclosure.range` on purpose."""


class Forms:
    """The arithmetic of forms on a batch of boxes.

    Args:
        lower: lower corners, shape (boxes, c).
        upper: upper corners, same shape.
    """

    def __init__(self, lower: Array, upper: Array) -> None:
        self.lower, self.upper = lower, upper
        self.centre = np.clip(lower + (upper - lower) / 2, lower, upper)
        reach = sums(upper, -self.centre)[1], sums(self.centre, -lower)[1]
        self.radius = np.maximum(*reach)
        self.coordinates = lower.shape[1]

    def variable(self, index: int) -> Form:
        """The coordinate itself."""
        centre = self.centre[:, index]
        gradient = np.zeros_like(self.centre)
        gradient[:, index] = 1.0
        ends = Range(self.lower[:, index], self.upper[:, index])
        return Form(centre, gradient, np.zeros_like(centre), ends)

    def constant(self, value: Range) -> Form:
        """A number, the same on every box; infinite and undefined ones stay as they are."""
        ends = np.shape(value.lower)
        middle = value.lower + (value.upper - value.lower) / 2
        reach = np.maximum(sums(value.upper, -middle)[1], sums(middle, -value.lower)[1])
        return Form(middle, np.zeros((*ends, self.coordinates)), reach, value)

    def spread(self, gradient: Array, radius: Array) -> Array:
        """Largest |gradient . t| + radius; a form without a batch is a constant, its gradient 0."""
        if gradient.ndim == 1:
            return np.asarray(radius)
        sides = self.radius.reshape(len(self.radius), *(1,) * (gradient.ndim - 2), -1)
        return above((np.abs(gradient) * sides).sum(-1) + radius, self.coordinates + 2)

    def build(
        self, value: Array, gradient: Array, radius: Array, plain: Range, rounding: Array
    ) -> Form:
        """The form of computed parts.

        Args:
            value, gradient, radius: as in `Form`, before their own rounding is counted.
            plain: an interval of the same function; its NaN and infinities are kept.
            rounding: bounds |exact - computed| of value + gradient . t, over the box.
        """
        radius = above(radius + rounding, 2)
        reach = self.spread(gradient, radius)
        narrow = plain.meet(Range(sums(value, -reach)[0], sums(value, reach)[1]))
        half = self.constant(narrow)
        # A remainder wider than the whole interval says less than the interval alone.
        poor = ~(radius <= half.radius)
        return Form(
            np.where(poor, half.value, value),
            np.where(poor[..., None], 0.0, gradient),
            np.where(poor, half.radius, radius),
            narrow,
        )

    def add(self, left: Form, right: Form) -> Form:
        """f + g."""
        value, gradient = left.value + right.value, left.gradient + right.gradient
        rounding = UNIT * self.spread(gradient, np.abs(value))
        radius = above(left.radius + right.radius, 1)
        return self.build(value, gradient, radius, left.range + right.range, rounding)

    def negative(self, form: Form) -> Form:
        """-f, exactly."""
        return Form(-form.value, -form.gradient, form.radius, -form.range)

    def subtract(self, left: Form, right: Form) -> Form:
        """f - g."""
        return self.add(left, self.negative(right))

    def multiply(self, left: Form, right: Form) -> Form:
        """f g, with the product of the two deviations as remainder."""
        a, b = left.value, right.value
        value = a * b
        first, second = left.gradient * b[..., None], right.gradient * a[..., None]
        gradient = first + second
        reach = self.spread(left.gradient, left.radius)
        other = self.spread(right.gradient, right.radius)
        radius = np.abs(a) * right.radius + np.abs(b) * left.radius + reach * other
        terms = np.abs(first) + np.abs(second) + np.abs(gradient)
        rounding = UNIT * self.spread(terms, above(np.abs(value), 1))
        plain = left.range * right.range
        return self.build(value, gradient, above(radius, 4), plain, above(rounding, 1))

    def scale(self, form: Form, factor: Range) -> Form:
        """A constant times f."""
        return self.multiply(form, self.constant(factor))

    def power(self, base: Form, exponent: int) -> Form:
        """f**k for an integer k."""
        if exponent == 1:
            return base
        first = Range.point(float(exponent))
        second = Range.point(float(exponent) * float(exponent - 1))
        return self._taylor(
            base,
            lambda v: v.power(exponent),
            lambda v: first * v.power(exponent - 1),
            lambda v: second * v.power(exponent - 2),
        )

    def smooth(self, name: str, inner: Form) -> Form:
        """A function of `SMOOTH`."""
        return self._taylor(inner, *SMOOTH[name])

    def _taylor(self, inner: Form, function: Function, slope: Function, bend: Function) -> Form:
        """phi(u) = phi(p) + phi'(p) (u - p) + phi''(v) (u - p)^2 / 2, v between u and p in u's
        range."""
        ends = inner.range
        at = np.clip(inner.value, ends.lower, ends.upper)
        point, distance = Range.point(at), sums(inner.value, -at)
        far = np.maximum(sums(ends.upper, -at)[1], sums(at, -ends.lower)[1])
        first = slope(point)
        steep = first.lower + (first.upper - first.lower) / 2
        doubt = np.maximum(sums(first.upper, -steep)[1], sums(steep, -first.lower)[1])
        square = Range(np.zeros_like(far), far).power(2)
        rest = _HALF * bend(ends) * square
        rest = rest.hull(Range.point(np.zeros_like(far)))
        start = function(point) + Range(*distance) * Range.point(steep) + rest
        middle = self.constant(start)
        gradient = inner.gradient * steep[..., None]
        radius = middle.radius + np.abs(steep) * inner.radius + doubt * far
        rounding = UNIT * self.spread(gradient, np.zeros_like(far))
        return self.build(middle.value, gradient, above(radius, 3), function(ends), rounding)

    def relu(self, inner: Form) -> Form:
        """max(f, 0): where f may change its sign, share f + [0, gap] under the chord."""
        ends = inner.range
        share, gap = chord(ends.lower, ends.upper)
        value = inner.value * share + gap / 2
        gradient = inner.gradient * share[..., None]
        radius = above(inner.radius * share + gap / 2, 2)
        rounding = 2.0 * UNIT * self.spread(gradient, np.abs(value) + np.abs(inner.value) + gap)
        plain = ends.maximum(Range.point(np.zeros_like(ends.lower)))
        return self.build(value, gradient, radius, plain, rounding)

    def maximum(self, left: Form, right: Form) -> Form:
        """max(f, g) = g + relu(f - g)."""
        found = self.add(right, self.relu(self.subtract(left, right)))
        return self._narrowed(found, left.range.maximum(right.range))

    def absolute(self, inner: Form) -> Form:
        """|f| = 2 relu(f) - f."""
        found = self.subtract(self.scale(self.relu(inner), _TWO), inner)
        return self._narrowed(found, inner.range.absolute())

    def _narrowed(self, form: Form, plain: Range) -> Form:
        still = np.zeros_like(form.radius)
        return self.build(form.value, form.gradient, form.radius, plain.meet(form.range), still)

    def choose(self, margin: Form, then: Form, otherwise: Form) -> Form:
        """`then` where margin > 0, `otherwise` where it is < 0; undecided: anything between."""
        shape = np.broadcast_shapes(
            *(np.shape(f.value) for f in (margin, then, otherwise)), (len(self.centre),)
        )
        yes, no = margin.range.lower > 0, margin.range.upper < 0
        both = self.constant(then.range.hull(otherwise.range).where_not(_is_nan(margin.range)))
        return _select(shape, (yes, no), (then, otherwise, both))

    def total(self, form: Form, axis: int) -> Form:
        """The sum over one axis of a batch."""
        count = form.value.shape[axis]
        loss = gamma(count)
        value, gradient = form.value.sum(axis), form.gradient.sum(axis)
        sizes = np.abs(form.gradient).sum(axis), np.abs(form.value).sum(axis)
        rounding = above(loss * self.spread(*sizes), 2 * count)
        ends, radius = form.range, above(form.radius.sum(axis), count)
        low = above(loss * np.abs(ends.lower).sum(axis), 2 * count)
        high = above(loss * np.abs(ends.upper).sum(axis), 2 * count)
        lower = sums(ends.lower.sum(axis), -low)[0]
        plain = Range(lower, sums(ends.upper.sum(axis), high)[1])
        return self.build(value, gradient, radius, plain, rounding)

    def sum(self, forms: Sequence[Form]) -> Form:
        """The sum of at least one form."""
        total = forms[0]
        for form in forms[1:]:
            total = self.add(total, form)
        return total


def chord(lower: Array, upper: Array) -> tuple[Array, Array]:
    """share in [0, 1] and gap such that relu(u) lies in share u + [0, gap] on lower <= u <= upper.

    relu(u) - share u is convex and vanishes at 0, so its largest value is at an end: -share lower
    or (1 - share) upper. That holds for every share in [0, 1], whatever its rounding.
    """
    low, high = np.minimum(lower, 0.0), np.maximum(upper, 0.0)
    width = high - low
    share = np.where(lower >= 0, 1.0, high / np.where(width > 0, width, 1.0))
    share = np.clip(share, 0.0, 1.0)
    gap = above(np.maximum(share * -low, (1.0 - share) * high), 3)
    return share, np.where((lower >= 0) | (upper <= 0), 0.0, gap)


def _is_nan(ends: Range) -> Truth:
    return np.isnan(ends.lower) | np.isnan(ends.upper)


def _select(
    shape: tuple[int, ...], where: tuple[Truth, Truth], forms: tuple[Form, Form, Form]
) -> Form:
    """The first form where where[0], the second where where[1], else the third."""

    def pick(arrays: list[Array], wide: bool) -> Array:
        full = [np.broadcast_to(a, (*shape, a.shape[-1]) if wide else shape) for a in arrays]
        conditions = [np.broadcast_to(w, shape) for w in where]
        conditions = [c[..., None] for c in conditions] if wide else conditions
        return np.where(conditions[0], full[0], np.where(conditions[1], full[1], full[2]))

    return Form(
        pick([f.value for f in forms], False),
        pick([f.gradient for f in forms], True),
        pick([f.radius for f in forms], False),
        Range(
            pick([f.range.lower for f in forms], False), pick([f.range.upper for f in forms], False)
        ),
    )
