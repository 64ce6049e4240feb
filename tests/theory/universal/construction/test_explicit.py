"""The a-priori theorems T0 and T1': their bounds hold, and their mutants break them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciformer.errors import DomainError
from theory.universal.arrays import Array
from theory.universal.construction.explicit import fejer
from theory.universal.construction.explicit.fejer import (
    explicit_net,
    kernel_weights,
    smoothed_coefficients,
)
from theory.universal.construction.explicit.staircase import staircase


def kink(x: Array) -> Array:
    """1-Lipschitz in the Euclidean norm, period-1/q kinks stress the kernel."""
    return np.asarray(np.abs(((x[:, 0] * 3.7) % 1.0) - 0.5) / 3.7)


def jackson_error(weights: Array, degree: int) -> float:
    points = np.linspace(0, 1, 4001)[:, None]
    found = smoothed_coefficients(kink, 1, degree) / kernel_weights(degree) * weights
    modes = np.cos(np.pi * np.outer(points[:, 0], np.arange(degree + 1)))
    values = modes @ (found * np.where(np.arange(degree + 1) == 0, 1.0, 2.0))
    return float(np.abs(values - kink(points)).max())


@pytest.mark.parametrize("degree", [1, 2, 3, 5, 8, 13, 30])
def test_jackson_bound_holds(degree: int) -> None:
    """P10, lemma 1: |g - f| <= L pi / (2 q)."""
    assert jackson_error(kernel_weights(degree), degree) <= np.pi / (2 * (degree + 2))


@pytest.mark.parametrize("degree", [1, 4, 9, 40])
def test_kernel_is_nonnegative(degree: int) -> None:
    """P10's mutant, the Dirichlet kernel (all weights 1), is negative somewhere."""
    t = np.linspace(0, 2, 3001)
    modes = 2 * np.cos(np.pi * np.outer(t, np.arange(1, degree + 1)))
    weights = kernel_weights(degree)
    assert weights[0] == pytest.approx(1.0)
    assert weights[1] == pytest.approx(np.cos(np.pi / (degree + 2)))
    assert (1 + modes @ weights[1:]).min() >= -1e-9
    assert (1 + modes.sum(1)).min() < -0.1


@pytest.mark.parametrize(
    ("function", "lipschitz", "epsilon"),
    [
        (lambda x: x[:, 0] * x[:, 1], np.sqrt(2.0), 0.5),
        (lambda x: np.maximum(x[:, 0], x[:, 1]), 1.0, 0.3),
        (lambda x: np.abs(x[:, 0] - x[:, 1] ** 2), np.sqrt(5.0), 1.0),
    ],
)
def test_explicit_net_keeps_its_bound(function, lipschitz: float, epsilon: float) -> None:  # type: ignore[no-untyped-def]
    """T0. Kills: steps of the wrong power, a forgotten factor of the domain."""
    net = explicit_net(function, 2, lipschitz, epsilon)
    points = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
    points[:100] = np.round(points[:100])
    assert net.bound <= epsilon * (1 + 1e-9)
    assert np.abs(net.ridges(points) - function(points)).max() <= net.bound


def test_explicit_net_refuses_nonsense() -> None:
    with pytest.raises(DomainError, match=r"must be > 0; got 0 and 1"):
        explicit_net(kink, 1, 1.0, 0.0)
    assert fejer.ExplicitNet.__doc__


def median_of_three(x: Array) -> Array:
    return np.asarray(np.median(x, 1))


def product_with_mean(x: Array) -> Array:
    return np.asarray(x[:, 0] * x.mean(1))


@settings(deadline=None, max_examples=8)
@given(
    tokens=st.sampled_from([2, 3]),
    cells=st.integers(1, 6),
    extra=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_staircase_keeps_its_bound(tokens: int, cells: int, extra: int, seed: int) -> None:
    """P14, on cell walls and repeated tokens too. Kills: rises twice as wide, which overlap."""
    own = product_with_mean if tokens == 2 else median_of_three
    lipschitz = 2.0 if tokens == 2 else 1.0
    made = staircase(own, tokens, cells, tokens + extra, modulus=lipschitz / cells, oscillation=1.0)
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(900, tokens))
    x[:200] = np.round(x[:200] * cells) / cells
    x[200:400, 1] = x[200:400, 0]
    x[400:500] = rng.integers(0, 2, (100, tokens))
    with torch.no_grad():
        given_values = made.module(torch.from_numpy(x)[..., None])[..., 0].numpy()
    for i in range(tokens):
        own_first = np.concatenate([x[:, i : i + 1], np.delete(x, i, 1)], 1)
        assert np.abs(given_values[:, i] - own(own_first)).max() <= made.bound + 1e-6


def test_staircase_refuses_codes_beyond_floats() -> None:
    with pytest.raises(DomainError, match=r"codes below 2\^53"):
        staircase(median_of_three, 3, 24, 30, modulus=1.0, oscillation=1.0)
    with pytest.raises(DomainError, match=r"more than 3 shifts"):
        staircase(median_of_three, 3, 2, 3, modulus=1.0, oscillation=1.0)
