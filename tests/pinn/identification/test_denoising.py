"""Noise modes of snapshots."""

from __future__ import annotations

import numpy as np
import pytest

from pinn.identification.weak.denoising import without_noise_modes

SHAPE, LEVEL = (30, 20, 50), np.array([0.02, 0.3])


def flow(times: int) -> list[np.ndarray]:
    """Two fields of rank two in common, of unlike sizes."""
    x, y, t = np.meshgrid(*(np.linspace(0, 1, n) for n in (*SHAPE[:2], times)), indexing="ij")
    u = np.sin(3 * x + y) * np.cos(7 * t) + np.cos(2 * y) * np.sin(7 * t)
    v = 9 * np.cos(x) * np.cos(7 * t) - 4 * x * y * np.sin(7 * t)
    return [u, v]


def noisy(fields: list[np.ndarray], seed: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [f + s * generator.standard_normal(f.shape) for f, s in zip(fields, LEVEL, strict=True)]


@pytest.mark.parametrize("times", [50, 2000])
def test_only_the_share_of_the_kept_modes_of_the_noise_stays(times: int) -> None:
    """rms error / noise = sqrt(rank (1 / rows + 1 / columns - rank / (rows columns))) for white
    noise far below the signal; columns outnumber rows in the second case.

    Kills: an edge that is too low or too high, fields not in units of their noise, modes of the
    wrong side, the two fields in each other's places.
    """
    fields = flow(times)
    rows, rank = 2 * SHAPE[0] * SHAPE[1], 2
    share = np.sqrt(rank * (1 / rows + 1 / times - rank / (rows * times)))
    found = without_noise_modes(noisy(fields, 3), LEVEL)
    errors = [(f - g) / s for f, g, s in zip(found, fields, LEVEL, strict=True)]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(share, rel=0.1)
    for error in errors:
        assert np.sqrt(np.mean(error**2)) == pytest.approx(share, rel=0.25)


def test_a_mode_just_above_the_noise_stays() -> None:
    """At 1.5 times the edge. Kills: an edge twice too high."""
    generator = np.random.default_rng(8)
    rows, times = 2 * SHAPE[0] * SHAPE[1], SHAPE[2]
    place, time = generator.standard_normal(rows), generator.standard_normal(times)
    mode = np.outer(place / np.linalg.norm(place), time / np.linalg.norm(time))
    mode *= 1.5 * (np.sqrt(rows) + np.sqrt(times))
    fields = [s * half.reshape(SHAPE) for s, half in zip(LEVEL, np.split(mode, 2), strict=True)]
    found = without_noise_modes(noisy(fields, 4), LEVEL)
    kept = sum(float((f * g).sum()) / s**2 for f, g, s in zip(found, fields, LEVEL, strict=True))
    assert kept > 0.7 * float((mode**2).sum())


def test_of_noise_alone_next_to_nothing_stays() -> None:
    """At the edge a mode may pass now and then. Kills: the mean of the spectrum for its edge."""
    nothing = [np.zeros(SHAPE)] * 2
    found = without_noise_modes(noisy(nothing, 5), LEVEL)
    for field, s in zip(found, LEVEL, strict=True):
        assert np.mean(field**2) < 0.05 * s**2


def test_fields_without_noise_stay_as_they_are() -> None:
    fields = flow(50)
    for level in (np.zeros(2), np.array([1e-9, 1e-9])):
        for field, given in zip(without_noise_modes(fields, level), fields, strict=True):
            np.testing.assert_allclose(field, given, rtol=0, atol=1e-7)
