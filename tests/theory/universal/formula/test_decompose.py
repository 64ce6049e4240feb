"""Blocks add up to the formula, and are as small as they should be."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from theory.universal.formula.decompose import decompose
from theory.universal.formula.program import compile_expression, evaluate
from theory.universal.formula.target import read_target


@pytest.mark.parametrize(
    ("formula", "tokens", "sizes"),
    [
        ("x1*x2 + x3*x4 + 3", 4, [2, 2]),
        ("sin(2*(x1*x2 + x2*x3 + x3*x4 + x4*x1))", 4, [2]),
        ("exp(x1 + 2*x2 - x3/3)", 3, [1]),
        ("x1*x2*x3*x4", 4, [1] * 8),
        ("tanh(x2 + x1*x3)", 3, [3]),
        ("sin(x1)*cos(x2)*x3*x4", 4, [4]),
        ("x1 + 1", 3, [1]),
        ("max(x1 - x2, x3)", 3, [2]),
        ("7", 2, [1]),
    ],
)
def test_sizes_and_sums(formula: str, tokens: int, sizes: list[int]) -> None:
    """Kills: a lost constant, a wrong sign in a polarisation, linear forms that are not proven."""
    target = read_target(formula, tokens)
    entry = target.entries[0][0]
    blocks = decompose(entry, target.variables)
    assert sorted(b.dimension for b in blocks) == sizes
    points = np.random.default_rng(0).uniform(-1, 1, (100, tokens))
    total = sum(evaluate(b.program, points @ b.matrix.T) for b in blocks)
    expected = evaluate(compile_expression(entry, target.variables), points)
    assert np.allclose(total, expected, atol=1e-12)
    assert sympy.expand(entry - sum(b.substituted(target.variables) for b in blocks)) == 0
