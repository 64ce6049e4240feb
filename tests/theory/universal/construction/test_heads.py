"""Constructed attention does what its theorem says."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.theory.universal.layers import random_layer
from theory.universal.construction.choose import Linear, Relative
from theory.universal.construction.copy import copy_heads, tilted_copy_heads
from theory.universal.construction.heads import Heads
from theory.universal.construction.linear import linear_heads
from theory.universal.construction.relative import relative_heads
from theory.universal.construction.tilted import tilted_heads
from theory.universal.formula.target import read_target
from theory.universal.layer import SingleLayer, apply


def decoding_error(heads: Heads, tokens: int, width: int) -> float:
    sequences = np.random.default_rng(0).uniform(-1, 1, (200, tokens, width))
    flat = sequences.reshape(200, -1)
    return max(
        float(np.abs(heads.features(sequences, i)[:, : flat.shape[1]] - flat).max())
        for i in range(tokens)
    )


@pytest.mark.parametrize("tokens", [1, 2, 3, 5])
@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("beta", [0.05, 1.0, 8.0])
def test_copy_heads_are_exact_at_every_temperature(tokens: int, width: int, beta: float) -> None:
    """P2, lemma 2. Kills: an output projection without un-mixing, a wrong sign in A^-1."""
    condition = (math.exp(beta) + tokens - 1) / math.expm1(beta)
    tolerance = 100 * 2.0**-53 * tokens * condition
    assert decoding_error(copy_heads(tokens, width, beta), tokens, width) < tolerance
    assert decoding_error(relative_heads(tokens, width, beta), tokens, width) < 10 * tolerance


def test_without_unmixing_the_heads_leak() -> None:
    """P2's mutant."""
    heads = copy_heads(3, 1)
    heads.output[4:] = np.eye(3)
    assert decoding_error(heads, 3, 1) > 1e-2


def test_relative_heads_are_one_fewer() -> None:
    assert Relative().heads(read_target("x1", 4)).heads == 3
    assert copy_heads(4, 1).heads == 4
    assert Linear().heads(read_target("x1_1", 4, 2)).heads == 2


@pytest.mark.parametrize("tokens", [2, 3, 6])
@pytest.mark.parametrize("gamma", [0.3, 0.05, 1e-3, 1e-6])
def test_linear_softmax_decodes_within_lemma_3(tokens: int, gamma: float) -> None:
    """P11. Kills: a decoding without the mean m (error O(1))."""
    rounding = 100 * tokens * 2.0**-53 / gamma
    bound = gamma * (2 * math.exp(2 * gamma) + 0.5) + rounding
    assert decoding_error(linear_heads(tokens, 1, gamma), tokens, 1) <= bound
    mutant = linear_heads(tokens, 1, gamma)
    decode = mutant.decode.copy()
    decode[:, :, 1 + tokens + tokens :] = 0.0
    broken = Heads(**{**vars(mutant), "decode": decode})
    assert decoding_error(broken, tokens, 1) > max(bound, 0.3) or gamma == 0.3


@pytest.mark.parametrize("positions", [False, True])
def test_layers_without_positions_are_equivariant(positions: bool) -> None:
    """P6. Kills (positions=True): distinct p_j."""
    weights = random_layer(3, 2, 1, positions=positions)
    sequences = np.random.default_rng(0).uniform(-1, 1, (50, 3, 2))
    given = apply(SingleLayer(weights), sequences)
    gap = max(
        float(np.abs(apply(SingleLayer(weights), sequences[:, list(s)]) - given[:, list(s)]).max())
        for s in itertools.permutations(range(3))
    )
    assert (gap > 1e-3) if positions else (gap < 1e-12)


@pytest.mark.parametrize("tokens", [2, 3, 5])
@pytest.mark.parametrize("tilt", [2.0, 8.0, 32.0])
def test_tilted_mean_is_a_soft_maximum(tokens: int, tilt: float) -> None:
    """T3: 0 <= max - m <= W((n - 1) / e) / t, attained by equal gaps (1 + W((n - 1) / e)) / t."""
    from scipy.special import lambertw

    lambert = float(lambertw((tokens - 1) / math.e).real)
    heads = tilted_copy_heads(tokens, 1, (tilt,))
    rng = np.random.default_rng(0)
    sequences = rng.uniform(-1, 1, (2000, tokens, 1))
    sequences[0] = 1.0 - (1 + lambert) / tilt
    sequences[0, 0] = 1.0
    gap = sequences.max((1, 2)) - heads.features(sequences, 0)[:, -1]
    assert gap.min() >= -1e-12
    assert gap.max() <= lambert / tilt + 1e-12
    assert gap[0] == pytest.approx(lambert / tilt, rel=1e-9)


def test_tilted_means_without_positions() -> None:
    heads = tilted_heads(3, (0.0, 2.0))
    sequences = np.random.default_rng(1).uniform(-1, 1, (20, 3, 1))
    own, mean, tilted = heads.features(sequences, 1).T
    x = sequences[:, :, 0]
    assert np.allclose(own, x[:, 1])
    assert np.allclose(mean, x.mean(1))
    assert np.allclose(tilted, (x * np.exp(2 * x)).sum(1) / np.exp(2 * x).sum(1))
