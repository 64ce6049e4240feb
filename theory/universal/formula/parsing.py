"""Formulas as people write them, read into sympy without `eval`.

A formula has one row a token, separated by `;`, and one expression an output, separated by `,`.
A single row is the output of every token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy

from sciformer.errors import DataError, unknown_name

Maker = Callable[..., sympy.Expr]

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<operator>\*\*|<=|>=|[-+*/^(),;|<>]|[−·×²³])"
)
_PLAIN = {"−": "-", "·": "*", "×": "*", "^": "**"}
_SUPERSCRIPT = {"²": 2, "³": 3}
_COMPARISONS: Mapping[str, Callable[..., Any]] = {
    "<": sympy.Lt,
    "<=": sympy.Le,
    ">": sympy.Gt,
    ">=": sympy.Ge,
}
_SUM, _PRODUCT, _SIGN, _POWER = 10, 20, 30, 40


def _where(condition: Any, then: sympy.Expr, otherwise: sympy.Expr) -> sympy.Expr:
    return sympy.Piecewise((then, condition), (otherwise, True))


FUNCTIONS: Mapping[str, tuple[Maker, int | None]] = {
    "sin": (sympy.sin, 1),
    "cos": (sympy.cos, 1),
    "tan": (lambda a: sympy.sin(a) / sympy.cos(a), 1),
    "tanh": (sympy.tanh, 1),
    "sinh": (lambda a: (sympy.exp(a) - sympy.exp(-a)) / 2, 1),
    "cosh": (lambda a: (sympy.exp(a) + sympy.exp(-a)) / 2, 1),
    "atan": (sympy.atan, 1),
    "exp": (sympy.exp, 1),
    "log": (sympy.log, 1),
    "sqrt": (sympy.sqrt, 1),
    "abs": (sympy.Abs, 1),
    "sign": (lambda a: sympy.Piecewise((1, a > 0), (-1, True)), 1),
    "heaviside": (lambda a: sympy.Piecewise((1, a > 0), (0, True)), 1),
    "relu": (lambda a: sympy.Max(a, 0), 1),
    "sigmoid": (lambda a: (1 + sympy.tanh(a / 2)) / 2, 1),
    "max": (sympy.Max, None),
    "min": (sympy.Min, None),
    "where": (_where, 3),
}
_CONSTANTS = {"pi": sympy.pi, "e": sympy.E}


@dataclass
class _Reader:
    """Precedence climbing over the tokens of one formula."""

    text: str
    names: Mapping[str, sympy.Symbol]
    tokens: list[tuple[str, str, int]] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self.error(f"unexpected character {self.text[position]!r}", position)
            if match.lastgroup != "space":
                word = match.group()
                self.tokens.append((str(match.lastgroup), _PLAIN.get(word, word), position))
            position = match.end()
        self.tokens.append(("end", "the end", len(self.text)))

    def error(self, problem: str, position: int) -> DataError:
        return DataError(
            f"formula: {problem} at column {position + 1}; correct the expression at the caret.\n"
            f"  {self.text}\n  {' ' * position}^"
        )

    def take(self) -> tuple[str, str, int]:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def expect(self, word: str) -> None:
        kind, found, position = self.take()
        if found != word or kind == "number":
            raise self.error(f"expected {word!r} and found {found}", position)

    def is_next(self, *words: str) -> bool:
        return self.tokens[self.at][1] in words

    def rows(self) -> list[list[sympy.Expr]]:
        rows = [[self.expression(0)]]
        while self.is_next(",", ";"):
            if self.take()[1] == ";":
                if self.tokens[self.at][0] == "end":
                    break
                rows.append([])
            rows[-1].append(self.expression(0))
        kind, word, position = self.tokens[self.at]
        if kind != "end":
            raise self.error(f"expected an operator and found {word}", position)
        return rows

    def expression(self, floor: int) -> sympy.Expr:
        left = self.operand()
        while True:
            _, word, _ = self.tokens[self.at]
            if word in _SUPERSCRIPT and floor <= _POWER:
                self.take()
                left = left ** _SUPERSCRIPT[word]
            elif word == "**" and floor <= _POWER:
                self.take()
                left = left ** self.expression(_SIGN)
            elif word in "*/" and floor <= _PRODUCT:
                self.take()
                right = self.expression(_PRODUCT + 1)
                left = left * right if word == "*" else left / right
            elif word in "+-" and floor <= _SUM:
                self.take()
                right = self.expression(_SUM + 1)
                left = left + right if word == "+" else left - right
            else:
                return left

    def operand(self) -> sympy.Expr:
        kind, word, position = self.take()
        if kind == "number":
            return sympy.Rational(word)
        if kind == "name":
            return self.name(word, position)
        if word in ("-", "+"):
            value = self.expression(_SIGN)
            return -value if word == "-" else value
        if word in ("(", "|"):
            inner = self.expression(0)
            self.expect(")" if word == "(" else "|")
            return inner if word == "(" else sympy.Abs(inner)
        raise self.error(f"expected a number, a name or '(' and found {word}", position)

    def name(self, word: str, position: int) -> sympy.Expr:
        if self.is_next("("):
            return self.call(word, position)
        lower = word.lower()
        if word in self.names:
            return self.names[word]
        if lower in _CONSTANTS:
            return _CONSTANTS[lower]
        known = [*self.names, *_CONSTANTS]
        raise unknown_name("formula", "variable", word, known)

    def call(self, word: str, position: int) -> sympy.Expr:
        known = FUNCTIONS.get(word.lower())
        if known is None:
            raise unknown_name("formula", "function", word, FUNCTIONS)
        maker, count = known
        self.expect("(")
        arguments = [self.argument()]
        while self.is_next(","):
            self.take()
            arguments.append(self.argument())
        self.expect(")")
        if count is not None and len(arguments) != count:
            raise self.error(f"{word} takes {count} arguments and got {len(arguments)}", position)
        return maker(*arguments)

    def argument(self) -> Any:
        left = self.expression(0)
        if self.tokens[self.at][1] in _COMPARISONS:
            compare = _COMPARISONS[self.take()[1]]
            return compare(left, self.expression(0))
        return left


def parse_rows(text: str, names: Mapping[str, sympy.Symbol]) -> list[list[sympy.Expr]]:
    """Reads `text` into rows (tokens) of sympy expressions (outputs).

    Grammar: numbers, `+ - * / ** ^`, parentheses, `|a|`, the functions of `FUNCTIONS`, `pi`, `e`;
    `where(a < b, then, otherwise)`. Decimal numbers are exact rationals.

    Args:
        text: the formula, for example "x1*x2; sin(2*x1 + x2), |x1|".
        names: the variables that may occur.

    Returns:
        One list a row; rows may differ in length (the caller judges).

    Raises:
        DataError: a syntax error; the message shows it with a caret.
        UnknownNameError: a function or variable that does not exist.
    """
    return _Reader(text, names).rows()
