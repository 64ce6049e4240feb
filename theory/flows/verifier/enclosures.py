"""Reactions and their flows in the verifier's balls."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from sciformer.errors import CertificateError
from theory.flows.record import MOST_OPERATIONS
from theory.flows.verifier.numbers import Number, Numbers

if TYPE_CHECKING:
    import sympy

CELLS = 2048
"""Parts of a range on which f is bounded by its value in the middle and its slopes."""
_ORDER = 10


class Balls:
    """Shorthands over a library of balls."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.pi = numbers.pi()
        self.constants: dict[sympy.Expr, Number] = {}

    def of(self, value: Fraction | float | int) -> Number:
        """A ball around an exact number."""
        return self.numbers.ratio(*value.as_integer_ratio())

    def exp(self, value: Number) -> Number:
        return self.numbers.exp(value)

    def sqrt(self, value: Number) -> Number:
        return self.numbers.sqrt(value)

    def size(self, value: Number) -> float:
        """A bound of |value|."""
        return max(abs(self.numbers.lower(value)), abs(self.numbers.upper(value)))

    def up(self, value: Number) -> float:
        """An upper bound."""
        return self.numbers.upper(value)


class Undefined(CertificateError):
    """Raised for a formula that may be undefined somewhere on the balls it was asked on."""


class Rate(Protocol):
    """A reaction f of one number."""

    @property
    def is_zero(self) -> bool:
        """Whether f is known to vanish everywhere."""
        ...

    @property
    def is_affine(self) -> bool:
        """Whether f'' is known to vanish everywhere."""
        ...

    @property
    def is_odd(self) -> bool:
        """Whether f(-u) = -f(u) is known."""
        ...

    @property
    def operations(self) -> int:
        """The number of sums, products and functions that make it up."""
        ...

    def sign(self, u: float) -> int | None:
        """The sign of f(u) where it is known exactly, else None."""
        ...

    def at(self, balls: Balls, u: Number) -> Number:
        """f on a ball."""
        ...

    def bounds(
        self, balls: Balls, order: int, lower: float, upper: float, cells: int = CELLS
    ) -> tuple[float, float]:
        """Bounds of a derivative of f over an interval."""
        ...

    def mixed(self, balls: Balls, lower: float, upper: float) -> float:
        """A bound of |f''' f + f'' f'| over an interval."""
        ...

    def trajectory(self, balls: Balls, u: Number, order: int) -> list[Number]:
        """Taylor coefficients in time of the solution of u' = f(u), from order 0 to `order`."""
        ...

    def majorant(self, balls: Balls, centre: float, radius: Number, height: Number) -> float:
        """A bound of |f(centre + z)| over complex |z| <= radius with |Im z| <= height, infinite
        where f is not known to be analytic there.
        """
        ...


def cells_of(lower: float, upper: float, count: int) -> list[tuple[float, float]]:
    """The ends of equal parts of an interval."""
    ends = [lower + (upper - lower) * k / count for k in range(count)]
    return list(zip(ends, [*ends[1:], upper], strict=True))


def picard(balls: Balls, f: Rate, u: Number, time: Number) -> Number:
    """A ball that trajectories from u do not leave within a time.

    Raises:
        CertificateError: none was found.
    """
    numbers = balls.numbers
    past = numbers.hull(balls.of(0), time)
    reach = balls.size(f.at(balls, u) * time) + 1e-30 + 1e-25 * balls.size(u)
    if not math.isfinite(reach):
        raise CertificateError("verify: the reaction has no bound on the range of tokens.")
    for factor in (2.0, 4.0, 8.0):
        around = numbers.hull(u - balls.of(factor * reach), u + balls.of(factor * reach))
        moved = past * f.at(balls, around)
        # Compared as distances from u: ends near u would be equal as floats without being inside.
        if balls.size(moved) < factor * reach:
            return u + moved
    raise CertificateError("verify: no inclusion of the reaction's trajectories was found.")


def flow(balls: Balls, f: Rate, u: Number, time: Fraction, rate: float) -> Number:
    """The flow of u' = f(u), by Taylor steps whose size a bound of |f'| sets.

    Raises:
        CertificateError: too many steps, or no inclusion of the trajectories.
    """
    steps = steps_of(f, time, rate)
    h = balls.of(time / steps)
    for _ in range(steps):
        around = picard(balls, f, u, h)
        result = f.trajectory(balls, around, _ORDER + 1)[-1]
        for coefficient in f.trajectory(balls, u, _ORDER)[::-1]:
            result = result * h + coefficient
        u = result
    return u


def steps_of(f: Rate, time: Fraction, rate: float, flows: int = 1) -> int:
    """Taylor steps of a flow over a time: at least 16 in every time in which it may grow by e.

    Args:
        flows: how many of them are wanted.

    Raises:
        CertificateError: more operations than are within reach.
    """
    steps = 16 * float(time) * rate
    if not max(1.0, steps) * flows * f.operations <= MOST_OPERATIONS:
        raise CertificateError(
            f"verify: the reaction is too fast to be followed: {flows} flows of {steps:.3g} steps "
            f"of {f.operations} operations, and at most {MOST_OPERATIONS} are within reach."
        )
    return max(1, math.ceil(steps))
