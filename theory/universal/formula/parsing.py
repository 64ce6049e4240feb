"""Formulas as people write them, read into sympy and into programs without `eval`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy

from sciformer.errors import DataError, DomainError
from theory.universal.formula.branches import branch, compared, constant_bits, is_finite_real
from theory.universal.formula.limits import (
    LARGEST_EXPONENT,
    MOST_BITS,
    check_expansion,
)
from theory.universal.formula.program import Program
from theory.universal.formula.syntax import Node, read_rows
from theory.universal.formula.written import program_as_written

_CONSTANTS = {"pi": sympy.pi, "e": sympy.E}
_COMPARISONS: Mapping[str, Callable[..., sympy.Basic]] = {
    "<": sympy.Lt,
    "<=": sympy.Le,
    ">": sympy.Gt,
    ">=": sympy.Ge,
}
_FUNCTIONS: Mapping[str, Callable[..., sympy.Expr]] = {
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": lambda a: sympy.sin(a) / sympy.cos(a),
    "tanh": sympy.tanh,
    "sinh": lambda a: (sympy.exp(a) - sympy.exp(-a)) / 2,
    "cosh": lambda a: (sympy.exp(a) + sympy.exp(-a)) / 2,
    "atan": sympy.atan,
    "exp": sympy.exp,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "abs": sympy.Abs,
    "sign": lambda a: branch(compared(sympy.Gt, a, sympy.Integer(0)), 1, -1),
    "heaviside": lambda a: branch(compared(sympy.Gt, a, sympy.Integer(0)), 1, 0),
    "relu": lambda a: sympy.Max(a, 0),
    "sigmoid": lambda a: (1 + sympy.tanh(a / 2)) / 2,
    "max": sympy.Max,
    "min": sympy.Min,
    "where": branch,
}


@dataclass(frozen=True)
class Written:
    """One entry of a formula.

    Args:
        text: as it was written.
        expression: what sympy makes of it, simplified where sympy does so by itself.
        program: the operations as they were written, for questions of definedness.
    """

    text: str
    expression: sympy.Expr
    program: Program


class _Translation:
    """Translation of syntax trees to sympy, with constants and exponents judged before they are
    computed.
    """

    def __init__(self, text: str, names: Mapping[str, sympy.Symbol]) -> None:
        self.text, self.names = text, names

    def shown(self, node: Node) -> str:
        """The text of a node, cut to the length of a message."""
        text = self.text[node.start : node.stop].strip()
        text = f"1/{text}" if node.operation == "reciprocal" else text
        return text if len(text) <= 60 else f"{text[:57]}..."

    def expression(self, node: Node) -> sympy.Expr:
        """The sympy expression of a node.

        Raises:
            DomainError: a constant that is not a finite real number of the range of float64.
            DataError: an exponent beyond `LARGEST_EXPONENT`.
        """
        children = [self.expression(c) for c in node.children]
        if node.operation == "power":
            self._check_power(node, *children)
        made: sympy.Expr = self._made(node, children)
        if node.operation != "compare" and made.is_number:
            self._check_constant(node, made)
        return made

    def _made(self, node: Node, children: list[sympy.Expr]) -> sympy.Expr:
        match node.operation:
            case "number":
                return sympy.Rational(node.value)
            case "name":
                return self.names.get(node.value, _CONSTANTS.get(node.value))
            case "add":
                return sympy.Add(*children)
            case "multiply":
                product = children[0]
                for child in children[1:]:
                    product = product * child
                return product
            case "reciprocal":
                return 1 / children[0]
            case "negate":
                return -children[0]
            case "power":
                return children[0] ** children[1]
            case "compare":
                return compared(_COMPARISONS[node.value], *children)
            case "max" | "min" | "relu":
                return self._extreme(node, children)
            case name:
                return _FUNCTIONS[name](*children)

    def _extreme(self, node: Node, children: list[sympy.Expr]) -> sympy.Expr:
        try:
            return _FUNCTIONS[node.operation](*children)
        except ValueError as error:  # sympy compares real numbers only
            raise DomainError(
                f"formula: {self.shown(node)} has an argument that is not real; compare what is "
                "real everywhere."
            ) from error

    def _check_power(self, node: Node, base: sympy.Expr, exponent: sympy.Expr) -> None:
        """Bounds the size of a power before sympy computes it."""
        if not exponent.is_number:
            return
        if abs(exponent) > LARGEST_EXPONENT:
            raise DataError(
                f"formula: the exponent of {self.shown(node)} is larger than {LARGEST_EXPONENT}; "
                "use a smaller one."
            )
        if constant_bits(base) * abs(exponent) > MOST_BITS:
            raise self._unreal(node)

    def _check_constant(self, node: Node, value: sympy.Expr) -> None:
        if not is_finite_real(value):
            raise self._unreal(node)

    def _unreal(self, node: Node) -> DomainError:
        return DomainError(
            f"formula: the constant {self.shown(node)} is not known to be a finite real number; "
            "remove it, or keep it within the range of float64."
        )


def parse_rows(text: str, names: Mapping[str, sympy.Symbol]) -> list[list[sympy.Expr]]:
    """Reads `text` into rows (tokens) of sympy expressions (outputs).

    Grammar: numbers, `+ - * / ** ^`, parentheses, `|a|`, the functions of `syntax.ARGUMENTS`, `pi`,
    `e`; `where(a < b, then, otherwise)`. Decimal numbers are exact rationals.

    Args:
        text: the formula, for example "x1*x2; sin(2*x1 + x2), |x1|".
        names: the variables that may occur.

    Returns:
        One list a row; rows may differ in length (the caller judges).

    Raises:
        DataError: a syntax error or a limit of `formula.limits`; a caret shows where.
        UnknownNameError: a function or variable that does not exist.
        DomainError: a constant part that is not real and finite, such as 1/0.
    """
    return [[entry.expression for entry in row] for row in read_written(text, names)]


def read_written(text: str, names: Mapping[str, sympy.Symbol]) -> list[list[Written]]:
    """`parse_rows`, with the text and the operations of every entry as they were written."""
    translation = _Translation(text, names)
    rows: list[list[Written]] = []
    for row in read_rows(text, names, tuple(_CONSTANTS)):
        rows.append([])
        for node in row:
            expression = translation.expression(node)
            check_expansion(expression)
            program = program_as_written(node, list(names), _exponent(translation))
            rows[-1].append(Written(translation.shown(node), expression, program))
    return rows


def _exponent(translation: _Translation) -> Callable[[Node], sympy.Rational | None]:
    def rational(node: Node) -> sympy.Rational | None:
        value = translation.expression(node)
        return value if value.is_Rational else None

    return rational


def parse_number(text: str) -> float:
    """A number, or an expression without variables such as pi/2, rounded to float64.

    Raises:
        DataError: not exactly one expression, or one that cannot be read.
        DomainError: a value that is not real and finite.
    """
    rows = parse_rows(text, {})
    if len(rows) != 1 or len(rows[0]) != 1:
        raise DataError(f"domain: expected one number and got {text!r}; write for example pi/2.")
    try:
        value = float(rows[0][0])
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise DomainError("domain: a number is beyond the range of float64; use a smaller one.")
    return value
