"""Noise found in data themselves, and the period of a wake, against what was put in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from pinn.cfd.shedding import shedding
from pinn.data.noise import (
    _evidence,
    noise_in_time,
    noise_of_samples,
    noise_on_grid,
    signal_under,
)
from sciformer.errors import DataError

GENERATOR = np.random.default_rng(5)
NOISE = GENERATOR.standard_normal((24, 20, 22))
TIME = np.arange(200) * 0.1


def test_noise_on_a_grid_is_what_was_added_to_a_smooth_flow() -> None:
    """Kills: a normalisation of one axis only, second differences, a variance."""
    x, y, t = np.meshgrid(*(np.linspace(0, 1, n) for n in NOISE.shape), indexing="ij")
    smooth = 3 + x**2 * y - 4 * t**2 * y**2 + np.sin(2 * x - t)
    assert noise_on_grid(smooth) < 1e-6
    assert noise_on_grid(smooth + 0.3 * NOISE) == pytest.approx(0.3, rel=0.06)


def test_noise_in_time_is_no_signal_that_is_sampled_rarely() -> None:
    """Kills: one order of differences alone, unequal steps that are taken for equal ones."""
    noise = GENERATOR.standard_normal((30, 200))
    slow, fast = np.sin(TIME), np.sin(12 * TIME)
    assert noise_in_time(slow + 0.2 * noise, TIME) == pytest.approx(0.2, rel=0.05)
    assert noise_in_time(np.tile(slow, (30, 1)), TIME) < 1e-6
    assert noise_in_time(np.tile(fast, (30, 1)), TIME) == 0.0
    assert noise_in_time(0.2 * noise[:, :12], TIME[:12]) == 0.0
    assert noise_in_time(0.2 * noise[:, :13], TIME[:13]) > 0.1
    assert noise_in_time(0.2 * noise, TIME**1.1) == 0.0


def test_noise_of_scattered_samples_has_no_unit() -> None:
    """Kills: a share for a deviation, a length in another unit than its coordinate."""
    places = GENERATOR.uniform(0, 1, (90, 1))
    clean = np.sin(5 * places[:, 0]) + 2 * places[:, 0]
    noise = 0.1 * GENERATOR.standard_normal(90)
    found = noise_of_samples(places, clean + noise)
    assert found == pytest.approx(0.1, rel=0.3)
    other = noise_of_samples(1e4 * places + 7, 1e-5 * (clean + noise))
    assert other == pytest.approx(1e-5 * found, rel=1e-3)
    assert noise_of_samples(places, clean) < 2e-3
    assert 0 < noise_of_samples(places, np.full(90, 3.0)) < 1e-300


def test_the_evidence_is_the_likelihood_of_a_gaussian_process() -> None:
    """With the best mean and size, by scipy's density. Kills: a root of 5, a determinant twice, a
    noise that is not squared."""
    places = GENERATOR.uniform(0, 1, (12, 2))
    values = GENERATOR.standard_normal(12)
    squares = (places[:, None] - places[None]) ** 2
    for logs in ((-0.5, 0.3, -1.0), (0.2, -1.0, 0.5)):
        cost, noise = _evidence(np.array(logs), squares, values)
        lengths, share = np.exp(logs[:2]), math.exp(logs[2])
        r = np.sqrt(5 * (squares / lengths**2).sum(-1))
        kernel = (1 + r + r**2 / 3) * np.exp(-r) + share**2 * np.eye(12)
        ones = np.linalg.solve(kernel, np.ones(12))
        mean = values @ ones / ones.sum()
        size = (values - mean) @ np.linalg.solve(kernel, values - mean) / 12
        density = multivariate_normal(np.full(12, mean), size * kernel).logpdf(values)
        assert cost + 6 * (1 + math.log(2 * math.pi)) == pytest.approx(-density, rel=1e-9)
        assert noise == pytest.approx(share * math.sqrt(size), rel=1e-9)


def test_signals_are_what_is_left_of_the_deviation() -> None:
    """Kills: a difference of deviations, noise as large as the signal that passes."""
    assert signal_under("mine", "u", 3.0, 5.0) == pytest.approx(4.0)
    with pytest.raises(DataError, match=r"mine: the noise of u .* 4\) is larger .* \(3\)"):
        signal_under("mine", "u", 4.0, 5.0)


def test_a_wake_is_measured_over_its_last_period() -> None:
    """Periods 2, 2 and 1.9, drag that rises, lift about 3. Kills: the first period, means over all
    time, a period for its ratio, downward crossings."""
    time = np.linspace(0, 7, 7001)
    phase = np.interp(time, [0.0, 0.5, 2.5, 4.5, 6.4, 7.0], [-0.25, 0.0, 1.0, 2.0, 3.0, 3.2])
    size = np.where(time < 4.5, 1.0, 0.8)
    lift = 3 + size * np.sin(2 * math.pi * phase)
    found = shedding(time, 1 + time, lift)
    assert found.strouhal == pytest.approx(1 / 1.9, rel=1e-3)
    assert found.drift == pytest.approx(1.9 / 2 - 1, rel=1e-2)
    assert found.drag == pytest.approx(1 + (4.5 + 6.4) / 2, rel=1e-3)
    assert found.lift == pytest.approx(0.8, rel=1e-3)
