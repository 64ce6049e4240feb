"""Samples that stand apart, and sizes that were guessed too large."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.data.cloud import Cloud
from pinn.identification.outliers import outliers
from pinn.identification.significance import far_below_size

PLACES = np.arange(40.0)[:, None] / 8
NOISE = np.random.default_rng(7).standard_normal(40)
FITTED = {"u": np.linspace(3, 5, 40)}


def missed(gaps: np.ndarray, noise: float | np.ndarray = 0.1) -> list[str]:
    count = len(gaps)
    fitted = {"u": FITTED["u"][:count]}
    cloud = Cloud(PLACES[:count], {"u": fitted["u"] + gaps}, noise={"u": noise})
    return outliers(cloud, fitted)


def test_a_few_readings_that_stand_apart_are_counted_and_placed() -> None:
    """Kills: the mean for the median, the nearest for the farthest, a threshold in units of a
    noise that the outliers made.
    """
    gaps = 0.02 * NOISE
    gaps[[7, 19, 30]] += [1.5, -1.2, 2.0]
    [said] = missed(gaps, 0.4)
    assert said.startswith("3 of 40 samples of u lie 6 or more times as far")
    assert "the farthest at (3.75)" in said


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_noise_is_no_outlier(scale: float) -> None:
    """Kills: a threshold in some unit, few samples, heavy noise of the samples that say so."""
    assert not missed(scale * NOISE, scale)
    assert not missed(np.array([0.0, 0.1, -0.1, 9.0]))
    spread = np.where(np.arange(40) < 8, 100.0, 1.0)
    assert not missed(scale * spread * NOISE, scale * spread)


def test_a_far_reading_that_is_little_of_the_misfit_is_left_alone() -> None:
    """One of eight standard deviations is 64 of some 450 squares.

    Kills: a remark on each far sample.
    """
    gaps = np.tile(NOISE, 10)
    gaps[3] = 8.0
    places, fitted = np.arange(400.0)[:, None], {"u": np.ones(400)}
    assert not outliers(Cloud(places, {"u": fitted["u"] + gaps}, noise={"u": 1.0}), fitted)


def test_a_size_far_above_the_value_is_remarked_upon() -> None:
    """Kills: the remark where the interval holds 0, or within an order of magnitude."""
    assert "start from k = 0.8" in far_below_size("k", 0.8, 0.1, 100.0)
    assert not far_below_size("k", 0.8, 0.9, 100.0)
    assert not far_below_size("k", -0.8, 0.1, 7.9)
    assert far_below_size("k", -0.8, 0.1, 8.1)
