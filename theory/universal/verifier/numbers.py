"""Numbers for the verifier: real balls of python-flint, or intervals of mpmath where it is missing.

Nothing here knows the certifier; both libraries round outward by themselves.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

Number = Any
"""An enclosure of a real number of one of the libraries; + - * / and unary - work on it."""

_BITS = 120


class Numbers(Protocol):
    """What the verifier asks of a library."""

    name: str

    def exact(self, value: float) -> Number: ...
    def ratio(self, above: int, below: int) -> Number: ...
    def between(self, lower: float, upper: float) -> Number: ...
    def hull(self, left: Number, right: Number) -> Number: ...
    def lower(self, value: Number) -> float: ...
    def upper(self, value: Number) -> float: ...
    def function(self, name: str, value: Number) -> Number: ...


class Flint:
    """Arb balls of `_BITS` bits."""

    name = "python-flint arb"

    def __init__(self) -> None:
        import flint

        flint.ctx.prec = _BITS
        self._arb = flint.arb

    def exact(self, value: float) -> Number:
        return self._arb(value)

    def ratio(self, above: int, below: int) -> Number:
        return self._arb(above) / self._arb(below)

    def between(self, lower: float, upper: float) -> Number:
        return self._arb(lower).union(self._arb(upper))

    def hull(self, left: Number, right: Number) -> Number:
        return left.union(right)

    def lower(self, value: Number) -> float:
        return math.nextafter(float(value.lower()), -math.inf)

    def upper(self, value: Number) -> float:
        return math.nextafter(float(value.upper()), math.inf)

    def function(self, name: str, value: Number) -> Number:
        return self._arb.pi() if name == "pi" else getattr(value, name)()


class Mpmath:
    """Intervals of mpmath, about a hundred times slower."""

    name = "mpmath iv"

    def __init__(self) -> None:
        import mpmath

        self._iv, self._mp = mpmath.iv, mpmath.mp
        self._iv.prec = self._mp.prec = _BITS

    def exact(self, value: float) -> Number:
        return self._iv.mpf(value)

    def ratio(self, above: int, below: int) -> Number:
        return self._iv.mpf(above) / self._iv.mpf(below)

    def between(self, lower: float, upper: float) -> Number:
        return self._iv.mpf([lower, upper])

    def hull(self, left: Number, right: Number) -> Number:
        return self._iv.mpf([min(left.a, right.a), max(left.b, right.b)])

    def lower(self, value: Number) -> float:
        return math.nextafter(float(self._mp.mpf(value.a)), -math.inf)

    def upper(self, value: Number) -> float:
        return math.nextafter(float(self._mp.mpf(value.b)), math.inf)

    def function(self, name: str, value: Number) -> Number:
        if name == "pi":
            return +self._iv.pi
        if name == "tanh":
            return 1 - 2 / (self._iv.exp(2 * value) + 1)
        if name == "atan":
            margin = self._mp.mpf(2) ** (8 - _BITS)
            ends = (self._mp.atan(self._mp.mpf(end)) for end in (value.a, value.b))
            low, high = ends
            return self._iv.mpf([low - margin, high + margin])
        return getattr(self._iv, name)(value)


def best_numbers() -> Numbers:
    """python-flint if the extra `verify` is installed, else mpmath (which comes with sympy)."""
    try:
        return Flint()
    except ImportError:
        return Mpmath()
