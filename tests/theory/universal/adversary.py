"""An adversary that searches for |layer - formula| above a certified bound, in its own arithmetic.

Formulas are drawn as trees that know three evaluations: text for the parser, numpy for the search,
and mpmath with 60 digits for the verdict. Nothing of `theory.universal` evaluates them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from theory.universal.arrays import Array
from theory.universal.layer import LayerWeights, SingleLayer, apply

DOMAINS = [(-1.0, 1.0), (0.0, 1.0), (-0.3, 2.7), (-3.141592653589793, 3.141592653589793)]

_UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sin": (np.sin, mpmath.sin),
    "cos": (np.cos, mpmath.cos),
    "tanh": (np.tanh, mpmath.tanh),
    "atan": (np.arctan, mpmath.atan),
    "exp": (np.exp, mpmath.exp),
    "log": (np.log, mpmath.log),
    "sqrt": (np.sqrt, mpmath.sqrt),
    "abs": (np.abs, abs),
    "relu": (lambda a: np.maximum(a, 0.0), lambda a: max(a, mpmath.mpf(0))),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda a: 1 / (1 + mpmath.exp(-a))),
}


@dataclass(frozen=True)
class Expression:
    """A formula as text, and its value at points (D, ...) by numpy or mpmath numbers."""

    text: str
    value: Callable[[Any, bool], Any]

    def __add__(self, other: Expression) -> Expression:
        return Expression(
            f"({self.text} + {other.text})",
            lambda x, e: self.value(x, e) + other.value(x, e),
        )

    def __mul__(self, other: Expression) -> Expression:
        return Expression(
            f"({self.text})*({other.text})",
            lambda x, exact: self.value(x, exact) * other.value(x, exact),
        )

    def __pow__(self, exponent: int) -> Expression:
        return Expression(f"({self.text})**({exponent})", lambda x, e: self.value(x, e) ** exponent)

    def under(self, name: str) -> Expression:
        """A function of this expression."""
        plain, exact = _UNARY[name]
        return Expression(
            f"{name}({self.text})", lambda x, e: (exact if e else plain)(self.value(x, e))
        )


def number(text: str) -> Expression:
    """A constant; its decimal digits are exact in mpmath."""
    return Expression(text, lambda x, exact: mpmath.mpf(text) if exact else float(text))


def variable(index: int) -> Expression:
    """x1, x2, ..."""
    return Expression(f"x{index + 1}", lambda x, exact: x[index])


def extreme(name: str, *parts: Expression) -> Expression:
    """max or min of several expressions."""
    plain, exact = {"max": (np.maximum, max), "min": (np.minimum, min)}[name]

    def value(x: Any, e: bool) -> Any:
        return functools.reduce(exact if e else plain, (p.value(x, e) for p in parts))

    return Expression(f"{name}({', '.join(p.text for p in parts)})", value)


def smaller(left: Expression, right: Expression) -> Expression:
    """where(a < b, a, b), which is continuous."""
    least = extreme("min", left, right)
    text = f"where({left.text} < {right.text}, {left.text}, {right.text})"
    return Expression(text, least.value)


def random_formula(rng: np.random.Generator, coordinates: int) -> Expression:
    """A sum of one to three terms: products, kinks, spikes, poles beside the domain, powers."""
    parts = [_term(rng, coordinates) for _ in range(rng.integers(1, 4))]
    weighted = [p if rng.random() < 0.5 else _constant(rng) * p for p in parts]
    return functools.reduce(lambda a, b: a + b, weighted)


def _constant(rng: np.random.Generator, low: float = -2.0, high: float = 2.0) -> Expression:
    return number(f"{rng.uniform(low, high):.3g}")


def _steep(rng: np.random.Generator) -> Expression:
    return number(f"-{rng.integers(5, 3000)}")


def _linear(rng: np.random.Generator, coordinates: int) -> Expression:
    terms = [
        _constant(rng) * variable(int(rng.integers(coordinates))) for _ in range(rng.integers(1, 3))
    ]
    return functools.reduce(lambda a, b: a + b, [*terms, _constant(rng, -1.0, 1.0)])


def _term(rng: np.random.Generator, coordinates: int, depth: int = 0) -> Expression:
    def line() -> Expression:
        return _linear(rng, coordinates)

    def inner() -> Expression:
        return _term(rng, coordinates, depth + 1) if depth < 2 else line()

    def picked() -> Expression:
        return variable(int(rng.integers(coordinates)))

    square = line() ** 2
    choices: list[Callable[[], Expression]] = [
        lambda: picked() * picked(),
        lambda: inner().under("sin"),
        lambda: (number("3") * line()).under("cos"),
        lambda: (inner().under("abs") + number("-0.3")).under("abs"),
        lambda: extreme("max", inner(), inner()),
        lambda: extreme("min", line(), inner(), number("0.2")),
        lambda: line() ** int(rng.integers(2, 9)),
        lambda: line().under("exp"),
        lambda: (square + _constant(rng, 0.01, 1.0)) ** -1,
        lambda: (line().under("abs") + number("0.01")).under("sqrt"),
        lambda: extreme("max", line(), number("0")).under("sqrt"),
        lambda: (line().under("abs") + number("0.05")).under("log"),
        lambda: (_steep(rng) * (picked() + _constant(rng)) ** 2).under("exp"),
        lambda: (inner() + number("100000000")) + number("-100000000"),
        lambda: number("0.001") * (picked() + number("-3.1426")) ** -1,
        lambda: smaller(line(), inner()),
        lambda: (number("20") * line()).under("tanh"),
        lambda: inner().under("relu") * line().under("relu"),
        lambda: (number("5") * inner()).under("atan"),
        lambda: (number("9") * line()).under("sigmoid"),
    ]
    return choices[int(rng.integers(len(choices)))]()


@dataclass(frozen=True)
class Violation:
    """The worst point found: its error in 60 digits, over the certified bound."""

    ratio: float
    point: list[float]


def worst_ratio(
    layer: SingleLayer,
    formula: Expression,
    entry: int,
    bound: float,
    domain: tuple[float, float],
    rng: np.random.Generator,
    samples: int = 2_000,
) -> Violation:
    """Searches corners, a grid, random points and their neighbourhoods for the largest error."""
    n, (low, high) = layer.positions.shape[0], domain

    def error(points: Array) -> Array:
        with np.errstate(all="ignore"):
            wanted = np.broadcast_to(formula.value(points.T, False), len(points))
        found = apply(layer, points.reshape(-1, n, 1))[:, entry, 0]
        return np.nan_to_num(np.abs(found - wanted), nan=-1.0)

    ends = np.array(np.meshgrid(*[[low, high, (low + high) / 2]] * n)).reshape(n, -1).T
    points = np.concatenate([ends, rng.uniform(low, high, (samples, n))])
    top, step = points[np.argsort(-error(points))[:6]], (high - low) / 20
    for _ in range(30):
        near = top[:, None] + step * rng.normal(size=(len(top), 20, n))
        trials = np.clip(np.concatenate([top, near.reshape(-1, n)]), low, high)
        top, step = trials[np.argsort(-error(trials))[:6]], 0.65 * step
    with mpmath.workdps(60):
        given = mpmath.mpf(float(apply(layer, top[:1].reshape(1, n, 1))[0, entry, 0]))
        exact = formula.value([mpmath.mpf(float(v)) for v in top[0]], True)
        return Violation(float(abs(given - exact) / mpmath.mpf(bound)), top[0].tolist())


def random_weights(rng: np.random.Generator, tokens: int) -> LayerWeights:
    """A layer of any kind: content heads or not, sparse, whole numbers, large and small ones."""
    w, heads, inner, units = (int(rng.integers(1, top)) for top in (4, 3, 3, 7))

    def array(*shape: int) -> Array:
        values = rng.normal(size=shape) * rng.choice([0.1, 1.0, 1.0, 4.0])
        values = np.round(values) if rng.random() < 0.3 else values
        values = values * (rng.random(shape) < 0.5) if rng.random() < 0.3 else values
        return values * 1e6 if rng.random() < 0.05 else values

    weights = LayerWeights(
        heads,
        array(w, 1),
        array(tokens, w),
        array(heads * inner, w),
        array(heads * inner, w),
        array(heads * inner, w),
        array(w, heads * inner),
        array(units, w),
        array(units),
        array(1, units),
        array(1),
    )
    if rng.random() < 0.4:
        weights.query[:] = 0.0
    return weights
