"""The syntax tree of a formula, exactly as it was written.

A formula has one row a token, separated by `;`, and one expression an output, separated by `,`.
A single row is the output of every token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sciformer.errors import DataError, unknown_name
from theory.universal.formula.limits import (
    LARGEST_MAGNITUDE,
    MOST_ARGUMENTS,
    MOST_CHARACTERS,
    MOST_DEPTH,
    MOST_DIGITS,
    MOST_SYMBOLS,
)

_SYMBOL = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<operator>\*\*|<=|>=|[-+*/^(),;|<>]|[−·×²³])",
    re.ASCII,
)
_PLAIN = {"−": "-", "·": "*", "×": "*", "^": "**"}
_SUPERSCRIPT = {"²": "2", "³": "3"}
COMPARISONS = ("<", "<=", ">", ">=")

PRIMITIVES = ("sin", "cos", "tanh", "atan", "exp", "log", "sqrt", "abs")
"""Functions of one argument that every arithmetic has."""
ARGUMENTS: Mapping[str, int | None] = {
    **dict.fromkeys(PRIMITIVES, 1),
    **dict.fromkeys(("tan", "sinh", "cosh", "sign", "heaviside", "relu", "sigmoid"), 1),
    "max": None,
    "min": None,
    "where": 3,
}
"""The functions and the number of their arguments; None is one or more."""


@dataclass(frozen=True)
class Node:
    """One operation of a formula.

    Args:
        operation: number, name, add, multiply, reciprocal, negate, power, compare, or a function.
        children: the operands, in order.
        value: the text of a number, a name or a comparison.
        start, stop: the characters of the formula that the node was read from.
    """

    operation: str
    children: tuple[Node, ...] = ()
    value: str = ""
    start: int = field(default=0, compare=False)
    stop: int = field(default=0, compare=False)


@dataclass(frozen=True)
class _Symbol:
    kind: str
    word: str
    start: int
    stop: int


class _Reader:
    """Recursive descent over the symbols of one formula."""

    def __init__(self, text: str, names: Mapping[str, object], constants: tuple[str, ...]) -> None:
        self.text, self.names, self.constants = text, names, constants
        self.at = self.depth = 0
        if len(text) > MOST_CHARACTERS:
            raise DataError(
                f"formula: it has {len(text)} characters, and at most {MOST_CHARACTERS} are read; "
                "write a shorter one."
            )
        self.symbols = self._symbols()

    def _symbols(self) -> list[_Symbol]:
        found: list[_Symbol] = []
        position = 0
        while position < len(self.text):
            match = _SYMBOL.match(self.text, position)
            if match is None:
                raise self.error(f"unexpected character {self.text[position]!r}", position)
            position = match.end()
            if match.lastgroup == "space":
                continue
            word = match.group()
            symbol = _Symbol(str(match.lastgroup), _PLAIN.get(word, word), match.start(), position)
            if symbol.kind == "number":
                self._check_number(symbol)
            found.append(symbol)
            if len(found) > MOST_SYMBOLS:
                raise DataError(
                    f"formula: it has more than {MOST_SYMBOLS} numbers, names and operators; "
                    "write a shorter one."
                )
        found.append(_Symbol("end", "the end", len(self.text), len(self.text)))
        return found

    def _check_number(self, symbol: _Symbol) -> None:
        digits, _, exponent = symbol.word.lower().partition("e")
        if len(digits) > MOST_DIGITS:
            raise self.error(f"a number of more than {MOST_DIGITS} digits", symbol.start)
        magnitude = exponent.lstrip("+-").lstrip("0")
        if len(magnitude) > 3 or int(magnitude or 0) > LARGEST_MAGNITUDE:
            raise self.error(
                f"a number with a decimal exponent beyond {LARGEST_MAGNITUDE}", symbol.start
            )

    def error(self, problem: str, position: int) -> DataError:
        """One sentence, with the formula around the position and a caret below it."""
        start = max(0, position - 70)
        shown = self.text[start : position + 30].replace("\n", " ").replace("\t", " ")
        return DataError(
            f"formula: {problem} at column {position + 1}; correct the expression at the caret.\n"
            f"  {shown}\n  {' ' * (position - start)}^"
        )

    @property
    def next(self) -> _Symbol:
        return self.symbols[self.at]

    def take(self) -> _Symbol:
        self.at += 1
        return self.symbols[self.at - 1]

    def is_next(self, *words: str) -> bool:
        return self.next.kind == "operator" and self.next.word in words

    def expect(self, word: str) -> None:
        if not self.is_next(word):
            raise self.error(f"expected {word!r} and found {self.next.word}", self.next.start)
        self.take()

    def node(self, operation: str, children: tuple[Node, ...], start: int, value: str = "") -> Node:
        return Node(operation, children, value, start, self.symbols[self.at - 1].stop)

    def deeper(self, position: int) -> None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise self.error(f"more than {MOST_DEPTH} nested operations", position)

    def rows(self) -> list[list[Node]]:
        rows = [[self.sum()]]
        while self.is_next(",", ";"):
            if self.take().word == ";":
                if self.next.kind == "end":
                    break
                rows.append([])
            rows[-1].append(self.sum())
        if self.next.kind != "end":
            raise self.error(f"expected an operator and found {self.next.word}", self.next.start)
        return rows

    def sum(self) -> Node:
        start = self.next.start
        terms = [self.product()]
        while self.is_next("+", "-"):
            sign = self.take().word
            at = self.next.start
            term = self.product()
            terms.append(term if sign == "+" else self.node("negate", (term,), at))
        return terms[0] if len(terms) == 1 else self.node("add", tuple(terms), start)

    def product(self) -> Node:
        start = self.next.start
        factors = [self.signed()]
        while self.is_next("*", "/"):
            operator = self.take().word
            at = self.next.start
            factor = self.signed()
            factors.append(factor if operator == "*" else self.node("reciprocal", (factor,), at))
        return factors[0] if len(factors) == 1 else self.node("multiply", tuple(factors), start)

    def signed(self) -> Node:
        if not self.is_next("-", "+"):
            return self.power()
        sign = self.take()
        self.deeper(sign.start)
        operand = self.signed()
        self.depth -= 1
        return operand if sign.word == "+" else self.node("negate", (operand,), sign.start)

    def power(self) -> Node:
        start = self.next.start
        base = self.atom()
        raised = 0
        while self.is_next("**", *_SUPERSCRIPT):
            symbol = self.take()
            self.deeper(symbol.start)
            raised += 1
            if symbol.word == "**":
                exponent = self.signed()
            else:
                value = _SUPERSCRIPT[symbol.word]
                exponent = self.node("number", (), symbol.start, value)
            base = self.node("power", (base, exponent), start)
        self.depth -= raised
        return base

    def atom(self) -> Node:
        symbol = self.take()
        if symbol.kind == "number":
            return self.node("number", (), symbol.start, symbol.word)
        if symbol.kind == "name":
            return self.call(symbol) if self.is_next("(") else self.name(symbol)
        if symbol.word in ("(", "|") and symbol.kind == "operator":
            self.deeper(symbol.start)
            inner = self.sum()
            self.expect(")" if symbol.word == "(" else "|")
            self.depth -= 1
            return inner if symbol.word == "(" else self.node("abs", (inner,), symbol.start)
        raise self.error(f"expected a number, a name or '(' and found {symbol.word}", symbol.start)

    def name(self, symbol: _Symbol) -> Node:
        word = symbol.word
        if word in self.names:
            return self.node("name", (), symbol.start, word)
        if word.lower() in self.constants:
            return self.node("name", (), symbol.start, word.lower())
        raise unknown_name("formula", "variable", word, [*self.names, *self.constants])

    def call(self, symbol: _Symbol) -> Node:
        word = symbol.word.lower()
        if word not in ARGUMENTS:
            raise unknown_name("formula", "function", symbol.word, ARGUMENTS)
        self.deeper(symbol.start)
        self.expect("(")
        arguments = [self.condition() if word == "where" else self.sum()]
        while self.is_next(","):
            self.take()
            arguments.append(self.sum())
        if self.is_next(*COMPARISONS):
            raise self.error("a comparison that is not the condition of where", self.next.start)
        self.expect(")")
        self.depth -= 1
        count = ARGUMENTS[word]
        if count is not None and len(arguments) != count:
            raise self.error(
                f"{word} takes {count} arguments and got {len(arguments)}", symbol.start
            )
        if len(arguments) > MOST_ARGUMENTS:
            raise self.error(f"{word} takes at most {MOST_ARGUMENTS} arguments", symbol.start)
        return self.node(word, tuple(arguments), symbol.start)

    def condition(self) -> Node:
        start = self.next.start
        left = self.sum()
        if not self.is_next(*COMPARISONS):
            raise self.error("where needs a condition such as x1 < x2", start)
        operator = self.take().word
        return self.node("compare", (left, self.sum()), start, operator)


def read_rows(
    text: str, names: Mapping[str, object], constants: tuple[str, ...]
) -> list[list[Node]]:
    """Reads `text` into rows (tokens) of syntax trees (outputs).

    Args:
        text: the formula.
        names: the variables that may occur.
        constants: the names of numbers that may occur, such as pi.

    Raises:
        DataError: a syntax error or a limit of `formula.limits`; a caret shows where.
        UnknownNameError: a function or variable that does not exist.
    """
    return _Reader(text, names, constants).rows()
