"""Slopes and ranges of formulas hold sampled values; so do the enclosures of softmax heads."""

from __future__ import annotations

import numpy as np
import pytest

from tests.theory.universal.layers import boxes_inside, points_inside, random_layer
from theory.universal.certifier.token_map import collapse
from theory.universal.enclosure.range import enclose
from theory.universal.formula.program import evaluate
from theory.universal.formula.target import read_target

FORMULAS = [
    "x1*x2 + |x1 - x2**2|",
    "sin(2*x1 + x2) + max(x1, x2**2) - min(x1, x2, 0.3*x1*x2)",
    "tanh(x1*x2)/(2.5 + x1) - exp(x2)*atan(3*x1)",
    "sqrt(1.5 + x1)*cos(4*x2) + log(2 + x2)**3",
    "where(x1 < x2, x1**3, x1**2*x2)",
    "||x1| - |x2|| * x1",
]


def violations(formula: str, shrink: float = 1.0) -> int:
    """Sampled points outside F(c) + S (x - c) or outside the range; `shrink` mutates the slopes."""
    target = read_target(formula, 2)
    program, rng = target.programs[0][0], np.random.default_rng(3)
    lower, upper = boxes_inside(rng, 60, 2)
    centre = lower + (upper - lower) / 2
    known = enclose(program, lower, centre, upper)
    count = 0
    for box in range(len(lower)):
        points = points_inside(rng, lower[box], upper[box], 80)
        values = evaluate(program, points)
        least, most = 0.0, 0.0
        for j, slope in enumerate(known.slopes):
            if slope is None:
                continue
            low, high = (np.broadcast_to(e, len(lower))[box] for e in (slope.lower, slope.upper))
            if not np.isfinite(high - low):
                least, most = -np.inf, np.inf
                break
            middle, half = (low + high) / 2, (high - low) / 2 * shrink
            move = points[:, j] - centre[box, j]
            with np.errstate(invalid="ignore"):
                ends = np.stack([(middle - half) * move, (middle + half) * move])
            least, most = least + ends.min(0), most + ends.max(0)
        start = evaluate(program, centre[box : box + 1])[0]
        tolerance = 1e-13
        bad = (values < start + least - tolerance) | (values > start + most + tolerance)
        range_lower = np.broadcast_to(known.value.lower, len(lower))[box] - tolerance
        range_upper = np.broadcast_to(known.value.upper, len(lower))[box] + tolerance
        count += int((bad | (values < range_lower) | (values > range_upper)).sum())
    return count


@pytest.mark.parametrize("formula", FORMULAS)
def test_slopes_hold_sampled_differences(formula: str) -> None:
    """Kills: a wrong derivative rule, a slope taken at the centre only."""
    assert violations(formula) == 0


def test_thinner_slopes_would_be_wrong() -> None:
    """P9's mutant: slopes 10 % thinner are caught by the same samples."""
    assert violations("sin(2*x1 + x2) + x1**2", shrink=0.9) > 0


def test_slopes_are_thinner_than_the_gradient() -> None:
    """x^2 about c on [c - r, c + r] has slopes 2 c +- r, half as wide as its gradient."""
    program = read_target("x1**2", 1).programs[0][0]
    box = np.array([[0.25]]), np.array([[0.5]]), np.array([[0.75]])
    (slope,) = enclose(program, *box).slopes
    assert slope is not None
    assert slope.upper[0] - slope.lower[0] == pytest.approx(0.5, abs=1e-12)


def head_violations(shrink: float) -> int:
    """Sampled derivatives of head outputs outside the Jacobian's enclosure, over random layers."""
    count = 0
    for seed in range(12):
        layer = random_layer(3, 1, seed, units=2)
        heads = collapse(layer, seed % 3, 1.0).heads
        assert heads is not None
        rng = np.random.default_rng(seed)
        lower, upper = boxes_inside(rng, 6, 3)
        centre, radius = (lower + upper) / 2, (upper - lower) / 2
        middle, half = heads.jacobian(centre, radius)
        for box in range(len(lower)):
            points = points_inside(rng, lower[box], upper[box], 40)
            for axis in range(3):
                step = 1e-6 * np.eye(3)[axis]
                slope = (heads.outputs(points + step) - heads.outputs(points - step)) / 2e-6
                gap = np.abs(slope - middle[box, :, axis]) - shrink * half[box, :, axis]
                count += int((gap > 1e-7).sum())
    return count


def test_jacobian_of_content_heads_holds_differences() -> None:
    """P7. Kills: softmax weights frozen at the centre (a radius of 0), halved radii."""
    assert head_violations(1.0) == 0
    assert head_violations(0.25) > 0
    assert head_violations(0.0) > 0
