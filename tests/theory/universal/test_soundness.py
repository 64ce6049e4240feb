"""No certified bound is exceeded: random layers and random formulas against an adversary.

The fast tests run a few of each; `pytest -m slow -k soundness -s` runs 10,000 layers and 1,000
formulas and prints the largest error over its bound.
"""

from __future__ import annotations

import dataclasses

import mpmath
import numpy as np
import pytest

import theory
from sciformer.errors import SciformerError
from tests.theory.universal.adversary import (
    DOMAINS,
    Expression,
    number,
    random_formula,
    random_weights,
    worst_ratio,
)
from theory.universal.attack import attack
from theory.universal.certifier.arithmetic import FLOAT32, FLOAT64
from theory.universal.certifier.certify import Entry, certify
from theory.universal.formula.target import Target, read_target
from theory.universal.layer import LayerWeights, SingleLayer, apply

LAYERS, FORMULAS = 10_000, 1_000
PIECES = 20
"""Parts of the slow suite, each with its own seeds, so that it can be run in pieces."""


def layer_case(seed: int, most_boxes: int = 20_000) -> list[float]:
    """One random layer against a random formula: errors over bounds of its accepted entries."""
    rng = np.random.default_rng(seed)
    tokens = int(rng.integers(1, 4))
    domain = DOMAINS[seed % len(DOMAINS)] if rng.random() < 0.8 else (5.0, 6.0)
    formula = random_formula(rng, tokens) if rng.random() < 0.6 else number("0")
    arithmetic = FLOAT32 if rng.random() < 0.2 else FLOAT64
    weights = random_weights(rng, tokens).rounded(arithmetic.name)
    module = SingleLayer(weights, arithmetic.name)
    try:
        target = read_target(formula.text, tokens, 1, domain)
        seen = _seen(weights, target, rng)
        epsilon = seen * float(rng.choice([1.02, 1.2, 2.0, 0.9])) + 1e-12
        entries = certify(weights, target, epsilon, arithmetic=arithmetic, most_boxes=most_boxes)
    except SciformerError:
        return []
    ratios = []
    for entry in entries:
        _check_witness(entry, weights, target, formula)
        if entry.accepted and arithmetic is FLOAT64:
            found = worst_ratio(module, formula, entry.token, entry.bound, domain, rng, 1_000)
            assert found.ratio <= 1.0, (seed, formula.text, domain, found)
            ratios.append(found.ratio)
        elif entry.accepted:
            ratios.append(_worst_in_float32(module, target, entry))
            assert ratios[-1] <= 1.0, (seed, formula.text, domain)
    return ratios


def _seen(weights: LayerWeights, target: Target, rng: np.random.Generator) -> float:
    sequences = rng.uniform(target.lower, target.upper, (500, target.dimension))
    sequences = sequences.reshape(-1, target.tokens, 1)
    found = apply(SingleLayer(weights), sequences) - target.values(sequences)
    return float(np.nan_to_num(np.abs(found)).max())


def _worst_in_float32(module: SingleLayer, target: Target, entry: Entry) -> float:
    return float(attack(module, target)[entry.token, entry.output]) / entry.bound


def _check_witness(
    entry: Entry, weights: LayerWeights, target: Target, formula: Expression
) -> None:
    """A counterexample has the error that it claims, but for the rounding of the forward pass."""
    if entry.witness is None:
        return
    point = entry.witness.point
    given = apply(SingleLayer(weights), point.reshape(1, target.tokens, 1))[0, entry.token, 0]
    with mpmath.workdps(60):
        exact = formula.value([mpmath.mpf(float(v)) for v in point], True)
        real = float(abs(mpmath.mpf(float(given)) - exact))
    if np.isfinite(entry.rounding):
        assert real >= entry.witness.error - entry.rounding - 1e-9 * abs(given), formula.text


def formula_case(seed: int) -> float:
    """One random formula, compiled: the error over the bound, or 0 if it was refused."""
    rng = np.random.default_rng(10**6 + seed)
    tokens = int(rng.choice([1, 1, 2, 2, 3]))
    domain = DOMAINS[seed % len(DOMAINS)]
    formula = random_formula(rng, tokens)
    with np.errstate(all="ignore"):
        values = formula.value(rng.uniform(*domain, (tokens, 2_000)), False)
    values = np.broadcast_to(values, 2_000)
    scale = max(float(np.ptp(values)), 1e-6) if np.isfinite(values).all() else 1.0
    epsilon = scale * float(rng.choice([0.3, 0.1, 0.05]))
    try:
        layer = theory.compile(formula.text, tokens, 1, epsilon, domain=domain)
    except SciformerError:
        return 0.0
    bound = layer.certificate.bound
    assert bound <= epsilon
    found = worst_ratio(layer.module, formula, 0, bound, domain, rng)
    assert found.ratio <= 1.0, (seed, formula.text, domain, epsilon, found)
    return found.ratio


def test_layers_hold() -> None:
    """Kills: a slack left out, a dead unit that is not, a coordinate that is never bisected."""
    ratios = [r for seed in range(25) for r in layer_case(seed, 2_000)]
    assert len(ratios) > 10
    assert max(ratios) > 0.7


def test_formulas_hold() -> None:
    """Kills: a wrong slope of any function, a limit of the search that is too wide."""
    ratios = [formula_case(seed) for seed in range(3)]
    assert sum(r > 0.0 for r in ratios) >= 2
    assert max(ratios) > 0.7


def test_the_adversary_finds_a_violation() -> None:
    """A bound that is 30 % too small is caught, so the suite can fail."""
    layer = theory.compile("x1*x2", 2, epsilon=0.1)
    low = dataclasses.replace(layer.certificate, bound=0.7 * layer.certificate.bound)
    x1, x2 = (Expression(f"x{k + 1}", lambda x, e, k=k: x[k]) for k in range(2))
    rng = np.random.default_rng(0)
    found = worst_ratio(layer.module, x1 * x2, 0, low.bound, (-1.0, 1.0), rng)
    assert found.ratio > 1.0


@pytest.mark.slow
@pytest.mark.parametrize("piece", range(PIECES))
def test_soundness_of_many_layers(piece: int) -> None:
    """10,000 layers in all."""
    count = LAYERS // PIECES
    seeds = range(10_000 + piece * count, 10_000 + (piece + 1) * count)
    ratios = [r for seed in seeds for r in layer_case(seed, 2_000)]
    told = f"{len(ratios)} accepted entries, worst error / bound {max(ratios):.15g}"
    print(f"piece {piece}: {told}")  # noqa: T201 (the figure that the suite is run for)
    assert max(ratios) <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("piece", range(PIECES))
def test_soundness_of_many_formulas(piece: int) -> None:
    """1,000 formulas in all."""
    count = FORMULAS // PIECES
    ratios = [formula_case(seed) for seed in range(piece * count, (piece + 1) * count)]
    compiled = sum(r > 0.0 for r in ratios)
    told = f"{compiled} compiled, worst error / bound {max(ratios):.15g}"
    print(f"piece {piece}: {told}")  # noqa: T201 (the figure that the suite is run for)
    assert max(ratios) <= 1.0
