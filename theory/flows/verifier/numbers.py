"""Balls of python-flint, or intervals of mpmath where it is missing; both round outward."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

Number = Any
"""An enclosure of a real number; + - * / and unary - work on it."""

# Twice float64 and a little: rounding of the balls themselves is then never seen.
_BITS = 120
# Beyond e^(2^40) nothing is told from infinity: mpmath would write out all digits of the argument.
_FAR = 2.0**40


class Numbers(Protocol):
    """Protocol of a library of enclosures for the verifier."""

    name: str

    def precision(self) -> AbstractContextManager[Any]: ...
    def ratio(self, above: int, below: int) -> Number: ...
    def between(self, lower: float, upper: float) -> Number: ...
    def hull(self, left: Number, right: Number) -> Number: ...
    def lower(self, value: Number) -> float: ...
    def upper(self, value: Number) -> float: ...
    def exp(self, value: Number) -> Number: ...
    def sqrt(self, value: Number) -> Number: ...
    def sin(self, value: Number) -> Number: ...
    def cos(self, value: Number) -> Number: ...
    def log(self, value: Number) -> Number: ...
    def tanh(self, value: Number) -> Number: ...
    def atan(self, value: Number) -> Number: ...
    def pi(self) -> Number: ...


class Flint:
    """Arb balls; only inside `precision()` are they as fine as `_BITS`."""

    name = "python-flint arb"

    def __init__(self) -> None:
        import flint

        self._arb, self._context = flint.arb, flint.ctx

    def precision(self) -> AbstractContextManager[Any]:
        context: AbstractContextManager[Any] = self._context.workprec(_BITS)
        return context

    def ratio(self, above: int, below: int) -> Number:
        return self._arb(above) / self._arb(below)

    def between(self, lower: float, upper: float) -> Number:
        return self._arb(lower).union(self._arb(upper))

    def hull(self, left: Number, right: Number) -> Number:
        return left.union(right)

    def lower(self, value: Number) -> float:
        return _outward(float(value.lower()), -math.inf)

    def upper(self, value: Number) -> float:
        return _outward(float(value.upper()), math.inf)

    def exp(self, value: Number) -> Number:
        return value.exp()

    def sqrt(self, value: Number) -> Number:
        return value.sqrt()

    def sin(self, value: Number) -> Number:
        return value.sin()

    def cos(self, value: Number) -> Number:
        return value.cos()

    def log(self, value: Number) -> Number:
        return value.log()

    def tanh(self, value: Number) -> Number:
        return value.tanh()

    def atan(self, value: Number) -> Number:
        return value.atan()

    def pi(self) -> Number:
        return self._arb.pi()


class Mpmath:
    """Intervals of mpmath, about ten times slower."""

    name = "mpmath iv"

    def __init__(self) -> None:
        import mpmath

        self._iv, self._mp = mpmath.iv, mpmath.mp

    def precision(self) -> AbstractContextManager[Any]:
        return _precision(self._iv)

    def ratio(self, above: int, below: int) -> Number:
        return self._iv.mpf(above) / self._iv.mpf(below)

    def between(self, lower: float, upper: float) -> Number:
        return self._iv.mpf([lower, upper])

    def hull(self, left: Number, right: Number) -> Number:
        return self._iv.mpf([min(left.a, right.a), max(left.b, right.b)])

    def lower(self, value: Number) -> float:
        return _outward(float(self._mp.mpf(value.a)), -math.inf)

    def upper(self, value: Number) -> float:
        return _outward(float(self._mp.mpf(value.b)), math.inf)

    def exp(self, value: Number) -> Number:
        if self._is_near(value):
            return self._iv.exp(value)
        low = self._iv.exp(min(value.a, _FAR)).a if value.a > -_FAR else 0
        high = self._iv.exp(max(value.b, -_FAR)).b if value.b < _FAR else math.inf
        return self._iv.mpf([low, high])

    def _is_near(self, value: Number) -> bool:
        return bool(value.a > -_FAR and value.b < _FAR)

    def sqrt(self, value: Number) -> Number:
        return self._iv.sqrt(value)

    def sin(self, value: Number) -> Number:
        return self._iv.sin(value) if self._is_near(value) else self._iv.mpf([-1, 1])

    def cos(self, value: Number) -> Number:
        return self._iv.cos(value) if self._is_near(value) else self._iv.mpf([-1, 1])

    def log(self, value: Number) -> Number:
        return self._iv.log(value)

    def tanh(self, value: Number) -> Number:
        return 1 - 2 / (self.exp(2 * value) + 1)

    def atan(self, value: Number) -> Number:
        """The arc tangents of the ends, which mpmath rounds right to all but a few bits."""
        with self._mp.workprec(_BITS + 20):
            ends = [self._mp.atan(self._mp.mpf(end)) for end in (value.a, value.b)]
            slack = [abs(end) * self._mp.mpf(2) ** -_BITS for end in ends]
            return self._iv.mpf([ends[0] - slack[0], ends[1] + slack[1]])

    def pi(self) -> Number:
        return +self._iv.pi


def _outward(end: float, side: float) -> float:
    """The next float; infinite where nothing is known, so that no comparison is passed by nan."""
    return side if math.isnan(end) else math.nextafter(end, side)


@contextmanager
def _precision(context: Any) -> Iterator[None]:
    """The precision of mpmath's intervals, put back afterwards."""
    before = context.prec
    context.prec = _BITS
    try:
        yield
    finally:
        context.prec = before


def best_numbers() -> Numbers:
    """python-flint where it is installed, else mpmath, which comes with sympy."""
    try:
        return Flint()
    except ImportError:
        return Mpmath()
