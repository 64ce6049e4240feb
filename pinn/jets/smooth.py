"""Smooth functions of one variable with their derivatives to any order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Smooth(Protocol):
    """A smooth function f of one variable, applied to each number of a tensor.

    `value(x)` is f(x), of the shape of x; `derivatives(x, value, order)` are f'(x), f''(x), ..., up
    to that order, each of the same shape.

    Examples:
        >>> import torch
        >>> from pinn.jets import Jet, Operators, compose
        >>> class Cube:
        ...     def value(self, x):
        ...         return x**3
        ...
        ...     def derivatives(self, x, value, order):
        ...         return [3 * x**2, 6 * x, torch.full_like(x, 6.0)][:order]
        >>> jet = Jet.coordinates(torch.tensor([[2.0]]), Operators("x", ["xx"]))
        >>> compose(jet, Cube()).derivative("xx")
        tensor([[12.]])
    """

    def value(self, x: Tensor) -> Tensor:
        """f(x)."""
        ...

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        """f', f'', ... to the order asked for, at x; `value` is f(x)."""
        ...


class Autonomous:
    """A solution of y' = rate(y) with a polynomial rate: its derivatives are polynomials in y.

    y^(1) = P_1(y),   y^(n+1) = P_n'(y) y^(1),   P_1 = rate,   P_{n+1} = P_n' rate

    Args:
        function: the torch function.
        rate: coefficients of the rate, lowest power first.
    """

    def __init__(self, function: object, rate: tuple[float, ...]) -> None:
        assert callable(function)
        self._function = function
        self._rate = rate

    def value(self, x: Tensor) -> Tensor:
        result: Tensor = self._function(x)
        return result

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        found = [_horner(self._rate, value)] if order else []
        polynomial = self._rate
        for _ in range(1, order):
            slope = _slope(polynomial)
            found.append(_horner(slope, value).mul_(found[0]))
            polynomial = _times(slope, self._rate)
        return found


@dataclass(frozen=True)
class Sine:
    """The sine, whose derivatives go round."""

    def value(self, x: Tensor) -> Tensor:
        return torch.sin(x)

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        cosine = torch.cos(x)
        return [(cosine, -value, -cosine, value)[n % 4] for n in range(order)]


@dataclass(frozen=True)
class Cosine:
    """The cosine, whose derivatives go round."""

    def value(self, x: Tensor) -> Tensor:
        return torch.cos(x)

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        sine = torch.sin(x)
        return [(-sine, -value, sine, value)[n % 4] for n in range(order)]


@dataclass(frozen=True)
class Exponential:
    """The exponential, its own derivative."""

    def value(self, x: Tensor) -> Tensor:
        return torch.exp(x)

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        return [value] * order


@dataclass(frozen=True)
class Power:
    """The power x ** exponent; derivatives past a whole exponent are exactly 0, also at x = 0."""

    exponent: float

    def value(self, x: Tensor) -> Tensor:
        return x**self.exponent

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        found, factor = [], 1.0
        for n in range(order):
            factor *= self.exponent - n
            exponent = self.exponent - n - 1
            found.append(factor * x**exponent if factor else torch.zeros_like(x))
        return found


@dataclass(frozen=True)
class Logarithm:
    """The natural logarithm."""

    def value(self, x: Tensor) -> Tensor:
        return torch.log(x)

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        inverse = 1 / x
        found = [inverse]
        for n in range(1, order):
            found.append(found[-1] * inverse * -n)
        return found


@dataclass(frozen=True)
class Erf:
    """The error function, whose derivatives are Hermite polynomials times a Gaussian."""

    def value(self, x: Tensor) -> Tensor:
        return torch.erf(x)

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        gaussian = torch.exp(-x * x) * (2 / math.sqrt(math.pi))
        polynomial: tuple[float, ...] = (1.0,)
        found = []
        for _ in range(order):
            found.append(gaussian * _horner(polynomial, x))
            polynomial = _sum(_slope(polynomial), _times((0.0, -2.0), polynomial))
        return found


@dataclass(frozen=True)
class Softplus:
    """The function log(1 + exp(beta x)) / beta, and x itself where beta x exceeds the threshold, as
    in torch.
    """

    beta: float
    threshold: float

    def value(self, x: Tensor) -> Tensor:
        return torch.nn.functional.softplus(x, self.beta, self.threshold)

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        slope = torch.sigmoid(self.beta * x)
        linear = self.beta * x > self.threshold
        rest = SIGMOID.derivatives(x, slope, order - 1)
        scaled = [r * self.beta**n for n, r in enumerate(rest, start=1)]
        return [slope.masked_fill(linear, 1.0), *(r.masked_fill(linear, 0.0) for r in scaled)]


TANH = Autonomous(torch.tanh, (1.0, 0.0, -1.0))
SIGMOID = Autonomous(torch.sigmoid, (0.0, 1.0, -1.0))


def _slope(polynomial: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(n * c for n, c in enumerate(polynomial))[1:] or (0.0,)


def _times(left: tuple[float, ...], right: tuple[float, ...]) -> tuple[float, ...]:
    total = [0.0] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            total[i + j] += a * b
    return tuple(total)


def _sum(left: tuple[float, ...], right: tuple[float, ...]) -> tuple[float, ...]:
    size = max(len(left), len(right))
    padded = [[*p, *[0.0] * (size - len(p))] for p in (left, right)]
    return tuple(a + b for a, b in zip(*padded, strict=True))


def _horner(polynomial: tuple[float, ...], x: Tensor) -> Tensor:
    if len(polynomial) == 1:
        return torch.full_like(x, polynomial[0])
    *rest, lead = polynomial
    total = x * lead
    for power, coefficient in enumerate(reversed(rest)):
        if power:
            total.mul_(x)
        if coefficient:
            total.add_(coefficient)
    return total
