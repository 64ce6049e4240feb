"""The target of a compilation: one continuous expression an output entry, on a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from sciformer.errors import DomainError, ShapeError
from theory.universal.arrays import Array
from theory.universal.formula.parsing import parse_rows
from theory.universal.formula.program import Program, compile_expression, evaluate

Formula = str | Sequence[Sequence[sympy.Expr | str]]


def token_symbols(tokens: int, width: int) -> list[list[sympy.Symbol]]:
    """The variables: x1, x2, ... for width 1, else x1_1, x1_2, ... (token, channel), from 1."""
    return [
        [
            sympy.Symbol(f"x{i + 1}" if width == 1 else f"x{i + 1}_{c + 1}", real=True)
            for c in range(width)
        ]
        for i in range(tokens)
    ]


def printed(expression: sympy.Expr) -> str:
    """The expression in the grammar of `parse_rows`."""
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):  # type: ignore[misc]
        def _print_Piecewise(self, piecewise: sympy.Piecewise) -> str:
            *cases, (last, _) = piecewise.args
            text = str(self._print(last))
            for value, condition in reversed(cases):
                text = f"where({self._print(condition)}, {self._print(value)}, {text})"
            return text

    return str(Printer().doprint(expression))


@dataclass(frozen=True)
class Target:
    """A map [lower, upper]^(n x d) -> R^(n x m), entry by entry.

    Args:
        entries: n rows (tokens) of m sympy expressions in `variables`.
        width: d, channels of an input token.
        lower: lower end of every coordinate.
        upper: upper end of every coordinate.
    """

    entries: tuple[tuple[sympy.Expr, ...], ...]
    width: int
    lower: float
    upper: float

    @property
    def tokens(self) -> int:
        """n, the sequence length."""
        return len(self.entries)

    @property
    def outputs(self) -> int:
        """m, outputs of a token."""
        return len(self.entries[0])

    @property
    def dimension(self) -> int:
        """D = n d."""
        return self.tokens * self.width

    @cached_property
    def variables(self) -> tuple[sympy.Symbol, ...]:
        """The D variables, token by token."""
        return tuple(v for row in token_symbols(self.tokens, self.width) for v in row)

    @cached_property
    def programs(self) -> tuple[tuple[Program, ...], ...]:
        """One straight-line program an entry."""
        return tuple(
            tuple(compile_expression(e, self.variables) for e in row) for row in self.entries
        )

    @property
    def text(self) -> str:
        """The formula again, readable by `read_target`."""
        return "; ".join(", ".join(printed(e) for e in row) for row in self.entries)

    @property
    def is_shared(self) -> bool:
        """Whether every token has the same outputs, so that no unit need know its position."""
        return all(row == self.entries[0] for row in self.entries)

    def values(self, sequences: Array) -> Array:
        """f at sequences (p, n, d), as (p, n, m), in plain float64."""
        points = sequences.reshape(len(sequences), -1)
        rows = [np.stack([evaluate(p, points) for p in row], -1) for row in self.programs]
        return np.stack(rows, 1)


def sequences_in(target: Target, cube: Array) -> Array:
    """Points of [-1, 1]^D as sequences (p, n, d) of the domain."""
    middle, half = (target.upper + target.lower) / 2, (target.upper - target.lower) / 2
    return (middle + half * cube).reshape(-1, target.tokens, target.width)


def read_target(
    formula: Formula, tokens: int, width: int = 1, domain: tuple[float, float] = (-1.0, 1.0)
) -> Target:
    """Builds the target from a string or from nested lists of sympy expressions or strings.

    Args:
        formula: "row; row; ..." with entries separated by commas, or rows of entries. One row is
            the output of every token.
        tokens: n >= 1.
        width: d >= 1, channels of an input token.
        domain: ends (a, b) of every coordinate, a < b, finite.

    Raises:
        DataError: a syntax error (with a caret), an unknown symbol or condition.
        UnknownNameError: an unknown function or variable.
        ShapeError: rows that are neither one nor one a token, or of unequal lengths.
        DomainError: a domain that is empty or not finite, tokens or width below 1.
    """
    if tokens < 1 or width < 1:
        raise DomainError(
            f"compile: tokens and width must be at least 1; got {tokens} and {width}."
        )
    lower, upper = float(domain[0]), float(domain[1])
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise DomainError(
            f"compile: the domain needs finite ends a < b; got {lower:g} and {upper:g}."
        )
    rows = _rows(formula, tokens, width)
    if len(rows) == 1:
        rows = rows * tokens
    lengths = sorted({len(row) for row in rows})
    if len(rows) != tokens or len(lengths) != 1 or lengths == [0]:
        raise ShapeError(
            f"compile: {tokens} tokens need a formula of 1 or {tokens} rows separated by ';', "
            f"with as many entries separated by ',' in each; got {len(rows)} rows of {lengths}."
        )
    target = Target(tuple(tuple(row) for row in rows), width, lower, upper)
    assert target.programs, "compiling the programs checks every symbol"
    return target


def _rows(formula: Formula, tokens: int, width: int) -> list[list[sympy.Expr]]:
    names = {s.name: s for row in token_symbols(tokens, width) for s in row}
    if isinstance(formula, str):
        return parse_rows(formula, names)
    rows: list[list[sympy.Expr]] = []
    for row in formula:
        rows.append([])
        for entry in row:
            if isinstance(entry, str):
                ((entry,),) = parse_rows(entry, names)
            expression = sympy.sympify(entry)
            exact = {s: names[s.name] for s in expression.free_symbols if s.name in names}
            exact |= {f: sympy.Rational(float(f)) for f in expression.atoms(sympy.Float)}
            rows[-1].append(expression.xreplace(exact))
    return rows
