"""Cramer-Rao bounds and deviations of linear models, against simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinn.identification.cramer_rao import Floor
from pinn.identification.uncertainty import Information, clustered_deviation, reweighted_shift
from sciformer.errors import DomainError


def model(seed: int, rows: int = 60, nuisance: int = 7) -> torch.Tensor:
    """A design whose last two columns lean on the others."""
    generator = torch.Generator().manual_seed(seed)
    design = torch.randn(rows, nuisance + 2, generator=generator, dtype=torch.float64)
    design[:, -1] += 2.3 * design[:, 0] - 0.7 * design[:, 3]
    design[:, -2] *= 0.1
    return design


def test_the_bound_is_what_least_squares_reaches() -> None:
    """On a linear model with Gaussian noise the bound is attained.

    4,000 draws know a standard deviation to 1.1 %. Kills: nuisance parameters taken as known, a
    variance for a deviation, a block of the wrong end.
    """
    design, noise = model(1), 0.37
    generator = np.random.default_rng(0)
    draws = noise * generator.standard_normal((4000, len(design)))
    estimates = np.linalg.lstsq(design.numpy(), draws.T, rcond=None)[0][-2:]
    bound = Information(design / noise, 2).cramer_rao()
    assert bound == pytest.approx(estimates.std(axis=1), rel=0.04)
    alone = noise / np.linalg.norm(design.numpy()[:, -1])
    assert bound[1] > 1.5 * alone  # the others cost something here


@given(seed=st.integers(0, 1000), scale=st.floats(1e-4, 1e4))
@settings(max_examples=15, deadline=None)
def test_information_is_the_schur_complement_in_any_units(seed: int, scale: float) -> None:
    """Kills: a ridge that is felt."""
    design = model(seed) * scale
    gram = (design.T @ design).numpy()
    schur = gram[-2:, -2:] - gram[-2:, :-2] @ np.linalg.solve(gram[:-2, :-2], gram[:-2, -2:])
    assert Information(design, 2).matrix == pytest.approx(schur, rel=1e-8)


def test_more_rows_never_raise_the_bound() -> None:
    design = model(4, rows=80)
    more, fewer = (Information(rows, 2).cramer_rao() for rows in (design, design[:50]))
    assert (more < fewer).all()


def test_parameters_without_a_trace_are_refused() -> None:
    design = model(2)
    design[:, -1] = 3 * design[:, 0]
    design[:, -2] = 0
    with pytest.raises(DomainError, match="do not tell the parameters apart"):
        Information(design, 2)


def test_influences_add_up_to_the_least_squares_step() -> None:
    """Kills: a sign, a missing row, the wrong columns."""
    design = model(3)
    rows = torch.linspace(-1, 2, len(design), dtype=torch.float64).sin()
    step = np.linalg.lstsq(design.numpy(), -rows.numpy(), rcond=None)[0]
    assert Information(design, 2).influences(rows).sum(0) == pytest.approx(step[-2:], rel=1e-8)


def test_clusters_see_what_agrees_within_them() -> None:
    """Residuals that are equal within clusters of 10 widen the deviation by sqrt(10)."""
    generator = np.random.default_rng(5)
    labels = np.repeat(np.arange(400), 10)
    alone = generator.standard_normal((4000, 1))
    together = np.repeat(generator.standard_normal((400, 1)), 10, axis=0)
    independent = clustered_deviation(alone, labels)[0]
    correlated = clustered_deviation(together, labels)[0]
    assert independent == pytest.approx(4000**0.5, rel=0.1)
    assert correlated / independent == pytest.approx(10**0.5, rel=0.1)


def test_clusters_are_corrected_for_their_number() -> None:
    """Two clusters whose influences add up to 3 and -4: sqrt(2 / (2 - 1) * 25).

    Kills: the correction G / (G - 1) left out, which gives 5.
    """
    influence = np.array([[1.0], [-4.0], [2.0]])
    assert clustered_deviation(influence, np.array([0, 1, 0])) == pytest.approx([50**0.5])


def test_dispersion_counts_samples_alone() -> None:
    """A line with known noise beside a thousand equations that hold exactly, b = 0 in the second.

    Kills: rows of equations counted as samples; degrees of freedom that the fit uses left in.
    """
    places = torch.linspace(0, 1, 12, dtype=torch.float64)
    line = torch.stack([torch.ones_like(places), places, 0 * places], 1)
    exact = torch.zeros(1000, 3, dtype=torch.float64)
    exact[:, 2] = 5.0
    design = torch.cat([exact, line])
    generator = torch.Generator().manual_seed(2)
    noisy = torch.randn(12, generator=generator, dtype=torch.float64)
    left = noisy - line[:, :2] @ torch.linalg.lstsq(line[:, :2], noisy[:, None]).solution[:, 0]
    rows = torch.cat([torch.zeros(1000, dtype=torch.float64), left])
    samples = torch.arange(1012) >= 1000
    dispersion, freedom = Information(design, 1).dispersion(rows, samples)
    assert freedom == pytest.approx(10, rel=1e-6)
    assert dispersion == pytest.approx(float(left.square().sum() / 10) ** 0.5, rel=1e-6)


def test_the_floor_scales_with_noise_and_samples() -> None:
    """Kills: a root forgotten, a ratio turned over."""
    floor = Floor({"lambda_2": 0.3}, samples=5000, noise=0.01)
    assert floor.at(5000, 0.01)["lambda_2"] == pytest.approx(0.3)
    assert floor.at(20_000, 0.03)["lambda_2"] == pytest.approx(0.45)
    needed = floor.samples_for("lambda_2", 0.05, noise=0.01)
    assert needed == 180_000
    assert floor.at(needed, 0.01)["lambda_2"] == pytest.approx(0.05)


def test_parameters_move_when_rows_count_less() -> None:
    """Two rows that want b = 1 and two that want b = 0, beside a nuisance parameter: b = 1/2; with
    the first two halved they count a quarter, and b = 1/5.

    Kills: a factor on rows or on the Jacobian only, weights instead of their roots.
    """
    jacobian = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [3.0, 0.0]]).double()
    rows = jacobian @ torch.tensor([0.2, 0.5]).double()
    rows -= torch.tensor([1.0, 1.0, 0.0, 0.0, 0.6]).double()
    whole, halved = torch.ones(5).double(), torch.tensor([0.5, 0.5, 1.0, 1.0, 1.0]).double()
    assert reweighted_shift(jacobian, rows, whole, 1) == pytest.approx([0.0], abs=1e-12)
    assert reweighted_shift(jacobian, rows, halved, 1) == pytest.approx([-0.3])
