"""The verifier's reading of blocks and bisection trees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy

from theory.universal.arrays import Array
from theory.universal.formula.parsing import parse_rows
from theory.universal.verifier.dual import require


def covers(
    rows: list[list[sympy.Rational]], domain: tuple[float, float], box: tuple[Array, Array]
) -> bool:
    """Whether the box holds every linear form on the domain, in exact rational numbers."""
    ends = sympy.Rational(domain[0]), sympy.Rational(domain[1])
    for row, low, high in zip(rows, *box, strict=True):
        least = sum(v * (ends[0] if v > 0 else ends[1]) for v in row)
        most = sum(v * (ends[1] if v > 0 else ends[0]) for v in row)
        if sympy.Rational(float(low)) > least or sympy.Rational(float(high)) < most:
            return False
    return True


def read_expression(text: str, names: dict[str, sympy.Symbol]) -> sympy.Expr:
    """One expression in the coordinates of a block."""
    ((expression,),) = parse_rows(text, names)
    return expression


def replay(tree: Any, lower: Array, upper: Array, where: str) -> Iterator[tuple[Array, Array]]:
    """Leaves of a bisection tree, level by level; both halves of every bisected box must follow."""
    low, high, at = lower[None], upper[None], 0
    while len(low):
        codes = np.asarray(tree[at : at + len(low)]).astype(int)
        at += len(low)
        inner = codes != 255
        require(
            len(codes) == len(low) and bool(np.all(codes[inner] < len(lower))),
            f"a bisection tree of {where} is broken.",
        )
        yield low[~inner], high[~inner]
        rows, axis = np.arange(int(inner.sum())), codes[inner]
        left, right = low[inner], high[inner]
        cut = left[rows, axis] + (right[rows, axis] - left[rows, axis]) / 2
        nearer, farther = right.copy(), left.copy()
        nearer[rows, axis] = cut
        farther[rows, axis] = cut
        low = np.stack([left, farther], 1).reshape(-1, len(lower))
        high = np.stack([nearer, right], 1).reshape(-1, len(lower))
    require(at == len(tree), f"a bisection tree of {where} has boxes left over.")
