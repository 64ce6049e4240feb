"""Enclosures of softmax weights have room for the rounding of exp, sums and quotients."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from tests.theory.universal.layers import random_layer
from theory.universal.certifier.softmax import ContentHeads


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_at_a_point_has_room_for_its_own_rounding_on_both_sides(seed: int) -> None:
    """Scores without error, a box without width: what is left is the room of the arithmetic.

    Kills: a room that is taken from the wrong side, or left out on one of them.
    """
    heads = ContentHeads(random_layer(4, 2, seed), 1, (0, 1), 1.0)
    heads.score_slack = np.zeros_like(heads.score_slack)
    scores = 3.0 * np.random.default_rng(seed).normal(size=(1, 2, 4))
    none = np.zeros((1, 2, 4, 8))
    middle, radius = heads._shares(scores, none, none, np.zeros((1, 8)))
    with mpmath.workdps(40):
        for head in range(2):
            powers = [mpmath.exp(mpmath.mpf(float(s))) for s in scores[0, head]]
            for j, power in enumerate(powers):
                exact = power / mpmath.fsum(powers)
                centre, width = (mpmath.mpf(float(a[0, head, j])) for a in (middle, radius))
                low, high = centre - width, centre + width
                assert low <= exact * (1 - heads.relative / 2)
                assert high >= min(exact * (1 + heads.relative / 2), mpmath.mpf(1))
