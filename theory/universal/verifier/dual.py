"""What the verifier evaluates: formulas with gradients, in exact numbers.

Forward differentiation with the interval hull of Clarke's gradient, straight from the sympy tree.
It shares nothing with the certifier's enclosures.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from sciformer.errors import CertificateError
from theory.universal.verifier.numbers import Number, Numbers

_SMOOTH = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tanh: "tanh",
    sympy.atan: "atan",
}


@dataclass(frozen=True)
class Dual:
    """A value and its gradient, one number a coordinate."""

    value: Number
    gradient: tuple[Number, ...]


class Forms:
    """Evaluates expressions and hidden units on duals of one kind of numbers."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def variable(self, value: Number, index: int, count: int) -> Dual:
        unit = [self.numbers.exact(float(k == index)) for k in range(count)]
        return Dual(value, tuple(unit))

    def constant(self, value: Number, count: int) -> Dual:
        return Dual(value, (self.numbers.exact(0.0),) * count)

    def add(self, left: Dual, right: Dual) -> Dual:
        pairs = zip(left.gradient, right.gradient, strict=True)
        return Dual(left.value + right.value, tuple(a + b for a, b in pairs))

    def scale(self, dual: Dual, factor: Number) -> Dual:
        return Dual(dual.value * factor, tuple(g * factor for g in dual.gradient))

    def multiply(self, left: Dual, right: Dual) -> Dual:
        pairs = zip(left.gradient, right.gradient, strict=True)
        gradient = tuple(a * right.value + b * left.value for a, b in pairs)
        return Dual(left.value * right.value, gradient)

    def chain(self, inner: Dual, value: Number, slope: Number) -> Dual:
        return Dual(value, tuple(g * slope for g in inner.gradient))

    def exp(self, inner: Dual) -> Dual:
        value = self.numbers.function("exp", inner.value)
        return self.chain(inner, value, value)

    def reciprocal(self, inner: Dual) -> Dual:
        value = 1 / inner.value
        return self.chain(inner, value, -(value * value))

    def relu(self, inner: Dual) -> Dual:
        numbers = self.numbers
        if numbers.lower(inner.value) >= 0:
            return inner
        if numbers.upper(inner.value) <= 0:
            return self.scale(inner, numbers.exact(0.0))
        top = numbers.between(0.0, max(numbers.upper(inner.value), 0.0))
        return self.chain(inner, top, numbers.between(0.0, 1.0))

    def evaluate(self, expression: sympy.Basic, known: dict[sympy.Basic, Dual], count: int) -> Dual:
        """The expression at the duals of its symbols; `known` also remembers what was evaluated."""
        if expression not in known:
            known[expression] = self._evaluate(expression, known, count)
        return known[expression]

    def _evaluate(
        self, expression: sympy.Basic, known: dict[sympy.Basic, Dual], count: int
    ) -> Dual:
        if not expression.free_symbols:
            return self.constant(self._constant(expression), count)
        if isinstance(expression, sympy.Add | sympy.Mul):
            parts = [self.evaluate(a, known, count) for a in expression.args]
            combine = self.add if isinstance(expression, sympy.Add) else self.multiply
            result = parts[0]
            for part in parts[1:]:
                result = combine(result, part)
            return result
        if isinstance(expression, sympy.Pow):
            return self._power(expression, known, count)
        if isinstance(expression, sympy.Max | sympy.Min):
            sign = self.numbers.exact(1.0 if isinstance(expression, sympy.Max) else -1.0)
            parts = [self.scale(self.evaluate(a, known, count), sign) for a in expression.args]
            result = parts[0]
            for part in parts[1:]:
                gap = self.add(result, self.scale(part, self.numbers.exact(-1.0)))
                result = self.add(part, self.relu(gap))
            return self.scale(result, sign)
        if isinstance(expression, sympy.Piecewise):
            return self._piecewise(expression, known, count)
        inner = self.evaluate(expression.args[0], known, count)
        if isinstance(expression, sympy.Abs):
            mirrored = self.relu(self.scale(inner, self.numbers.exact(-1.0)))
            return self.add(self.relu(inner), mirrored)
        return self._smooth(_SMOOTH[expression.func], inner)

    def _constant(self, expression: sympy.Basic) -> Number:
        if isinstance(expression, sympy.Rational):
            return self.numbers.ratio(int(expression.p), int(expression.q))
        if expression is sympy.pi:
            return self.numbers.function("pi", self.numbers.exact(0.0))
        if expression is sympy.E:
            return self.numbers.function("exp", self.numbers.exact(1.0))
        return self._evaluate_closed(expression)

    def _evaluate_closed(self, expression: sympy.Basic) -> Number:
        symbol = sympy.Dummy()
        lifted = expression.func(*expression.args[:-1], symbol, evaluate=False)
        inner = self.constant(self._constant(expression.args[-1]), 0)
        known = {symbol: inner}
        for argument in expression.args[:-1]:
            known[argument] = self.constant(self._constant(argument), 0)
        return self._evaluate(lifted, known, 0).value

    def _power(self, expression: sympy.Pow, known: dict[sympy.Basic, Dual], count: int) -> Dual:
        base, exponent = expression.args
        inner = self.evaluate(base, known, count)
        if exponent.is_Integer and int(exponent) > 0:
            k = int(exponent)
            slope = k * self._whole_power(inner.value, k - 1)
            return self.chain(inner, self._whole_power(inner.value, k), slope)
        if exponent.is_Integer:
            return self.reciprocal(self.evaluate(base**-exponent, known, count))
        if (2 * exponent).is_Integer:
            root = self._root(inner.value)
            rooted = self.chain(inner, root, 1 / (2 * root))
            symbol = sympy.Dummy()
            return self.evaluate(symbol ** (2 * exponent), {symbol: rooted}, count)
        logarithm = self.scale(self._smooth("log", inner), self._constant(exponent))
        return self.exp(logarithm)

    def _whole_power(self, value: Number, exponent: int) -> Number:
        result = self.numbers.exact(1.0)
        for _ in range(exponent):
            result = result * value
        if exponent % 2 == 0 and self.numbers.lower(result) < 0:
            return self.numbers.between(0.0, self.numbers.upper(result))
        return result

    def _root(self, value: Number) -> Number:
        """The square root of the part that is not negative: all of it where the formula is real."""
        numbers = self.numbers
        if numbers.lower(value) >= 0:
            return numbers.function("sqrt", value)
        top = numbers.function("sqrt", numbers.exact(max(numbers.upper(value), 0.0)))
        return numbers.between(0.0, numbers.upper(top))

    def _smooth(self, name: str, inner: Dual) -> Dual:
        call = self.numbers.function
        value = call(name, inner.value)
        slope = {
            "exp": lambda: value,
            "log": lambda: 1 / inner.value,
            "sin": lambda: call("cos", inner.value),
            "cos": lambda: -call("sin", inner.value),
            "tanh": lambda: 1 - value * value,
            "atan": lambda: 1 / (1 + inner.value * inner.value),
        }[name]()
        return self.chain(inner, value, slope)

    def _piecewise(
        self, expression: sympy.Piecewise, known: dict[sympy.Basic, Dual], count: int
    ) -> Dual:
        """The branch that surely holds; where that is open, the values' hull and no gradient."""
        (value, condition), *rest = expression.args
        if condition == True or not rest:  # noqa: E712 (a sympy truth value)
            return self.evaluate(value, known, count)
        flipped = isinstance(condition, sympy.Lt | sympy.Le)
        margin = (condition.rhs - condition.lhs) if flipped else (condition.lhs - condition.rhs)
        sign = self.evaluate(margin, known, count).value
        then = self.evaluate(value, known, count)
        otherwise = self.evaluate(sympy.Piecewise(*rest), known, count)
        if self.numbers.lower(sign) > 0:
            return then
        if self.numbers.upper(sign) < 0:
            return otherwise
        hull = self.numbers.hull(then.value, otherwise.value)
        return Dual(hull, (self.numbers.between(-1e300, 1e300),) * count)


def require(condition: bool, sentence: str) -> None:
    """Raises `CertificateError` with the sentence unless the condition holds."""
    if not condition:
        raise CertificateError(f"verify: {sentence}")
