"""The target of a compilation: one continuous expression per output entry, on a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import sympy

from sciformer.errors import DataError, DomainError, ShapeError
from theory.universal.arrays import Array
from theory.universal.formula.domain import Domain, Side, read_box
from theory.universal.formula.limits import MOST_COORDINATES, check_expansion
from theory.universal.formula.parsing import Written, read_written
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
        box: the interval of every coordinate, token by token.
        written: the entries as they were written, whose definedness counts.
    """

    entries: tuple[tuple[sympy.Expr, ...], ...]
    width: int
    box: tuple[Side, ...]
    written: tuple[tuple[Written, ...], ...] = field(compare=False)

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
    def lower(self) -> Array:
        """Lower ends (D,) of the coordinates."""
        return np.array([low for low, _ in self.box])

    @cached_property
    def upper(self) -> Array:
        """Upper ends (D,) of the coordinates."""
        return np.array([high for _, high in self.box])

    @cached_property
    def limit(self) -> Array:
        """Largest |x| (D,) of the coordinates."""
        return np.asarray(np.maximum(np.abs(self.lower), np.abs(self.upper)))

    @property
    def domain(self) -> Side | list[Side]:
        """The interval of all coordinates if they share one, else the interval of each."""
        return self.box[0] if len(set(self.box)) == 1 else list(self.box)

    @cached_property
    def variables(self) -> tuple[sympy.Symbol, ...]:
        """The D variables, token by token."""
        return tuple(v for row in token_symbols(self.tokens, self.width) for v in row)

    @cached_property
    def programs(self) -> tuple[tuple[Program, ...], ...]:
        """One straight-line program per entry."""
        compiled = {e: compile_expression(e, self.variables) for row in self.entries for e in row}
        return tuple(tuple(compiled[e] for e in row) for row in self.entries)

    @property
    def text(self) -> str:
        """The formula again, readable by `read_target`."""
        return "; ".join(", ".join(printed(e) for e in row) for row in self.entries)

    @cached_property
    def is_shared(self) -> bool:
        """Whether every token has the same outputs, so that no unit need know its position."""
        return all(row == self.entries[0] for row in self.entries)

    def values(self, sequences: Array) -> Array:
        """f at sequences (p, n, d), as (p, n, m), in plain float64."""
        if self.is_shared:
            return np.repeat(self.row_values(sequences, 0)[:, None], self.tokens, 1)
        return np.stack([self.row_values(sequences, i) for i in range(self.tokens)], 1)

    def row_values(self, sequences: Array, token: int) -> Array:
        """Outputs (p, m) of one token at sequences (p, n, d), in plain float64."""
        points = sequences.reshape(len(sequences), -1)
        return np.stack([evaluate(p, points) for p in self.programs[token]], -1)


def sequences_in(target: Target, cube: Array) -> Array:
    """Points of [-1, 1]^D as sequences (p, n, d) of the domain."""
    middle, half = (target.upper + target.lower) / 2, (target.upper - target.lower) / 2
    return (middle + half * cube).reshape(-1, target.tokens, target.width)


def read_target(
    formula: Formula,
    tokens: int,
    width: int = 1,
    domain: Domain = (-1.0, 1.0),
    *,
    simplify: bool = False,
) -> Target:
    """Builds the target from a string or from nested lists of sympy expressions or strings.

    Args:
        formula: "row; row; ..." with entries separated by commas, or rows of entries. One row is
            the output of every token.
        tokens: n >= 1.
        width: d >= 1, channels of an input token.
        domain: ends (a, b) of every coordinate, a < b, finite; or one pair a coordinate, in order
            or by name.
        simplify: take what sympy simplifies the formula to for the formula that was written.

    Raises:
        DataError: a syntax error (with a caret), an unknown symbol or condition, a limit of
            `formula.limits`.
        UnknownNameError: an unknown function or variable.
        ShapeError: rows that are neither one nor one a token, or of unequal lengths.
        DomainError: a domain that is empty or not finite, tokens or width below 1 or too large.
    """
    _check_shape(tokens, width)
    variables = [v for row in token_symbols(tokens, width) for v in row]
    box = read_box(domain, [v.name for v in variables])
    rows = _rows(formula, tokens, width)
    if len(rows) == 1:
        rows = rows * tokens
    lengths = sorted({len(row) for row in rows})
    if len(rows) != tokens or len(lengths) != 1 or lengths == [0]:
        raise ShapeError(
            f"compile: {tokens} tokens need a formula of 1 or {tokens} rows separated by ';', "
            f"with as many entries separated by ',' in each; got {len(rows)} rows of {lengths}."
        )
    if simplify:
        rows = [[_unwritten(w.expression, variables) for w in row] for row in rows]
    entries = tuple(tuple(w.expression for w in row) for row in rows)
    target = Target(entries, width, box, tuple(tuple(row) for row in rows))
    assert target.programs, "compiling the programs checks every symbol"
    return target


def _check_shape(tokens: int, width: int) -> None:
    if tokens < 1 or width < 1:
        raise DomainError(
            f"compile: tokens and width must be at least 1; got {tokens} and {width}."
        )
    if tokens * width > MOST_COORDINATES:
        raise DomainError(
            f"compile: {tokens} tokens of width {width} are {tokens * width} coordinates, and at "
            f"most {MOST_COORDINATES} are within reach; use fewer."
        )


def _rows(formula: Formula, tokens: int, width: int) -> list[list[Written]]:
    variables = [v for row in token_symbols(tokens, width) for v in row]
    names = {v.name: v for v in variables}
    if isinstance(formula, str):
        return read_written(formula, names)
    if not isinstance(formula, Sequence) or any(isinstance(row, str) for row in formula):
        raise DataError(
            "compile: the formula must be a string, or a list of rows that are lists of strings or "
            f"sympy expressions; got {formula!r:.60}."
        )
    rows: list[list[Written]] = []
    for row in formula:
        rows.append([])
        for entry in row:
            if isinstance(entry, str):
                rows[-1] += [w for read in read_written(entry, names) for w in read]
                continue
            expression = sympy.sympify(entry)
            exact = {s: names[s.name] for s in expression.free_symbols if s.name in names}
            exact |= {f: sympy.Rational(float(f)) for f in expression.atoms(sympy.Float)}
            rows[-1].append(_unwritten(expression.xreplace(exact), variables))
    return rows


def _unwritten(expression: sympy.Expr, variables: Sequence[sympy.Symbol]) -> Written:
    """A sympy expression, which stands for itself."""
    check_expansion(expression)
    return Written(str(expression), expression, compile_expression(expression, variables))
