"""Layers made by hand to mislead the certifier: wide blocks, underflow, steep scores."""

from __future__ import annotations

import dataclasses

import mpmath
import numpy as np
import pytest

from tests.theory.universal.layers import exact_forward, random_layer
from theory.universal.arrays import Array
from theory.universal.certifier.arithmetic import FLOAT32, FLOAT64, Arithmetic
from theory.universal.certifier.blocks import View
from theory.universal.certifier.certify import _entry, certify
from theory.universal.certifier.rounding import forward_rounding
from theory.universal.certifier.token_map import collapse
from theory.universal.enclosure.branch_and_bound import bisect, code_type, leaves, search
from theory.universal.enclosure.intervals import Interval
from theory.universal.formula.target import read_target
from theory.universal.layer import LayerWeights, SingleLayer, apply


def hat_layer(tokens: int = 256) -> LayerWeights:
    """Token 1 copies the last token exactly, and has a hat of height 1 and width 2e-6 there."""
    none = np.zeros
    positions = none((tokens, 3))
    positions[:, 1] = 1.0
    positions[-1, 2] = 1.0
    place, steep = 0.372519, 1e6
    across = 1.8 * steep
    return LayerWeights(
        heads=1,
        embedding=np.array([[1.0], [0.0], [0.0]]),
        positions=positions,
        query=np.array([[0.0, 600.0, 0.0]]),
        key=np.array([[0.0, 0.0, 1.0]]),
        value=np.array([[1.0, 0.0, 0.0]]),
        output=np.array([[0.0], [0.0], [1.0]]),
        hidden=np.array([[across, 0.0, steep]] * 3),
        hidden_bias=-steep * place - 0.9 * across + np.array([1.0, 0.0, -1.0]),
        readout=np.array([[1.0, -2.0, 1.0]]),
        readout_bias=none(1),
    )


def test_coordinate_255_is_no_leaf() -> None:
    """The hat has height 1, so no bound below it is true. Kills: one byte for 256 coordinates."""
    weights, target = hat_layer(), read_target("0", 256)
    view = View(weights, target, 0, 0, collapse(weights, 0, 1.0))
    rounding = float(forward_rounding(weights, 1.0)[0])
    entry = _entry(view, 0.05, rounding, 3_000, {})
    assert not entry.accepted
    sequence = np.zeros((1, 256, 1))
    sequence[0, 255], sequence[0, 0] = 0.372519, 0.9
    assert apply(SingleLayer(weights), sequence)[0, 0, 0] > 0.9


@pytest.mark.parametrize("coordinates", [1, 255, 256, 300])
def test_trees_of_any_width_replay_to_the_whole_box(coordinates: int) -> None:
    """The last coordinate is bisected first. Kills: a code that collides with that of a leaf."""

    class Steep:
        """e = 3 x_last: boxes of width below 1/3 in the last coordinate fit."""

        def enclose(self, lower: Array, upper: Array):  # type: ignore[no-untyped-def]
            from theory.universal.enclosure.branch_and_bound import Enclosed

            size = upper - lower
            spread = np.zeros_like(lower)
            spread[:, -1] = 3.0 * size[:, -1]
            flat = np.zeros(len(lower))
            return Enclosed(-spread[:, -1], spread[:, -1], Interval(flat, flat), spread)

    domain = np.zeros(coordinates), np.ones(coordinates)
    found = search(Steep(), domain, (-1.0, 1.0), most_boxes=100, batch=8)
    assert found.accepted
    boxes = list(leaves(found.tree, domain))
    sizes = np.concatenate([(up - low)[:, -1] for low, up in boxes])
    assert sizes.sum() == 1.0
    assert sizes.max() == 0.25
    assert np.iinfo(code_type(coordinates)).max >= coordinates


def test_underflow_is_no_proof() -> None:
    """1e-170 squared vanishes in float64 and comes back in exact numbers as 1.

    Kills: a rounding bound without an absolute term.
    """
    none = np.zeros
    weights = LayerWeights(
        heads=1,
        embedding=np.array([[1e-170], [0.0]]),
        positions=none((1, 2)),
        query=none((1, 2)),
        key=none((1, 2)),
        value=np.array([[1e-170, 0.0]]),
        output=np.array([[0.0], [1e200]]),
        hidden=np.array([[0.0, 1e140], [0.0, -1e140]]),
        hidden_bias=none(2),
        readout=np.array([[1.0, -1.0]]),
        readout_bias=none(1),
    )
    (entry,) = certify(weights, read_target("x1", 1), 0.05)
    assert not entry.accepted
    assert entry.rounding >= 1.0
    assert apply(SingleLayer(weights), np.ones((1, 1, 1))).item() == 0.0


def copying_layer(score: float) -> LayerWeights:
    """Both tokens look at token 2 with a constant score."""
    none = np.zeros
    return LayerWeights(
        heads=1,
        embedding=np.array([[1.0], [0.0], [0.0]]),
        positions=np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]),
        query=np.array([[0.0, score, 0.0]]),
        key=np.array([[0.0, 0.0, 1.0]]),
        value=np.array([[1.0, 0.0, 0.0]]),
        output=np.array([[0.0], [0.0], [1.0]]),
        hidden=np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]),
        hidden_bias=none(2),
        readout=np.array([[1.0, -1.0]]),
        readout_bias=none(1),
    )


@pytest.mark.parametrize(
    ("score", "proven"),
    [(300.0, True), (700.0, True), (1e3, True), (1e6, True), (1e12, False), (1e300, False)],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_steep_scores_are_judged_or_refused(score: float, proven: bool, sign: float) -> None:
    """Score differences beyond 709 overflow exp. Kills: NaN shares, a ValueError of nanargmin."""
    weights = copying_layer(sign * score)
    first = certify(weights, read_target("x2" if sign > 0 else "x1", 2), 1e-6)[0]
    assert first.accepted == proven
    if proven:
        x = np.random.default_rng(0).uniform(-1, 1, (50, 2, 1))
        seen = np.abs(apply(SingleLayer(weights), x)[:, 0, 0] - x[:, int(sign > 0), 0]).max()
        assert seen <= first.bound


@pytest.mark.parametrize("scale", [1e150, 1e200, 1e300])
def test_weights_that_leave_float64_are_refused_without_a_search(scale: float) -> None:
    """Kills: a NaN pre-activation that counts as a dead unit."""
    weights = random_layer(2, 1, 3, scale=0.0)
    steep = dataclasses.replace(
        weights, hidden=weights.hidden * scale, output=weights.output * scale
    )
    for entry in certify(steep, read_target("0", 2), 1.0):
        assert not entry.accepted
        assert entry.boxes < 10


@pytest.mark.parametrize("odd", [-0.0, 5e-324, -5e-324, 1e-310, 2.0**-1022])
def test_signed_zeros_and_subnormal_numbers_change_nothing(odd: float) -> None:
    """Kills: a sign test that takes -0 for negative, a division by a subnormal number."""
    weights = random_layer(2, 1, 5, scale=0.0)
    hidden = np.vstack([weights.hidden, np.full((1, weights.hidden.shape[1]), odd)])
    more = dataclasses.replace(
        weights,
        hidden=hidden,
        hidden_bias=np.append(weights.hidden_bias, odd),
        readout=np.append(weights.readout, [[odd]], 1),
    )
    target = read_target("0", 2)
    x = np.random.default_rng(1).uniform(-1, 1, (4000, 2, 1))
    seen = np.abs(apply(SingleLayer(more), x)).max(0)[:, 0]
    for entry, error in zip(certify(more, target, 1.05 * float(seen.max())), seen, strict=True):
        assert entry.accepted
        assert error <= entry.bound


@pytest.mark.parametrize("arithmetic", [FLOAT64, FLOAT32], ids=lambda a: a.name)
@pytest.mark.parametrize("seed", range(4))
def test_forward_passes_stay_within_the_bound_of_their_arithmetic(
    seed: int, arithmetic: Arithmetic
) -> None:
    """50 digits against each format. Kills: the unit of float64 in a bound for float32."""
    weights = random_layer(3, 2, seed).rounded(arithmetic.name)
    bound = forward_rounding(weights, 1.0, arithmetic)[0]
    rng = np.random.default_rng(seed)
    seen = 0.0
    with mpmath.workdps(50):
        for _ in range(4):
            sequence = rng.uniform(-1, 1, (3, 2)).astype(arithmetic.name).astype(np.float64)
            module = SingleLayer(weights, arithmetic.name)
            given = apply(module, sequence[None])[0, :, 0]
            exact = exact_forward(weights, sequence)
            seen = max(seen, *(abs(float(exact[i][0] - mpmath.mpf(given[i]))) for i in range(3)))
    assert 0.02 * arithmetic.unit < seen <= bound


def test_halves_meet_in_one_float() -> None:
    """Kills: a bisection that leaves a gap between its halves."""
    lower, upper = np.array([[0.1, -1.0]]), np.array([[0.1 + 1e-17, 3.0]])
    low, high = bisect(lower, upper, np.array([1]))
    assert high[0, 1] == low[1, 1]
