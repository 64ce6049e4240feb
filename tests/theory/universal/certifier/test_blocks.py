"""Which units count as always on or as dead, where only exact arithmetic can tell."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from tests.theory.universal.layers import random_layer
from theory.universal.arrays import Array
from theory.universal.certifier.blocks import View, _alive
from theory.universal.certifier.token_map import Collapsed
from theory.universal.enclosure.balls import Ball
from theory.universal.formula.target import read_target

UNITS = 400


def extreme(slope: Array, ends: tuple[Array, Array]) -> Fraction:
    """The least value of slope x on a box, without rounding."""
    low, high = ends
    pairs = zip(slope.tolist(), low.tolist(), high.tolist(), strict=True)
    return sum((min(Fraction(s) * Fraction(a), Fraction(s) * Fraction(b)) for s, a, b in pairs),
               start=Fraction(0))  # fmt: skip


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_unit_that_changes_by_less_than_rounding_is_kept(sign: float) -> None:
    """slope x + offset with an offset that makes its least (largest) value 0 but for rounding.

    Kills: a slack that is added where it must be taken away, a spread without its padding.
    """
    rng = np.random.default_rng(3)
    target = read_target("x1", 3, domain=(0.1, 0.7))
    slope = sign * rng.normal(size=(UNITS, 3))
    least = [extreme(sign * row, (target.lower, target.upper)) for row in slope]
    offset = sign * np.array([-float(value) for value in least])
    weights = dataclasses.replace(
        random_layer(3, 1, 0, units=UNITS),
        readout=1.0 + np.arange(UNITS, dtype=float)[None],
        readout_bias=np.zeros(1),
    )
    collapsed = Collapsed(
        Ball.exact(slope), Ball.exact(offset), Ball.exact(np.zeros((UNITS, 0))), None
    )
    kept = set(_alive(View(weights, target, 0, 0, collapsed)).weight - 1.0)
    exact = [Fraction(sign * o) + value for o, value in zip(offset.tolist(), least, strict=True)]
    bent = {i for i, value in enumerate(exact) if value < 0}
    assert len(bent) > UNITS / 4, "half of the offsets are rounded down"
    assert bent <= kept
