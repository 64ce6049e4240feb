"""Limits on formulas, checked before any work that grows with them is begun."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, prod

import sympy

from sciformer.errors import DataError

MOST_CHARACTERS = 50_000
"""A formula of about twenty pages."""
MOST_SYMBOLS = 8_000
"""Numbers, names and operators; sympy takes about a second for a sum of that many."""
MOST_DEPTH = 40
"""Nested parentheses, signs and powers; sympy's sign analysis slows down with the depth squared."""
MOST_ARGUMENTS = 32
"""Arguments of max and min; sympy compares them in pairs, which takes a second at this number."""
MOST_DIGITS = 400
"""Digits of a number: a float64 written as an exact decimal fraction has at most 309 before the
point, and block expressions multiply decimals of 17 digits."""
LARGEST_MAGNITUDE = 308
"""Largest decimal exponent: float64 ends at 1.8e308."""
MOST_BITS = 4096
"""Bits of numerator and denominator of a rational constant: four times the range of float64."""
LARGEST_EXPONENT = 1000
"""Largest exponent of a power."""
MOST_TERMS = 4_000
"""Terms of an expanded formula; sympy expands about so many in a second."""
MOST_NESTED_BRANCHES = 6
"""Branches inside the condition of another; each doubles the formula: 64 copies at most."""
MOST_COORDINATES = 256
"""Tokens times width; a compilation of `x1` at this size takes minutes."""


def check_expansion(expression: sympy.Expr, most: int = MOST_TERMS) -> None:
    """Refuses a formula that has too many terms when multiplied out; nothing is multiplied out.

    Args:
        expression: the formula.
        most: terms that are allowed.

    Raises:
        DataError: names the estimated number of terms, or the exponent.
    """
    terms = _Terms().of(expression)
    if terms > most:
        raise DataError(
            f"formula: multiplied out it has up to {_short(terms)} terms, and at most {most} "
            "are within reach; use fewer terms, or smaller powers of sums."
        )


@dataclass(frozen=True)
class _Size:
    """An upper bound of the terms after expansion, and the degree where it is a polynomial."""

    terms: int
    degree: int | None
    symbols: frozenset[sympy.Basic]

    def combined(self, terms: int, degree: int | None) -> _Size:
        """A polynomial has no more terms than there are monomials of its degree."""
        if degree is not None:
            terms = min(terms, comb(degree + len(self.symbols), degree))
        return _Size(min(terms, _UNCOUNTED), degree, self.symbols)


_UNCOUNTED = 10**100


class _Terms:
    """Sizes of an expression and of all its parts, without expanding any of them."""

    def __init__(self) -> None:
        self.known: dict[sympy.Basic, _Size] = {}
        self.largest = 1

    def of(self, expression: sympy.Basic) -> int:
        """The largest number of terms of the expression or of any part of it."""
        self.size(expression)
        return self.largest

    def size(self, expression: sympy.Basic) -> _Size:
        if expression not in self.known:
            found = self._size(expression)
            self.known[expression] = found
            self.largest = max(self.largest, found.terms)
        return self.known[expression]

    def _size(self, expression: sympy.Basic) -> _Size:
        parts = [self.size(a) for a in expression.args]
        symbols = frozenset[sympy.Basic]().union(*(p.symbols for p in parts))
        degrees = [p.degree for p in parts if p.degree is not None]
        polynomial = len(degrees) == len(parts)
        whole = _Size(1, None, symbols)
        if isinstance(expression, sympy.Symbol):
            return _Size(1, 1, frozenset([expression]))
        if expression.is_Number:
            return _Size(1, 0, symbols)
        if isinstance(expression, sympy.Add):
            return whole.combined(sum(p.terms for p in parts), max(degrees) if polynomial else None)
        if isinstance(expression, sympy.Mul):
            degree = sum(degrees) if polynomial else None
            return whole.combined(prod(p.terms for p in parts), degree)
        if isinstance(expression, sympy.Pow) and expression.exp.is_Integer:
            exponent = int(expression.exp)
            if abs(exponent) > LARGEST_EXPONENT:
                raise DataError(
                    f"formula: the exponent {_short(exponent)} is larger than {LARGEST_EXPONENT}; "
                    "use a smaller one."
                )
            base, exponent = parts[0], abs(exponent)
            degree = None if base.degree is None else base.degree * exponent
            grown = whole.combined(comb(exponent + base.terms - 1, exponent), degree)
            return grown if expression.exp > 0 else _Size(grown.terms, None, symbols)
        return whole


def _short(number: int) -> str:
    """A whole number in at most about ten characters."""
    digits = len(str(abs(number)))
    return str(number) if digits <= 9 else f"{'-' * (number < 0)}1e{digits - 1}"
