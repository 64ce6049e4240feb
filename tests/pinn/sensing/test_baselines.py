"""Gappy POD and linear estimation: exact on data of their rank, and what noise does to them."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.sensing.baselines import GappyPOD, LinearEstimation, Setup, error
from pinn.sensing.modes import Modes
from pinn.sensing.record import Corruption, Readings, Record

RANK = 4
CORRUPTIONS = (Corruption(), Corruption(failed=3))


@pytest.fixture(scope="module")
def setup(record: Record) -> Setup:
    early, _ = record.split(0.6)
    return Setup(Modes.of(early), record.random_sensors(6, 0))


def test_the_modes_of_a_flow_of_rank_four_are_four(setup: Setup, record: Record) -> None:
    """Kills: a mean that is not taken off, modes that are not orthonormal, singular values of
    rounding that count as modes."""
    modes = setup.modes
    assert modes.modes.shape[2] == RANK
    gram = np.einsum("fpr,fps->rs", modes.modes, modes.modes)
    np.testing.assert_allclose(gram, np.eye(RANK), atol=1e-12)
    np.testing.assert_allclose(modes.fields(modes.coefficients(record)), record.fields, atol=1e-11)
    early, _ = record.split(0.6)
    spread = modes.coefficients(early).std(0)
    np.testing.assert_allclose(spread, modes.sizes, rtol=1e-10)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=str)
@pytest.mark.parametrize("delays", [0, 1, 3])
def test_baselines_are_exact_on_data_of_their_rank(
    setup: Setup, record: Record, corruption: Corruption, delays: int
) -> None:
    """Kills: readings in another order or unit than the modes, a mean taken off twice, the reading
    of a silent sensor as 0, delays in another order."""
    early, later = record.split(0.6)
    linear = LinearEstimation(setup, early, 1e-13, max(delays, 1))
    method = linear if delays else GappyPOD(setup, RANK)
    readings = corruption.read(later, setup.sensors, setup.modes.reading_size, 7)
    found = error(setup.modes, later, method(readings))
    assert found.total < 1e-6
    assert max(found.fields.values()) < 1e-6


def test_gappy_pod_is_the_least_squares_fit_of_each_frame(setup: Setup, record: Record) -> None:
    """Kills: weights of frames that leak into each other when their masks are alike."""
    generator = np.random.default_rng(5)
    readings = Corruption(0.1).read(record, setup.sensors, setup.modes.reading_size, 1)
    present = generator.random(readings.present.shape) < 0.7
    found = GappyPOD(setup, 2)(Readings(readings.values, present))
    mean, modes = setup.seen()
    for frame in (0, 17, 79):
        there = present[frame].ravel()
        y = (readings.values[frame] / setup.modes.reading_size).ravel()
        matrix, rest = modes[there, :2], (y - mean)[there]
        normal = np.linalg.solve(matrix.T @ matrix, matrix.T @ rest)
        np.testing.assert_allclose(found[frame, :2], normal, rtol=1e-9)
    assert not found[:, 2:].any()


def test_linear_estimation_is_the_ridge_regression(setup: Setup, record: Record) -> None:
    """Kills: a ridge of another size, targets or readings that are not centred."""
    early, later = record.split(0.6)
    strength = 1e-2
    readings = Corruption(0.05).read(later, setup.sensors, setup.modes.reading_size, 1)
    found = LinearEstimation(setup, early, strength)(readings)
    clean = Corruption().read(early, setup.sensors, setup.modes.reading_size, 0)
    mean, _ = setup.seen()
    y = setup.rows(clean)[0] - mean
    a = setup.modes.coefficients(early)
    covariance = y.T @ y / len(y)
    ridge = strength * (y**2).mean() * np.eye(y.shape[1])
    weights = np.linalg.solve(covariance + ridge, y.T @ (a - a.mean(0)) / len(y))
    wanted = a.mean(0) + (setup.rows(readings)[0] - mean) @ weights
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", [GappyPOD, LinearEstimation])
def test_what_silent_sensors_hold_is_never_read(setup: Setup, record: Record, kind: type) -> None:
    """Kills: a mask that multiplies (0 times nan), values filled in before they are masked."""
    early, later = record.split(0.6)
    one = GappyPOD(setup, 3) if kind is GappyPOD else LinearEstimation(setup, early, 1e-3, 2)
    readings = Corruption(0.02, 2).read(later, setup.sensors, setup.modes.reading_size, 3)
    other = np.where(readings.present, readings.values, 1e30)
    np.testing.assert_array_equal(one(readings), one(Readings(other, readings.present)))


def test_noise_prefers_fewer_modes_and_stronger_ridges(setup: Setup, record: Record) -> None:
    """Kills: a choice that looks at clean data, or takes the worst."""
    early, _ = record.split(0.6)
    fit, selection = early.part(0, 36), early.part(36)
    clean, noisy = Corruption(), Corruption(0.5)
    assert GappyPOD.chosen(setup, selection, clean).rank == RANK
    assert GappyPOD.chosen(setup, selection, noisy).rank < RANK
    strengths = [
        LinearEstimation.chosen(setup, fit, selection, one).strength for one in (clean, noisy)
    ]
    assert strengths[0] < 1e-6 < 1e-3 < strengths[1]
