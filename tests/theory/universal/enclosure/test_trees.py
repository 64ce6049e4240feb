"""Enclosures of random formulas against 40 digits: ranges, slopes about a centre, gradients."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from sciformer.errors import SciformerError
from tests.theory.universal.adversary import random_formula
from tests.theory.universal.layers import boxes_inside, points_inside
from theory.universal.enclosure.range import enclose, enclose_gradient
from theory.universal.formula.target import read_target


def check_trees(seed: int) -> int:
    """Values, secants from the centre and secants of near pairs lie in their enclosures."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 4))
    formula = random_formula(rng, size)
    try:
        program = read_target(formula.text, size).programs[0][0]
    except SciformerError:
        return 0
    lower, upper = boxes_inside(rng, 3, size)
    centre = np.clip(lower + (upper - lower) / 2, lower, upper)
    known = enclose(program, lower, centre, upper)
    gradient = enclose_gradient(program, lower, upper)
    least, most = (np.broadcast_to(v, 3) for v in (known.value.lower, known.value.upper))
    looked = 0
    for box in np.flatnonzero(np.isfinite(least) & np.isfinite(most)):
        low, high = mpmath.mpf(float(least[box])), mpmath.mpf(float(most[box]))
        middle = [mpmath.mpf(float(v)) for v in centre[box]]
        at_centre = formula.value(middle, True)
        for point in points_inside(rng, lower[box], upper[box], 8):
            there = [mpmath.mpf(float(v)) for v in point]
            value = formula.value(there, True)
            assert low <= value <= high, (seed, formula.text)
            reach = _reach(known.slopes, box, there, middle)
            assert reach[0] <= value - at_centre <= reach[1], (seed, formula.text)
            near = [m + (t - m) / 64 for m, t in zip(middle, there, strict=True)]
            pair = tuple(_pair(gradient, c) for c in range(size))
            reach = _reach(pair, box, near, middle)
            assert reach[0] <= formula.value(near, True) - at_centre <= reach[1]
            looked += 1
    return looked


def _pair(gradient, coordinate):  # type: ignore[no-untyped-def]
    from theory.universal.enclosure.intervals import Interval

    return Interval(gradient.lower[:, coordinate], gradient.upper[:, coordinate])


def _reach(slopes, box, there, middle):  # type: ignore[no-untyped-def]
    """Least and most that the slopes allow between two points, a little widened."""
    least = most = mpmath.mpf(0)
    for slope, a, b in zip(slopes, there, middle, strict=True):
        if slope is None or a == b:
            continue
        ends = [
            mpmath.mpf(float(np.broadcast_to(end, 3)[box])) for end in (slope.lower, slope.upper)
        ]
        if not all(mpmath.isfinite(end) for end in ends):
            return -mpmath.inf, mpmath.inf
        moved = [end * (a - b) for end in ends]
        least, most = least + min(moved), most + max(moved)
    return least, most


def test_enclosures_hold_random_trees() -> None:
    """Kills: a wrong derivative of any function, a branch of max that is forgotten."""
    with mpmath.workdps(40):
        assert sum(check_trees(seed) for seed in range(60)) > 500


@pytest.mark.slow
def test_enclosures_hold_many_random_trees() -> None:
    with mpmath.workdps(40):
        assert sum(check_trees(seed) for seed in range(1000, 4000)) > 20_000


def test_slopes_of_an_arctangent_reach_both_ends() -> None:
    """atan(2 - 2 x^2) falls from atan 2 at 0 to 0 at both ends. Kills: the sign of atan''."""
    program = read_target("atan(2 - 2*x1**2)", 1).programs[0][0]
    ends = np.array([[-1.0]]), np.array([[0.0]]), np.array([[1.0]])
    (slope,) = enclose(program, *ends).slopes
    assert slope is not None
    assert slope.lower[0] <= -np.arctan(2.0)
    assert slope.upper[0] >= np.arctan(2.0)
