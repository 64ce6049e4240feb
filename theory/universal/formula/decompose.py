"""Symbolic decomposition: a formula as a sum of blocks, each a function of few linear forms.

f(x) = sum_b g_b(L_b x),  proven by expanding both sides

Blocks on different variables bound the error exactly (the maximum of a sum is the sum of the
maxima), so that the cost of a certificate grows with the largest block, not with the dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import comb, factorial

import numpy as np
import sympy

from theory.universal.arrays import Array
from theory.universal.formula.program import Program, compile_expression, evaluate

DIRECT_DIMENSION = 3
"""Up to this many coordinates a block is left whole: bounding it whole is exact."""


@dataclass(frozen=True)
class Block:
    """g(L x): `expression` in y1, ..., yr with rational rows L."""

    rows: tuple[tuple[sympy.Rational, ...], ...]
    expression: sympy.Expr

    @property
    def dimension(self) -> int:
        """r, the number of linear forms."""
        return len(self.rows)

    @cached_property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        """y1, ..., yr."""
        return block_symbols(self.dimension)

    @cached_property
    def matrix(self) -> Array:
        """L as floats, shape (r, D); exact whenever its entries are floats."""
        return np.array([[float(v) for v in row] for row in self.rows]).reshape(self.dimension, -1)

    @cached_property
    def program(self) -> Program:
        """The straight-line program of `expression`."""
        return compile_expression(self.expression, self.symbols)

    def substituted(self, variables: Sequence[sympy.Symbol]) -> sympy.Expr:
        """g(L x) as an expression in x."""
        forms = [
            sum((c * v for c, v in zip(row, variables, strict=True)), sympy.Integer(0))
            for row in self.rows
        ]
        return self.expression.subs(dict(zip(self.symbols, forms, strict=True)), simultaneous=True)


def block_symbols(count: int) -> tuple[sympy.Symbol, ...]:
    """The coordinates y1, ..., yr of a block."""
    return tuple(sympy.Symbol(f"y{k + 1}", real=True) for k in range(count))


def whole(expression: sympy.Expr, variables: Sequence[sympy.Symbol]) -> Block:
    """The formula as one block of all its variables (identity rows)."""
    used = [v for v in variables if v in expression.free_symbols] or list(variables[:1])
    rows = tuple(tuple(sympy.Integer(int(v == u)) for v in variables) for u in used)
    renamed = expression.xreplace(dict(zip(used, block_symbols(len(used)), strict=True)))
    return Block(rows, renamed)


@lru_cache(maxsize=256)
def decompose(expression: sympy.Expr, variables: tuple[sympy.Symbol, ...]) -> tuple[Block, ...]:
    """Blocks whose sum is `expression`; a single block if nothing splits off.

    1. additive terms that share no variable go apart;
    2. a part that depends on fewer linear forms than variables is rewritten in those forms;
    3. a part of more than three coordinates becomes ridge functions where its terms are monomials
       (polarisation), products of sines and cosines (product to sum) or ridge functions already.
    """
    blocks: list[Block] = []
    for part in _separate(expression):
        block = _reduce(part, variables)
        if block.dimension > DIRECT_DIMENSION:
            ridges = _ridges(part, variables)
            blocks += [block] if ridges is None else ridges
        else:
            blocks.append(block)
    result = tuple(blocks) or (whole(expression, variables),)
    difference = expression - sum(b.substituted(variables) for b in result)
    proven = sympy.expand(difference) == 0
    return result if proven else (whole(expression, variables),)


def _separate(expression: sympy.Expr) -> list[sympy.Expr]:
    """Sums of terms such that no variable occurs in two of them; constants join the first."""
    groups: list[tuple[set[sympy.Basic], sympy.Expr]] = []
    constant = sympy.Integer(0)
    for term in sympy.Add.make_args(sympy.expand(expression, power_exp=False)):
        symbols = set(term.free_symbols)
        if not symbols:
            constant += term
            continue
        touching = [g for g in groups if g[0] & symbols]
        groups = [g for g in groups if not g[0] & symbols]
        merged = symbols.union(*(g[0] for g in touching))
        groups.append((merged, sum((g[1] for g in touching), term)))
    if not groups:
        return []
    first, *rest = sorted((g[1] for g in groups), key=sympy.default_sort_key)
    return [first + constant, *rest]


def _reduce(expression: sympy.Expr, variables: Sequence[sympy.Symbol]) -> Block:
    """The expression in as few linear forms as its gradients span, proven or left as it is."""
    direct = whole(expression, variables)
    if direct.dimension < 2:
        return direct
    used = [v for v in variables if v in expression.free_symbols]
    forms = _gradient_span(direct)
    if forms is None or len(forms) >= len(used):
        return direct
    rows = tuple(
        tuple(form[used.index(v)] if v in used else sympy.Integer(0) for v in variables)
        for form in forms
    )
    pivots = [next(k for k, c in enumerate(form) if c == 1) for form in forms]
    renamed = {v: sympy.Integer(0) for v in used}
    renamed |= {used[p]: y for p, y in zip(pivots, block_symbols(len(forms)), strict=True)}
    block = Block(rows, expression.subs(renamed, simultaneous=True))
    same = sympy.expand(expression - block.substituted(variables)) == 0
    return block if same else direct


def _gradient_span(block: Block) -> list[list[sympy.Rational]] | None:
    """Reduced row echelon form of the span of the gradients, rational; None if it is not."""
    r = block.dimension
    points = np.random.default_rng(0).uniform(0.1, 0.9, (6 * r, r))
    step = 1e-5
    columns = []
    for k in range(r):
        shift = step * np.eye(r)[k]
        columns.append(
            evaluate(block.program, points + shift) - evaluate(block.program, points - shift)
        )
    gradients = np.stack(columns, 1) / (2 * step)
    if not np.isfinite(gradients).all():
        return None
    scale = max(float(np.abs(gradients).max()), 1e-300)
    _, sizes, directions = np.linalg.svd(gradients / scale)
    rank = int((sizes > 1e-6).sum())
    basis = directions[:rank].copy()
    if rank == 0 or rank == r:
        return None
    return _echelon(basis)


def _echelon(basis: Array) -> list[list[sympy.Rational]] | None:
    rank, width = basis.shape
    column = 0
    for row in range(rank):
        while column < width and np.abs(basis[row:, column]).max() < 1e-6:
            column += 1
        pivot = row + int(np.abs(basis[row:, column]).argmax())
        basis[[row, pivot]] = basis[[pivot, row]]
        basis[row] /= basis[row, column]
        for other in range(rank):
            if other != row:
                basis[other] -= basis[other, column] * basis[row]
        column += 1
    exact = [[sympy.Rational(float(v)).limit_denominator(64) for v in row] for row in basis]
    near = np.array([[float(v) for v in row] for row in exact])
    return exact if np.abs(near - basis).max() < 1e-5 else None


def _ridges(expression: sympy.Expr, variables: Sequence[sympy.Symbol]) -> list[Block] | None:
    """The expression as functions of one linear form each, or None."""
    by_form: dict[tuple[sympy.Rational, ...], sympy.Expr] = {}
    for term in sympy.Add.make_args(sympy.expand(expression, power_exp=False)):
        for piece in _split_term(term):
            block = _reduce(piece, variables)
            if block.dimension > 1:
                return None
            (row,) = block.rows
            by_form[row] = by_form.get(row, sympy.Integer(0)) + block.expression
    return [Block((row,), g) for row, g in by_form.items()]


_MOST_RIDGE_TERMS = 20_000
"""Monomials in the proof of a polarisation: 14 784 for a product of six variables, 109 824 for one
of seven, which takes sympy minutes."""
_MOST_WAVES = 6
"""Sines and cosines of one product; k of them become 2^(k-1) terms."""


def _split_term(term: sympy.Expr) -> list[sympy.Expr]:
    """The term as a sum of ridge functions; the term itself where that is out of reach."""
    coefficient, monomial = term.as_coeff_Mul()
    if monomial.is_polynomial() and len(monomial.free_symbols) > 1:
        powers = [int(e) for e in monomial.as_powers_dict().values()]
        degree, variables = sum(powers), len(powers)
        if 2 ** (degree - 1) * comb(degree + variables - 1, degree) > _MOST_RIDGE_TERMS:
            return [term]
        return [coefficient * p for p in _polarised(monomial)]
    if monomial.has(sympy.sin, sympy.cos):
        waves = [e for b, e in monomial.as_powers_dict().items() if b.has(sympy.sin, sympy.cos)]
        if not all(e.is_Integer and e > 0 for e in waves) or sum(waves) > _MOST_WAVES:
            return [term]
        from sympy.simplify.fu import TR8

        return list(sympy.Add.make_args(sympy.expand(TR8(term))))
    return [term]


def _polarised(monomial: sympy.Expr) -> list[sympy.Expr]:
    """x_1 ... x_k = sum over signs of (prod s) (x_1 + s_2 x_2 + ...)^k / (2^(k-1) k!)."""
    factors = [
        b for b, e in sorted(monomial.as_powers_dict().items(), key=str) for _ in range(int(e))
    ]
    k = len(factors)
    pieces = []
    for signs in product((1, -1), repeat=k - 1):
        form = factors[0] + sum(s * v for s, v in zip(signs, factors[1:], strict=True))
        weight = sympy.Rational(int(np.prod(signs)), 2 ** (k - 1) * factorial(k))
        if form != 0:
            pieces.append(weight * form**k)
    return pieces
