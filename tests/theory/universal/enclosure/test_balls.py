"""Balls of matrices against exact fractions: whatever lies in the operands lies in the result."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from theory.universal.enclosure.balls import UNIT, Ball, gamma, padded
from theory.universal.enclosure.intervals import Interval

Numbers = list[list[Fraction]]


def random_ball(rng: np.random.Generator, rows: int, columns: int, spread: float) -> Ball:
    """Middles of very different sizes; radii of `spread` times them."""
    middle = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-8, 9, (rows, columns))
    return Ball(middle, np.abs(middle) * spread * rng.uniform(size=middle.shape))


def extreme(ball: Ball, rng: np.random.Generator) -> Numbers:
    """A matrix of the ball, every entry at one of its ends."""
    return [
        [
            Fraction(float(m)) + int(rng.choice((-1, 1))) * Fraction(float(r))
            for m, r in zip(*row, strict=True)
        ]
        for row in zip(ball.middle, ball.radius, strict=True)
    ]


def holds(ball: Ball, numbers: Numbers) -> bool:
    return all(
        abs(Fraction(float(m)) - x) <= Fraction(float(r))
        for row, exact in zip(zip(ball.middle, ball.radius, strict=True), numbers, strict=True)
        for m, r, x in zip(*row, exact, strict=True)
    )


def by_entries(left: Numbers, right: Numbers, join: Callable[..., Fraction]) -> Numbers:
    return [
        [join(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)
    ]


@pytest.mark.parametrize("spread", [0.0, 1e-16, 1e-3, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_sums_and_products_hold_every_matrix(seed: int, spread: float) -> None:
    """Kills: a radius times a radius left out or taken off, a rounding that is not counted."""
    rng = np.random.default_rng(seed)
    for _ in range(40):
        left, right = random_ball(rng, 2, 3, spread), random_ball(rng, 2, 3, spread)
        a, b = extreme(left, rng), extreme(right, rng)
        assert holds(left + right, by_entries(a, b, lambda x, y: x + y))
        assert holds(left * right, by_entries(a, b, lambda x, y: x * y))


@pytest.mark.parametrize("inner", [1, 2, 40])
@pytest.mark.parametrize("spread", [0.0, 1e-16, 3.0])
def test_matrix_products_hold_every_matrix(inner: int, spread: float) -> None:
    """Kills: one rounding too few for a sum of one product."""
    rng = np.random.default_rng(inner)
    for _ in range(20):
        left, right = random_ball(rng, 2, inner, spread), random_ball(rng, inner, 2, spread)
        a, b = extreme(left, rng), extreme(right, rng)
        exact = [
            [sum((x * row[k] for x, row in zip(line, b, strict=True)), Fraction(0)) for k in (0, 1)]
            for line in a
        ]
        assert holds(left @ right, exact)


def test_half_an_ulp_is_in_the_radius() -> None:
    """1 + 2^-53 rounds to 1, and (1 + 2^-52)^2 by 2^-104. Kills: a unit that is too small."""
    one, unit = np.ones((1, 1)), np.full((1, 1), 2.0**-53)
    assert UNIT == 2.0**-53
    assert float((Ball.exact(one) + Ball.exact(unit)).radius[0, 0]) >= 2.0**-53
    near = Ball.exact(np.full((1, 1), 1.0 + 2.0**-27))
    off = abs(Fraction(1 + 2.0**-27) ** 2 - Fraction(float((near * near).middle[0, 0])))
    assert 0 < off <= Fraction(float((near * near).radius[0, 0]))


@pytest.mark.parametrize("operations", [1, 3, 1000, 10**6, 2**32])
def test_gamma_is_not_below_the_exact_one(operations: int) -> None:
    exact = operations * Fraction(1, 2**53) / (1 - operations * Fraction(1, 2**53))
    assert exact <= Fraction(gamma(operations)) <= exact * Fraction(1001, 1000)


@pytest.mark.parametrize("operations", [2, 17, 400])
def test_padding_covers_the_sum_that_it_is_told_of(operations: int) -> None:
    """0.1 added up loses almost one unit each time. Kills: padding without gamma."""
    terms = np.full(operations, 0.1)
    total = 0.0
    for term in terms:
        total += float(term)
    exact = operations * Fraction(0.1)
    found = float(padded(np.asarray(total), operations))
    assert exact <= Fraction(found) <= exact * (1 + Fraction(operations + 10, 2**50))
    assert float(padded(np.asarray(0.0), 1)) >= 1e-300


@pytest.mark.parametrize("ends", [(0.1, 0.3), (-1e-3, 1e9), (1.0, 1.0 + 2.0**-52), (-0.1, 0.1)])
def test_a_ball_around_an_interval_holds_both_ends(ends: tuple[float, float]) -> None:
    """And the interval of a ball, and its magnitude, hold the ball."""
    lower, upper = np.array([[ends[0]]]), np.array([[ends[1]]])
    ball = Ball.around(Interval(lower, upper))
    assert all(holds(ball, [[Fraction(end)]]) for end in ends)
    again, size = ball.interval, Fraction(float(ball.magnitude[0, 0]))
    for sign in (-1, 1):
        end = Fraction(float(ball.middle[0, 0])) + sign * Fraction(float(ball.radius[0, 0]))
        assert float(again.lower[0, 0]) <= end <= float(again.upper[0, 0])
        assert abs(end) <= size
