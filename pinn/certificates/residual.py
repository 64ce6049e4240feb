"""The residual of a claim in any arithmetic: values with derivatives by rules written out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.certificates.balls import Ball, pi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pinn.certificates.claim import Claim, Formula

Number = Any
"""A `Ball` or a `Disc`: + - *, power, sin, cos, exp, tanh, linear."""


@dataclass(frozen=True)
class Jet:
    """A function of x and t with its derivatives, elementwise; None is an exact zero."""

    value: Number
    x: Number | None = None
    xx: Number | None = None
    t: Number | None = None

    def __add__(self, other: Jet) -> Jet:
        return Jet(
            self.value + other.value,
            _sum(self.x, other.x),
            _sum(self.xx, other.xx),
            _sum(self.t, other.t),
        )

    def __mul__(self, other: Jet) -> Jet:
        a, b = self, other
        cross = _product(a.x, b.x)
        return Jet(
            a.value * b.value,
            _sum(_product(a.x, b.value), _product(a.value, b.x)),
            _sum(
                _sum(_product(a.xx, b.value), _product(a.value, b.xx)),
                None if cross is None else cross + cross,
            ),
            _sum(_product(a.t, b.value), _product(a.value, b.t)),
        )

    def chain(self, value: Number, slope: Number, bend: Number) -> Jet:
        """The composition with f, from f, f' and f'' at the value."""
        square = _product(self.x, self.x)
        return Jet(
            value,
            _product(slope, self.x),
            _sum(_product(slope, self.xx), _product(bend, square)),
            _product(slope, self.t),
        )

    def linear(self, weight: Any, bias: Any) -> Jet:
        """The product of rows with W^T, plus b."""
        return Jet(
            self.value.linear(weight, bias),
            *(None if c is None else c.linear(weight, None) for c in (self.x, self.xx, self.t)),
        )


def _sum(a: Number | None, b: Number | None) -> Number | None:
    if a is None:
        return b
    return a if b is None else a + b


def _product(a: Number | None, b: Number | None) -> Number | None:
    return None if a is None or b is None else a * b


class Residual:
    """r = v_t + (f(v))_x - a v_xx - source of a claim.

    Args:
        claim: its formulas and network.

    Attributes:
        width: of the widest layer.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        layers = [*claim.biases, *(one.bias for one in claim.wide)]
        self.width = max(map(len, layers))

    def __call__(self, x: Number, t: Number, number: Callable[[Ball], Number]) -> Number:
        """The residual (p, 1).

        Args:
            x, t: the coordinates (p, 1).
            number: a ball as a number of this arithmetic.
        """
        claim = self._claim
        one = number(Ball.of(1.0))
        places = {"x": Jet(x, x=one), "t": Jet(t, t=one)}
        network = self._network(places, number)
        offset = _evaluate(claim.offset, places, number)
        field = offset + _evaluate(claim.factor, places, number) * network
        slope = _horner([k * c for k, c in enumerate(claim.flux)][1:], field.value, number)
        terms = [
            field.t,
            _product(slope, field.x),
            _product(number(Ball.of(-claim.diffusion)), field.xx),
            -_evaluate(claim.source, places, number).value,
        ]
        total = None
        for term in terms:
            total = _sum(total, term)
        return total

    def _network(self, places: dict[str, Jet], number: Callable[[Ball], Number]) -> Jet:
        """N and the wide layers on it."""
        claim = self._claim
        scaled = []
        for axis, name in enumerate(("x", "t")):
            unit = number(Ball.of(1 / Fraction(float(claim.unit[axis]))))
            shift = number(Ball.of(-Fraction(float(claim.origin[axis]))))
            scaled.append((places[name] + Jet(shift)) * Jet(unit))
        count = len(places["x"].value.middle)
        entered = [_beside(scaled, (1, 1), count, number)]
        layers = list(zip(claim.weights, claim.biases, strict=True))
        units = entered[0].linear(*layers[0])
        for weight, bias in layers[1:]:
            entered.append(_tanh(units, number))
            units = entered[-1].linear(weight, bias)
        for one in claim.wide:
            seen = [entered[k] for k in one.layers] + entered[:1]
            widths = [claim.weights[k].shape[1] for k in one.layers] + [2]
            neurons = _beside(seen, widths, count, number).linear(one.weights, one.bias)
            units = units + _tanh(neurons, number).linear(one.output, None)
        return units


def _tanh(units: Jet, number: Callable[[Ball], Number]) -> Jet:
    y = units.value.tanh()
    slope = number(Ball.of(1.0)) - y * y
    return units.chain(y, slope, -(number(Ball.of(2.0)) * y * slope))


def _beside(
    jets: Sequence[Jet], widths: Sequence[int], count: int, number: Callable[[Ball], Number]
) -> Jet:
    """Jets as columns (count, sum of widths) of one."""

    def channel(name: str) -> Number | None:
        parts = [getattr(jet, name) for jet in jets]
        if all(part is None for part in parts):
            return None
        zero = number(Ball.of(0.0))
        filled = [
            (zero if p is None else p).wide(count, w) for p, w in zip(parts, widths, strict=True)
        ]
        return filled[0].beside(filled[1:])

    return Jet(*(channel(name) for name in ("value", "x", "xx", "t")))


def _horner(coefficients: list[Fraction], at: Number, number: Callable[[Ball], Number]) -> Any:
    """sum_k c_k u^k; None if it is 0."""
    result = None
    for c in reversed(coefficients):
        lifted = None if result is None else result * at
        result = _sum(lifted, number(Ball.of(c)) if c else None)
    return result


def _evaluate(formula: Formula, places: dict[str, Jet], number: Callable[[Ball], Number]) -> Jet:
    """A formula with its derivatives."""
    if isinstance(formula, str):
        if formula in places:
            return places[formula]
        return Jet(number(pi() if formula == "pi" else Ball.of(Fraction(formula))))
    head, *rest = formula
    if head in ("add", "mul"):
        parts = [_evaluate(f, places, number) for f in rest]
        result = parts[0]
        for part in parts[1:]:
            result = result + part if head == "add" else result * part
        return result
    inner = _evaluate(rest[0], places, number)
    v = inner.value
    if head == "pow":
        n = rest[1]
        lower = v if n == 2 else v.power(n - 1)
        lowest = number(Ball.of(1.0)) if n == 2 else v.power(n - 2)
        scale, twice = (number(Ball.of(float(k))) for k in (n, n * (n - 1)))
        return inner.chain(v.power(n), scale * lower, twice * lowest)
    if head == "exp":
        value = v.exp()
        return inner.chain(value, value, value)
    sine, cosine = v.sin(), v.cos()
    if head == "sin":
        return inner.chain(sine, cosine, -sine)
    return inner.chain(cosine, -sine, -cosine)


def as_array(number: Ball, count: int) -> np.ndarray:
    """Bounds of |number| (count,), whatever it was broadcast from."""
    return np.broadcast_to(number.above, (count, 1))[:, 0]
