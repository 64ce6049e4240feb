"""Enclosures of analytic functions at points and on polydiscs, written independently of the
prover's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

U = 2.0**-53
# Upper bounds are sums of fewer than 2^13 rounded products that are not negative.
UPWARD = 1 + 2.0**-39
# What underflow may lose in any one operation, and far more.
LEAST = 1e-299
# Units in the last place by which sin, cos, exp and tanh of numpy are assumed to be off at most.
ULPS = 4


@dataclass(frozen=True)
class Form:
    """centre + slopes . (xi, tau) + rest with |rest| <= rest, for complex |xi|, |tau| <= reach.

    At points there are no slopes: `slopes` is None.
    """

    centre: Array
    slopes: Array | None
    rest: Array
    reach: float

    @classmethod
    def number(cls, value: float, error: float = 0.0) -> Form:
        """A constant."""
        return cls(np.array(value), None, np.array(error), 0.0)

    def swing(self) -> Array:
        """A bound of |slopes . (xi, tau)|."""
        if self.slopes is None:
            return np.zeros(())
        return np.asarray(np.abs(self.slopes).sum(-1) * self.reach * UPWARD)

    def distance(self) -> Array:
        """A bound of the distance to the centre."""
        return np.asarray((self.swing() + self.rest) * UPWARD)

    def size(self) -> Array:
        """A bound of the modulus; inf where nothing is known."""
        found = (np.abs(self.centre) + self.distance()) * UPWARD
        return np.where(np.isfinite(found), found, np.inf)

    def plus(self, other: Form) -> Form:
        """The sum."""
        a, b = self, other
        centre = a.centre + b.centre
        slopes = _added(a.slopes, b.slopes)
        rest = a.rest + b.rest + U * (np.abs(centre) + a.swing() + b.swing())
        return Form(centre, slopes, rest * UPWARD, max(a.reach, b.reach))

    def minus(self, other: Form) -> Form:
        """The difference."""
        return self.plus(other.times(Form.number(-1.0)))

    def times(self, other: Form) -> Form:
        """The product: what is of second order goes into the rest."""
        a, b = self, other
        centre = a.centre * b.centre
        slopes = _added(_scaled(a.slopes, b.centre), _scaled(b.slopes, a.centre))
        size_a, size_b = np.abs(a.centre), np.abs(b.centre)
        swing_a, swing_b = a.swing(), b.swing()
        rest = swing_a * swing_b
        rest = rest + a.rest * (size_b + swing_b + b.rest) + b.rest * (size_a + swing_a)
        lost = np.abs(centre) + 3 * (size_a * swing_b + size_b * swing_a)
        return Form(centre, slopes, (rest + U * lost) * UPWARD + LEAST, max(a.reach, b.reach))

    def affine(self, weight: Array, bias: Array | None) -> Form:
        """W z + b along the last axis, in whatever order the library adds."""
        terms = weight.shape[1] + 2
        share = terms * U / (1 - terms * U)
        absolute = np.abs(weight).T
        centre = self.centre @ weight.T
        mass = np.abs(self.centre) + self.swing()
        lost = mass @ absolute
        slopes = self.slopes
        if slopes is not None:
            slopes = np.einsum("...ik,oi->...ok", slopes, weight, optimize=True)
        if bias is not None:
            centre, lost = centre + bias, lost + np.abs(bias)
        rest = (self.rest @ absolute + share * lost) * UPWARD + LEAST
        return Form(centre, slopes, rest, self.reach)

    def columns(self, count: int, width: int, *, sloped: bool) -> Form:
        """The form spread over (count, width), with slopes if `sloped`."""
        slopes = self.slopes
        if sloped:
            given = np.zeros(2) if slopes is None else slopes
            slopes = np.broadcast_to(given, (count, width, 2))
        arrays = (np.broadcast_to(a, (count, width)) for a in (self.centre, self.rest))
        centre, rest = arrays
        return Form(centre, slopes, rest, self.reach)

    def tanh(self) -> Form:
        """The hyperbolic tangent, by |tanh'| = 1 / |cosh|^2 and |tanh''| = 2 |tanh| / |cosh|^2 on
        the disc around the centre, where |cosh(p + i q)|^2 = cosh(p)^2 - sin(q)^2 >= cosh(least
        p)^2 - sin(most q)^2.
        """
        far = self.distance()
        least = np.maximum(np.abs(self.centre) - far, 0.0)
        most = np.where(far < np.pi / 2, np.sin(np.minimum(far, np.pi / 2)), 1.0)
        square = np.cosh(np.minimum(least, 200.0)) ** 2
        below = square - most**2 - 1e-13 * (square + 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            steepest = np.where(below > 0, UPWARD / below, np.inf)
            value = np.tanh(self.centre)
            half_bend = (np.abs(value) + far * steepest) * steepest * UPWARD
        return self._expanded(value, 1 - value * value, half_bend)

    def exp(self) -> Form:
        """The exponential, whose second derivative exp is largest to the right."""
        value = np.exp(self.centre)
        return self._expanded(value, value, value * np.exp(self.distance()) * (0.5 + 1e-12))

    def sin(self) -> Form:
        """The sine, by |sin z| <= cosh |Im z|."""
        bend = np.cosh(self.distance()) * (0.5 + 1e-12)
        return self._expanded(np.sin(self.centre), np.cos(self.centre), bend)

    def cos(self) -> Form:
        """The cosine, by |cos z| <= cosh |Im z|."""
        bend = np.cosh(self.distance()) * (0.5 + 1e-12)
        return self._expanded(np.cos(self.centre), -np.sin(self.centre), bend)

    def _expanded(self, value: Array, slope: Array, half_bend: Any) -> Form:
        far = self.distance()
        with np.errstate(invalid="ignore", over="ignore"):
            rest = np.abs(slope) * self.rest + half_bend * far * far
            # Value and slope are off by ULPS of a number of size 1 + |slope|, and of the value.
            off = 2 * ULPS * U * (2 * np.abs(value) + (2 + 2 * np.abs(slope)) * far)
            slopes = _scaled(self.slopes, slope)
            return Form(value, slopes, (rest + off) * UPWARD + LEAST, self.reach)


def side_by_side(forms: Sequence[Form], widths: Sequence[int]) -> Form:
    """Columns of several forms as one."""
    count = max(f.centre.shape[0] if f.centre.ndim else 1 for f in forms)
    sloped = any(f.slopes is not None for f in forms)
    spread = [f.columns(count, w, sloped=sloped) for f, w in zip(forms, widths, strict=True)]
    slopes = [f.slopes for f in spread if f.slopes is not None]
    return Form(
        np.concatenate([f.centre for f in spread], 1),
        np.concatenate(slopes, 1) if sloped else None,
        np.concatenate([f.rest for f in spread], 1),
        max(f.reach for f in spread),
    )


def _added(a: Array | None, b: Array | None) -> Array | None:
    if a is None:
        return b
    return a if b is None else a + b


def _scaled(slopes: Array | None, factor: Array) -> Array | None:
    return None if slopes is None else slopes * np.asarray(factor)[..., None]
