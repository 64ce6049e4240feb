"""The finite claims, proved for small lengths in exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy


def row_sum_map(n: int) -> sympy.Matrix:
    return sympy.Matrix(
        n, 2 * n - 1, lambda i, k: sympy.Rational(1, n) if 0 <= i + k - n + 1 < n else 0
    )


def overlap(n: int) -> sympy.Matrix:
    return sympy.Matrix(n, n, lambda i, j: n - abs(i - j))


def inverse(n: int) -> sympy.Matrix:
    """The closed form: half the second difference, closed around by 1 / (2 (n + 1))."""
    half, corner = sympy.Rational(1, 2), sympy.Rational(1, 2 * (n + 1))

    def entry(i: int, j: int) -> sympy.Expr:
        ends = {0, n - 1}
        value = {0: 1, 1: -half}.get(abs(i - j), 0)
        value -= half if i == j and i in ends else 0
        return value + (corner if i in ends and j in ends else 0)

    return sympy.Matrix(n, n, entry)


@pytest.mark.parametrize("n", range(2, 9))
def test_minimal_gain_is_proved(n: int) -> None:
    """K K^-1 = I, K = n^2 M M^T, and the least C for the index is n at offsets <= 0."""
    rows = row_sum_map(n)
    assert n * n * rows * rows.T == overlap(n)
    assert overlap(n) * inverse(n) == sympy.eye(n)
    index = sympy.Matrix(range(1, n + 1))
    table = n * n * rows.T * inverse(n) * index
    assert list(table) == [n] * n + [0] * (n - 1)
    assert rows * table == index


def test_closed_form_in_the_code_is_the_one_proved() -> None:
    """Kills: a proof of something else than what runs."""
    from theory.expressivity import row_sums

    for n in range(2, 9):
        exact = [[float(x) for x in inverse(n).row(i)] for i in range(n)]
        assert row_sums.overlap_inverse(n).tolist() == [pytest.approx(row) for row in exact]


def softmax_of_integers(n: int, seed: int, gain: bool) -> list[sympy.Rational]:
    """A head with integer exp(bias), row by row, and an integer gain if asked for."""
    weight = [((seed + 1) * (k + 2) ** 2 * 7919 + seed * k) % 23 + 1 for k in range(2 * n - 1)]
    factor = [
        ((seed + 3) * (k + 1) ** 3 * 104729) % 19 - 9 if gain else 1 for k in range(2 * n - 1)
    ]
    entries = []
    for i in range(n):
        total = sum(weight[j - i + n - 1] for j in range(n))
        entries += [
            sympy.Rational(weight[j - i + n - 1] * factor[j - i + n - 1], total) for j in range(n)
        ]
    return entries


@pytest.mark.parametrize("n", [2, 3])
def test_spans_are_proved(n: int) -> None:
    """n^2 - n + 1 RPE heads are independent, and equal row sums forbid more; URPE has all n^2."""
    relative = sympy.Matrix([softmax_of_integers(n, k, gain=False) for k in range(3 * n * n)])
    assert relative.rank() == n * n - n + 1
    sums = sympy.Matrix(n * n, n, lambda e, i: int(e // n == i))
    assert (relative * sums).applyfunc(lambda x: x - 1) == sympy.zeros(3 * n * n, n)
    universal = sympy.Matrix([softmax_of_integers(n, k, gain=True) for k in range(3 * n * n)])
    assert universal.rank() == n * n


@pytest.mark.parametrize("n", range(2, 13))
def test_decoder_is_proved(n: int) -> None:
    """Its formula gives the index exactly, for every length of the constant prefix."""
    for run in range(1, n):
        pure = [Fraction(int(i <= run)) for i in range(1, n + 1)]
        full = sum(pure) / n
        for i in range(1, n + 1):
            prefix = sum(pure[:i]) / i
            suffix = sum(pure[i - 1 :]) / (n - i + 1)
            if prefix == 1:
                assert ((n * full + 1) - suffix * (n + 1)) / (1 - suffix) == i
            else:
                assert n * full / prefix == i


def test_singling_out_a_row_is_proved() -> None:
    """Z is 1 before row h and 2 from it on, so 2 (1 - 1/Z) is the step that URPE heads carry."""
    n = 5
    for h in range(1, n):
        weights = [Fraction(1, n) + (k == n - 1 - h) for k in range(2 * n - 1)]
        sums = [sum(weights[j - i + n - 1] for j in range(n)) for i in range(n)]
        assert [2 * (1 - 1 / z) for z in sums] == [int(i >= h) for i in range(n)]
