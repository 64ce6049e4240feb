"""Enclosures of formulas on boxes, straight from the sympy tree.

The certifier runs a straight-line program made by `theory.universal.formula.program`. The table of
functions below is the verifier's own, written a second time on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import sympy

from sciformer.errors import CertificateError
from theory.universal.arrays import Array
from theory.universal.verifier.forms import Form, Forms
from theory.universal.verifier.ranges import PI, Range

_SMOOTH = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tanh: "tanh",
    sympy.atan: "atan",
}
_LARGEST_POWER = 1000
"""Beyond it the rounding of repeated squaring and the cost of expanding are not worth a proof."""


def enclose(
    expression: sympy.Expr, symbols: tuple[sympy.Symbol, ...], lower: Array, upper: Array
) -> tuple[Forms, Form]:
    """The forms of an expression on boxes, and the arithmetic that made them.

    Args:
        expression: in `symbols` only.
        symbols: one a coordinate.
        lower: lower corners, shape (boxes, c).
        upper: upper corners, same shape.

    Returns:
        The arithmetic and the form; its range is NaN where the expression may be undefined.

    Raises:
        CertificateError: an operation that has no enclosure here.
    """
    forms = Forms(lower, upper)
    known: dict[sympy.Basic, Form] = {s: forms.variable(k) for k, s in enumerate(symbols)}
    with np.errstate(all="ignore"):
        return forms, _Reading(forms, known).form(expression)


def enclose_number(expression: sympy.Expr) -> Range:
    """The interval of an expression without variables."""
    nowhere = np.zeros((1, 0))
    found = enclose(expression, (), nowhere, nowhere)[1].range
    return Range(*(np.asarray(end).reshape(-1)[0] for end in (found.lower, found.upper)))


class _Reading:
    """One walk over a tree; equal subexpressions are evaluated once."""

    def __init__(self, forms: Forms, known: dict[sympy.Basic, Form]) -> None:
        self.forms, self.known = forms, known

    def form(self, expression: sympy.Basic) -> Form:
        if expression not in self.known:
            self.known[expression] = self._form(expression)
        return self.known[expression]

    def _form(self, expression: sympy.Basic) -> Form:
        forms, arguments = self.forms, expression.args
        if not arguments:
            return forms.constant(_constant(expression))
        if isinstance(expression, sympy.Piecewise):
            return self._piecewise(expression)
        if isinstance(expression, sympy.Pow):
            return self._power(*arguments)
        if isinstance(expression, sympy.Max | sympy.Min):
            return self._extreme(isinstance(expression, sympy.Min), list(arguments))
        parts = [self.form(a) for a in arguments]
        if isinstance(expression, sympy.Add):
            return forms.sum(parts)
        if isinstance(expression, sympy.Mul):
            product = parts[0]
            for part in parts[1:]:
                product = forms.multiply(product, part)
            return product
        if isinstance(expression, sympy.Abs):
            return forms.absolute(parts[0])
        name = _SMOOTH.get(expression.func)
        if name is None:
            raise CertificateError(f"verify: {expression.func} has no enclosure here.")
        return forms.smooth(name, parts[0])

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> Form:
        forms, inner = self.forms, self.form(base)
        if not exponent.is_Rational:
            return forms.smooth(
                "exp", forms.multiply(self.form(exponent), forms.smooth("log", inner))
            )
        above, below = int(exponent.p), int(exponent.q)
        if abs(above) > _LARGEST_POWER:
            raise CertificateError(f"verify: the exponent {exponent} is beyond {_LARGEST_POWER}.")
        if below == 1:
            return forms.power(inner, above)
        if below == 2:
            return forms.power(forms.smooth("sqrt", inner), above)
        share = Range.fraction(Fraction(above, below))
        return forms.smooth("exp", forms.scale(forms.smooth("log", inner), share))

    def _extreme(self, is_least: bool, arguments: list[sympy.Basic]) -> Form:
        forms = self.forms
        parts = [self.form(a) for a in arguments]
        parts = [forms.negative(p) for p in parts] if is_least else parts
        found = parts[0]
        for part in parts[1:]:
            found = forms.maximum(found, part)
        return forms.negative(found) if is_least else found

    def _piecewise(self, expression: sympy.Piecewise) -> Form:
        *cases, (last, always) = expression.args
        if always != True:  # noqa: E712 (a sympy truth value)
            raise CertificateError(f"verify: {expression} has no otherwise case.")
        found = self.form(last)
        for value, condition in reversed(cases):
            found = self.forms.choose(self._margin(condition), self.form(value), found)
        return found

    def _margin(self, condition: sympy.Basic) -> Form:
        """Positive inside the condition, negative outside."""
        if isinstance(condition, sympy.Gt | sympy.Ge):
            return self.forms.subtract(self.form(condition.lhs), self.form(condition.rhs))
        if isinstance(condition, sympy.Lt | sympy.Le):
            return self.forms.subtract(self.form(condition.rhs), self.form(condition.lhs))
        raise CertificateError(f"verify: the condition {condition} is not an inequality.")


_NAMED: Mapping[sympy.Basic, Range] = {sympy.pi: PI, sympy.E: Range.point(1.0).exp()}


def _constant(expression: sympy.Basic) -> Range:
    if isinstance(expression, sympy.Rational):
        return Range.fraction(Fraction(int(expression.p), int(expression.q)))
    known = _NAMED.get(expression)
    if known is None:
        raise CertificateError(f"verify: {expression} is not a number that has an enclosure here.")
    return known
