"""The verifier's polynomials and numbers against exact values, from both sides."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.flows.verifier.enclosures import Balls, cells_of, flow, steps_of
from theory.flows.verifier.numbers import Flint, Mpmath, Numbers, best_numbers
from theory.flows.verifier.polynomials import PolynomialRate

NUMBERS = best_numbers()
coefficients = st.lists(st.integers(-5, 5), min_size=1, max_size=6)


def rate(*values: int) -> PolynomialRate:
    return PolynomialRate(tuple(map(Fraction, values)))


def exact(values: list[int], order: int = 0) -> np.polynomial.Polynomial:
    return (
        np.polynomial.Polynomial(values).deriv(order) if order else np.polynomial.Polynomial(values)
    )


@settings(max_examples=15, deadline=None)
@given(values=coefficients, low=st.integers(-8, 8), width=st.sampled_from([0.25, 1.0, 2.5]))
def test_bounds_hold_every_value_and_are_near(values: list[int], low: int, width: float) -> None:
    """Of f and its derivatives, and of f''' f + f'' f'. Kills: a derivative too few, a slope that
    is left out around the middle of a cell, a product of other orders."""
    lower, upper = low / 4, low / 4 + width
    places = np.linspace(lower, upper, 4001)
    f = rate(*values)
    with NUMBERS.precision():
        balls = Balls(NUMBERS)
        for order in range(4):
            found = exact(values, order)(places)
            least, most = f.bounds(balls, order, lower, upper, 256)
            slack = 1e-3 * (1 + np.abs(found).max())
            assert least <= found.min() <= least + slack
            assert most - slack <= found.max() <= most
        wanted = np.abs(
            exact(values, 3)(places) * exact(values)(places)
            + exact(values, 2)(places) * exact(values, 1)(places)
        ).max()
        mixed = f.mixed(balls, lower, upper)
        assert wanted <= mixed * (1 + 1e-12) + 1e-20
        assert mixed <= wanted * (1 + 1e-3) + 1e-3
        sizes = [abs(exact(values, k)(0.75)) / math.factorial(k) for k in range(len(values))]
        bound = sum(size * 1.25**k for k, size in enumerate(sizes))
        found = f.majorant(balls, 0.75, balls.of(1.25), balls.of(0.5))
        assert found == pytest.approx(bound, rel=1e-12, abs=1e-12)
    assert f.sign(0.75) == np.sign(exact([v * 4**5 for v in values])(0.75))
    assert f.is_affine == (not any(values[2:]))
    assert f.is_odd == (not any(values[::2]))
    assert f.is_zero == (not any(values))


def test_trajectories_are_the_taylor_series_of_the_solution() -> None:
    """u' = u - u^2 from 1/4: 1 / (1 + 3 e^-t), by mpmath. Kills: a factorial, the order of f and
    f'; a remainder that is left out of the flow."""
    f, start = rate(0, 1, -1), Fraction(1, 4)
    with mpmath.workdps(40), NUMBERS.precision():
        balls = Balls(NUMBERS)
        found = f.trajectory(balls, balls.of(start), 6)
        wanted = mpmath.taylor(lambda t: 1 / (1 + 3 * mpmath.exp(-t)), 0, 6)
        assert len(found) == 7
        for ball, value in zip(found, wanted, strict=True):
            assert NUMBERS.lower(ball) - 1e-18 <= value <= NUMBERS.upper(ball) + 1e-18
            assert NUMBERS.upper(ball) - NUMBERS.lower(ball) < 1e-15
        end = flow(balls, f, balls.of(start), Fraction(3, 2), 1.0)
        value = 1 / (1 + 3 * mpmath.exp(mpmath.mpf(-1.5)))
        assert NUMBERS.lower(end) <= value <= NUMBERS.upper(end)
        assert NUMBERS.upper(end) - NUMBERS.lower(end) < 1e-14


def test_steps_and_cells_are_counted() -> None:
    """Sixteen steps in each time in which it may grow by e. Kills: the floor of that, a gap."""
    f = rate(0, 1, -1)
    assert [steps_of(f, Fraction(1, 4), r) for r in (0.0, 1.0, 1.1, 4.0)] == [1, 4, 5, 16]
    cells = cells_of(-1.0, 2.0, 7)
    assert (cells[0][0], cells[-1][1]) == (-1.0, 2.0)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(cells))
    assert len(cells) == 7


@pytest.mark.parametrize("library", [Flint, Mpmath])
def test_libraries_hold_exact_values_and_round_outward(library: type) -> None:
    """Kills: a middle for an end, an end that is a float rounded inward, hulls that miss one."""
    if library is Flint:
        pytest.importorskip("flint")
    numbers: Numbers = library()
    with numbers.precision(), mpmath.workdps(50):
        third = numbers.ratio(-1, 3)
        assert Fraction(numbers.lower(third)) < Fraction(-1, 3) < Fraction(numbers.upper(third))
        assert numbers.upper(third) - numbers.lower(third) < 1e-15
        assert numbers.lower(numbers.ratio(1, 2)) < 0.5 < numbers.upper(numbers.ratio(1, 2))
        part = numbers.between(0.25, 0.75)
        hull = numbers.hull(part, numbers.ratio(-1, 3))
        assert numbers.lower(hull) < -1 / 3 + 1e-15
        assert 0.75 <= numbers.upper(hull) < 0.7501
        functions = {
            name: (getattr(numbers, name)(part), getattr(mpmath, name))
            for name in ("exp", "sqrt", "sin", "cos", "log", "tanh", "atan")
        }
        for name, (ball, function) in functions.items():
            ends = sorted(function(mpmath.mpf(v)) for v in (0.25, 0.75))
            assert numbers.lower(ball) <= ends[0], name
            assert ends[1] <= numbers.upper(ball), name
            assert numbers.upper(ball) - numbers.lower(ball) < 1.2 * float(ends[1] - ends[0]), name
        pi = numbers.pi()
        assert numbers.lower(pi) <= mpmath.pi <= numbers.upper(pi)
        balls = Balls(numbers)
        assert balls.size(numbers.between(-0.75, 0.25)) == pytest.approx(0.75)
        assert balls.size(numbers.between(-0.25, 0.75)) == pytest.approx(0.75)
