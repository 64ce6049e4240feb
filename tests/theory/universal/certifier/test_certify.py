"""Soundness of the certifier: bounds hold against samples, ascent and 60-digit numbers."""

from __future__ import annotations

import dataclasses

import mpmath
import numpy as np
import pytest
import sympy

from tests.theory.universal.layers import (
    boxes_inside,
    exact_forward,
    points_inside,
    random_layer,
)
from theory.universal.arrays import Array
from theory.universal.attack import attack
from theory.universal.certifier.blocks import View, pieces_of, whole_pieces
from theory.universal.certifier.certify import _limits, _Seen, certify
from theory.universal.certifier.errors_on_boxes import LayerError, Units
from theory.universal.certifier.rounding import forward_rounding
from theory.universal.certifier.token_map import collapse
from theory.universal.construction.assemble import assemble
from theory.universal.construction.copy import copy_heads
from theory.universal.fitting.ridge import Ridges
from theory.universal.formula.program import compile_expression
from theory.universal.formula.target import Target, read_target
from theory.universal.layer import LayerWeights, SingleLayer, apply

TARGETS = [
    read_target("x1*x2 + |x1 - x2**2|; sin(2*x1 + x2) + max(x1, x2**2)", 2),
    read_target("tanh(x1*x2) - exp(x3)/(2 + x1); min(x3, x1, x2)*x2; atan(x3) + log(2 + x3)", 3),
    read_target("x1_1*x2_2 - |x1_2|; cos(x2_1 + x1_1*x2_2)", 2, 2),
]


def error_function(weights: LayerWeights, target: Target, token: int) -> LayerError:
    limit = float(target.limit.max())
    view = View(weights, target, token, 0, collapse(weights, token, limit))
    (piece,) = whole_pieces(view)
    return piece.error


def sampled(weights: LayerWeights, target: Target, token: int, points: Array) -> Array:
    sequences = points.reshape(-1, target.tokens, target.width)
    return (apply(SingleLayer(weights), sequences) - target.values(sequences))[:, token, 0]


def check_boxes(seed: int, positions: bool = True) -> None:
    """A random layer and random boxes: no sampled or climbed error leaves the enclosure."""
    rng = np.random.default_rng(seed)
    target = TARGETS[seed % len(TARGETS)]
    weights = random_layer(
        target.tokens,
        target.width,
        seed,
        heads=1 + seed % 3,
        head_width=1 + seed % 2,
        scale=(0.0, 0.7, 1.5)[(seed // 3) % 3],
        positions=positions,
    )
    token = seed % target.tokens
    error = error_function(weights, target, token)
    lower, upper = boxes_inside(rng, 6, target.dimension)
    known = error.enclose(lower, upper)
    for box in range(len(lower)):
        points = points_inside(rng, lower[box], upper[box], 150)
        first = found = sampled(weights, target, token, points)
        for sign in (1.0, -1.0):
            point = points[(sign * first).argmax()]
            for step in 0.3 ** np.arange(1, 6):
                size = step * (upper[box] - lower[box]) * rng.choice((-1, 0, 1), (24, len(point)))
                trials = np.clip(point + size, lower[box], upper[box])
                values = sampled(weights, target, token, trials)
                point = trials[(sign * values).argmax()]
                found = np.concatenate([found, values])
        assert found.max() <= known.upper[box], (seed, box)
        assert found.min() >= known.lower[box], (seed, box)


@pytest.mark.parametrize("seed", range(18))
def test_no_error_exceeds_its_bound(seed: int) -> None:
    """P1. Kills: slopes frozen at the centre, a radius halved, a kink taken on one side."""
    check_boxes(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_no_error_exceeds_its_bound_in_many_cases(block: int) -> None:
    """P1 in 1200 cases (20 x 60 layers, six boxes each)."""
    for seed in range(1000 + 60 * block, 1060 + 60 * block):
        check_boxes(seed, positions=seed % 5 > 0)


def test_frozen_slopes_would_be_wrong() -> None:
    """P1's mutant: slopes from a box a million times smaller are violated by samples."""
    target, caught = TARGETS[0], 0
    for seed in range(8):
        weights = random_layer(2, 1, seed)
        error = error_function(weights, target, 0)
        rng = np.random.default_rng(seed)
        centre, radius = rng.uniform(-0.5, 0.5, (4, 2)), 0.4
        thin = error.enclose(centre - 1e-7, centre + 1e-7)
        frozen = thin.centre.upper + thin.spread.sum(1) * radius / 1e-7
        for box in range(4):
            points = points_inside(rng, centre[box] - radius, centre[box] + radius, 200)
            caught += int(sampled(weights, target, 0, points).max() > frozen[box])
    assert caught > 0


def hinge_layer(beta: float = 1.0, gate: bool = True) -> tuple[LayerWeights, Target]:
    """A layer that computes |x1 - x2| / 2 and max(x1, x2) - 0.1 exactly, by hand."""
    target = read_target("|x1 - x2|/2; max(x1, x2) - 1/10", 2)
    rows = np.array([[1.0, -1.0]])
    first = Ridges(rows, np.zeros(1), np.ones(1), np.array([-0.5, 0.5]), 0.0)
    second = Ridges(rows, np.zeros(1), np.ones(1), np.array([0.0, 1.0]), -0.1)
    weights = assemble(copy_heads(2, 1, beta), [[first], [second]], 1.0)
    if not gate:
        hidden = weights.hidden.copy()
        hidden[:, 1:3] = 0.0
        weights = dataclasses.replace(weights, hidden=hidden)
    return weights, target


def test_exact_layer_is_certified_to_rounding() -> None:
    weights, target = hinge_layer()
    entries = certify(weights, target, 1e-3)
    assert all(e.accepted for e in entries)
    assert max(e.rounding for e in entries) < 1e-12


def test_layer_without_gates_is_refused_with_a_witness() -> None:
    """P3's mutant. Kills: a certifier that looks at one token only."""
    weights, target = hinge_layer(gate=False)
    entries = certify(weights, target, 0.3)
    refused = [e for e in entries if not e.accepted]
    assert refused
    assert all(e.witness is not None for e in refused)


def test_epsilon_below_a_shown_error_is_refused_and_the_witness_is_real() -> None:
    """P4. Kills: a witness that is only a suspicion, a limit of 1.01 epsilon."""
    weights, target = hinge_layer()
    weights.readout[0, 0] *= 1.2
    shown = float(attack(SingleLayer(weights), target).max())
    (entry,) = [e for e in certify(weights, target, 0.999 * shown) if not e.accepted][:1]
    assert entry.witness is not None
    sequence = entry.witness.point.reshape(1, 2, 1)
    real = np.abs(apply(SingleLayer(weights), sequence) - target.values(sequence)).max()
    assert real == pytest.approx(entry.witness.error, rel=1e-9)
    assert 0.999 * shown < real
    assert all(e.accepted for e in certify(weights, target, 1.001 * shown))


@pytest.mark.parametrize("seed", range(20))
def test_corrupted_units_are_refused(seed: int) -> None:
    """P5."""
    weights, target = hinge_layer()
    rng = np.random.default_rng(seed)
    unit = rng.integers(weights.hidden_units)
    hidden_bias, readout = weights.hidden_bias.copy(), weights.readout.copy()
    hidden_bias[unit] += 3.0
    readout[:, unit] += 1.0
    broken = dataclasses.replace(weights, hidden_bias=hidden_bias, readout=readout)
    assert not all(e.accepted for e in certify(broken, target, 0.3))


def cancelling_layer() -> tuple[LayerWeights, Target]:
    """Two outer weights +-1e13 on two copies of x1 that are equal only in exact arithmetic."""
    weights, target = hinge_layer()
    rows = np.zeros((2, weights.hidden.shape[1]))
    rows[0, 0] = rows[1, 3] = 0.7
    return (
        dataclasses.replace(
            weights,
            hidden=np.vstack([weights.hidden, rows]),
            hidden_bias=np.concatenate([weights.hidden_bias, [3.1, 3.1]]),
            readout=np.hstack([weights.readout, [[1e13, -1e13]]]),
        ),
        target,
    )


def test_thin_boxes_hold_sixty_digit_errors() -> None:
    """P8. Kills: value_slack = 0."""
    weights, target = cancelling_layer()
    error = error_function(weights, target, 0)
    rng = np.random.default_rng(0)
    points = np.round(rng.uniform(-1, 1, (40, 2)) * 2**30) / 2**30
    known = error.enclose(points, points)
    without = 0
    with mpmath.workdps(60):
        for k, (a, b) in enumerate(points):
            exact = (
                exact_forward(weights, points[k].reshape(2, 1))[0][0]
                - abs(mpmath.mpf(a) - mpmath.mpf(b)) / 2
            )
            assert mpmath.mpf(float(known.lower[k])) <= exact <= mpmath.mpf(float(known.upper[k]))
            without += exact > mpmath.mpf(float(known.upper[k])) - error.value_slack
            without += exact < mpmath.mpf(float(known.lower[k])) + error.value_slack
    assert without > 0


@pytest.mark.parametrize("seed", range(6))
def test_forward_pass_stays_within_its_rounding_bound(seed: int) -> None:
    """60 digits against float64. Kills: a rounding bound of 0 (the errors seen are not)."""
    weights = random_layer(3, 2, seed)
    bound = forward_rounding(weights, 1.0)[0]
    rng = np.random.default_rng(seed)
    seen = 0.0
    with mpmath.workdps(60):
        for _ in range(5):
            sequence = rng.uniform(-1, 1, (3, 2))
            given = apply(SingleLayer(weights), sequence[None])[0, :, 0]
            exact = exact_forward(weights, sequence)
            seen = max(seen, *(abs(float(exact[i][0] - mpmath.mpf(given[i]))) for i in range(3)))
    assert 0 < seen <= bound < 1e-9


@pytest.mark.parametrize("domain", [(0.1, 0.7), (-1 / 3, 5.3), (1e-3, 2e-3)])
def test_domains_need_not_be_dyadic(domain: tuple[float, float]) -> None:
    """Kills: halves that do not cover the box, exact centres taken for granted."""
    target = read_target("x1*x2", 2, domain=domain)
    level = domain[1] ** 2 / 2
    flat = Ridges(np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros(2), level)
    weights = assemble(copy_heads(2, 1), [[flat]], domain[1])
    worst = max(abs(level - a * b) for a in domain for b in domain)
    (entry, _) = certify(weights, target, 1.02 * worst)
    assert entry.accepted
    assert worst <= entry.bound <= 1.02 * worst
    assert not certify(weights, target, 0.98 * worst)[0].accepted


def test_blocks_give_the_same_verdict_as_the_whole() -> None:
    """Kills: a unit that is lost or counted twice when the error is split."""
    target = read_target("x1*x2 + x3**2 - x4", 4)
    rng = np.random.default_rng(5)
    rows = np.zeros((6, 4))
    rows[:3, :2], rows[3:, 2] = rng.normal(size=(3, 2)), rng.normal(size=3)
    part = Ridges(rows, rng.normal(size=6), rng.normal(size=6), rng.normal(size=4), 0.3)
    weights = assemble(copy_heads(4, 1), [[part]], 1.0)
    view = View(weights, target, 1, 0, collapse(weights, 1, 1.0))
    pieces = pieces_of(view)
    assert len(pieces) == 3
    points = rng.uniform(-1, 1, (50, 4))
    total = sum(p.error.net(points @ p.block.matrix.T) for p in pieces)
    assert np.allclose(total, part(points), atol=1e-12)
    assert np.allclose(whole_pieces(view)[0].error.net(points), part(points), atol=1e-12)


@pytest.mark.parametrize("place", [-0.9, -0.7, -0.3, 0.3, 0.7, 0.9])
def test_a_hinge_anywhere_in_the_box_counts(place: float) -> None:
    """One unit relu(x - place) on [-1, 1]: its range there is [0, 1 - place].

    Kills: a unit judged by less than the whole box, such as by half its radius.
    """
    x = sympy.Symbol("x")
    one, none = np.ones(1), np.zeros(1)
    units = Units(
        slope=np.ones((1, 1)),
        offset=np.array([-place]),
        mix=np.zeros((1, 0)),
        weight=one,
        linear=none,
        constant=0.0,
        slack=none,
        constant_slack=0.0,
    )
    error = LayerError(units, None, compile_expression(sympy.Integer(0) * x, [x]), one)
    found = error.enclose(np.array([[-1.0]]), np.array([[1.0]]))
    assert found.lower[0] <= 0.0
    assert found.upper[0] >= 1.0 - place


def test_limits_of_blocks_add_up_to_what_is_allowed() -> None:
    """Kills: the sign of a seen minimum, which once gave lower ends that added up to -2."""
    point = np.zeros(1)
    seen = [_Seen(-0.3, 0.1, point, point), _Seen(-0.2, 0.4, point, point)]
    limits = _limits(seen, 1.0)
    assert sum(low for low, _ in limits) == pytest.approx(-1.0, abs=1e-12)
    assert sum(high for _, high in limits) == pytest.approx(1.0, abs=1e-12)
    assert limits[0][0] - limits[1][0] == pytest.approx(-0.1)
