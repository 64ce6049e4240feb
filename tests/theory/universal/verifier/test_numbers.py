"""The verifier's numbers against exact fractions: sums, products, matrices, gamma, libraries."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy

from sciformer.errors import DomainError
from tests.theory.universal.layers import random_layer
from theory.universal.arrays import Array
from theory.universal.formula.target import read_target
from theory.universal.verifier.defined import prove_defined
from theory.universal.verifier.forms import Forms
from theory.universal.verifier.forward import ARITHMETICS
from theory.universal.verifier.heads import ContentHeads
from theory.universal.verifier.matrices import Near
from theory.universal.verifier.network import Network, score_scale
from theory.universal.verifier.ranges import Range
from theory.universal.verifier.rounded import above, gamma, products, sums

Numbers = list[list[Fraction]]


def scattered(rng: np.random.Generator, *shape: int) -> Array:
    """Numbers of very different sizes and signs."""
    return np.asarray(rng.normal(size=shape) * 10.0 ** rng.integers(-9, 10, shape))


def test_sums_and_products_are_rounded_to_the_right_side() -> None:
    """The exact result lies between two floats that are the same or neighbours.

    Kills: a splitting constant that does not split, an error of the wrong sign.
    """
    rng = np.random.default_rng(0)
    left, right = scattered(rng, 3000), scattered(rng, 3000)
    for operation, (low, high) in (("+", sums(left, right)), ("*", products(left, right))):
        for a, b, below, upper in zip(left, right, low, high, strict=True):
            x, y = Fraction(float(a)), Fraction(float(b))
            exact = x + y if operation == "+" else x * y
            assert Fraction(float(below)) <= exact <= Fraction(float(upper))
            assert upper <= np.nextafter(below, np.inf)


def near(rng: np.random.Generator, rows: int, columns: int, spread: float) -> Near:
    value = scattered(rng, rows, columns)
    return Near(value, np.abs(value) * spread * rng.uniform(size=value.shape))


def at_ends(matrix: Near, rng: np.random.Generator) -> Numbers:
    signs = rng.choice((-1, 1), matrix.value.shape)
    return [
        [
            Fraction(float(v)) + int(s) * Fraction(float(e))
            for v, s, e in zip(values, places, errors, strict=True)
        ]
        for values, places, errors in zip(matrix.value, signs, matrix.error, strict=True)
    ]


def assert_holds(matrix: Near, numbers: Numbers) -> None:
    for values, errors, exact in zip(matrix.value, matrix.error, numbers, strict=True):
        for value, error, x in zip(values, errors, exact, strict=True):
            assert abs(Fraction(float(value)) - x) <= Fraction(float(error))


@pytest.mark.parametrize("inner", [1, 2, 30])
@pytest.mark.parametrize("spread", [0.0, 1e-16, 3.0])
def test_matrices_that_are_near_hold_every_matrix(inner: int, spread: float) -> None:
    """Kills: an error times an error that is left out or taken off, a rounding too few."""
    rng = np.random.default_rng(inner)
    for _ in range(25):
        left, right = near(rng, 2, inner, spread), near(rng, inner, 2, spread)
        other = near(rng, 2, inner, spread)
        a, b, c = at_ends(left, rng), at_ends(right, rng), at_ends(other, rng)
        product = [
            [sum((x * row[k] for x, row in zip(line, b, strict=True)), Fraction(0)) for k in (0, 1)]
            for line in a
        ]
        assert_holds(left @ right, product)
        rows = list(zip(a, c, strict=True))
        assert_holds(left + other, [[x + y for x, y in zip(*r, strict=True)] for r in rows])
        assert_holds(left * other, [[x * y for x, y in zip(*r, strict=True)] for r in rows])
        for numbers, sizes in zip(a, left.size, strict=True):
            assert all(abs(x) <= size for x, size in zip(numbers, sizes, strict=True))


@pytest.mark.parametrize("roundings", [1, 2, 7, 100, 4097, 10**6])
def test_gammas_are_not_below_the_exact_ones(roundings: int) -> None:
    """Kills: a quotient that is rounded down, a unit of another format."""
    for found, unit in (
        (gamma(roundings), Fraction(1, 2**53)),
        (ARITHMETICS["float64"].gamma(roundings), Fraction(1, 2**53)),
        (ARITHMETICS["float32"].gamma(roundings), Fraction(1, 2**24)),
    ):
        exact = roundings * unit / (1 - roundings * unit)
        assert exact <= Fraction(found) <= exact * (1 + Fraction(1, 2**45))
    assert ARITHMETICS["float32"].gamma(2**23) == np.inf


@pytest.mark.parametrize("roundings", [1, 16, 1000])
def test_above_is_above_the_sum_that_it_is_told_of(roundings: int) -> None:
    """Kills: a factor below 1 in front of what the roundings lose."""
    total = 0.0
    for _ in range(roundings):
        total += 0.1
    exact = roundings * Fraction(0.1)
    found = Fraction(float(above(np.asarray(total), roundings)))
    assert exact <= found <= exact * (1 + Fraction(roundings + 4, 2**51))


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 64])
def test_the_scale_of_scores(width: int) -> None:
    """1 / sqrt(k) lies within its error, which is 0 for k = 1 only. Kills: an exact scale for
    another width."""
    found = score_scale(width)
    with mpmath.workdps(40):
        off = abs(1 / mpmath.sqrt(width) - mpmath.mpf(float(found.value)))
        assert off <= mpmath.mpf(float(found.error)) <= mpmath.mpf(2) ** -50
    assert (found.error == 0) == (width == 1)


@pytest.mark.parametrize("name", ["exp", "log", "sin", "cos", "tanh", "atan"])
def test_libraries_may_be_off_by_64_ulp(name: str) -> None:
    """Kills: a library that is taken to be exact."""
    points = np.array([0.31, 0.77, 1.3, 2.9])
    found = getattr(Range.point(points), name)()
    with mpmath.workdps(40):
        for point, low, high in zip(points, found.lower, found.upper, strict=True):
            exact = getattr(mpmath, name)(mpmath.mpf(float(point)))
            room = abs(exact) * mpmath.mpf(2) ** -46
            assert low <= exact - 0.99 * room
            assert exact + 0.99 * room <= high
            assert high - low < 8 * (1 + abs(exact)) * mpmath.mpf(2) ** -46


def test_projections_of_content_heads_hold_the_exact_ones() -> None:
    """Positions of 1e9 that cancel. Kills: the error of an offset that is taken off."""
    weights = random_layer(2, 1, seed=2)
    weights = dataclasses.replace(weights, positions=weights.positions * 1e9)
    heads = ContentHeads(Network(weights), 0, np.ones(2))
    points = np.random.default_rng(0).uniform(-1, 1, (10, 2))
    found = heads._project(Forms(points, points), heads.key)
    exact_weights = [[Fraction(float(v)) for v in row] for row in weights.key]
    for box, point in enumerate(points):
        for token in range(2):
            state = [
                Fraction(float(e)) * Fraction(float(point[token])) + Fraction(float(p))
                for (e,), p in zip(weights.embedding, weights.positions[token], strict=True)
            ]
            for row, line in enumerate(exact_weights):
                exact = sum((a * b for a, b in zip(line, state, strict=True)), Fraction(0))
                at = (box, row // weights.head_width, token, row % weights.head_width)
                radius = Fraction(float(found.radius[at]))
                assert abs(Fraction(float(found.value[at])) - exact) <= radius
                assert radius < Fraction(1, 10**4)


def test_definedness_bisects_the_coordinates_of_the_formula() -> None:
    """Kills: a bisection of the first coordinate only."""
    prove_defined(read_target("1/(x2**2 - x2 + 0.3)", 2))


def test_what_sympy_has_made_must_be_defined_as_well() -> None:
    """Kills: the proof for the blocks' formula left out."""
    target = read_target("x1", 1)
    (x,) = target.variables
    wrong = x + 1 / (x - sympy.Rational(1, 3))
    with pytest.raises(DomainError, match=r"finite and real on the whole domain"):
        prove_defined(dataclasses.replace(target, entries=((wrong,),)))
