"""Burgers' equation by one head, against the heat equation of its potential."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciformer.errors import DomainError, ShapeError
from tests.oracles.spectral_reaction import RoughFamily
from theory.flows.cole_hopf import ColeHopfHead, HopfLaxHead, from_scattered

TIMES = np.linspace(0.1, 1.0, 10)
PLACES = 32


def points(times: np.ndarray = TIMES) -> torch.Tensor:
    t, x = np.meshgrid(times, np.arange(PLACES) / PLACES, indexing="ij")
    return torch.from_numpy(np.stack([x.ravel(), t.ravel()], -1))


def errors(found: np.ndarray, family: RoughFamily, times: np.ndarray = TIMES) -> np.ndarray:
    fine = 512 if times.min() > 0.01 else 4096
    exact = family.solution(times, PLACES, fine).reshape(len(found), -1)
    return np.asarray(np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1))


@pytest.fixture(scope="module")
def family() -> RoughFamily:
    return RoughFamily(20, 5)


def solve(family: RoughFamily, readings: torch.Tensor, head: ColeHopfHead) -> np.ndarray:
    viscosities = torch.from_numpy(family.viscosities)
    return np.stack(
        [head(r, nu, points()).numpy() for r, nu in zip(readings, viscosities, strict=True)]
    )


def test_sixty_four_uniform_sensors(family: RoughFamily) -> None:
    """Kills: the potential's mean, the highest wave, 1/(2 nu) for 1/nu, the scale of the logits."""
    readings = torch.from_numpy(family.start(np.arange(64) / 64))
    found = errors(solve(family, readings, ColeHopfHead(64)), family)
    assert np.median(found) < 1e-12
    assert found.max() < 1e-9


def test_exponential_in_the_sensors(family: RoughFamily) -> None:
    """Each sixteen more sensors divide the median by more than a hundred."""
    medians = []
    for m in (33, 48, 64):
        readings = torch.from_numpy(family.start(np.arange(m) / m))
        medians.append(np.median(errors(solve(family, readings, ColeHopfHead(m)), family)))
    assert medians[1] < medians[0] / 100
    assert medians[2] < medians[1] / 100


def test_a_drifting_start(family: RoughFamily) -> None:
    """A start with a mean travels: u(x, t) = a + v(x - a t, t). Kills: P without its slope."""
    head = ColeHopfHead(64)
    readings = torch.from_numpy(family.start(np.arange(64) / 64))[0]
    nu = torch.tensor(family.viscosities[0])
    places = points()
    moved = places - torch.stack([0.25 * places[:, 1], 0 * places[:, 1]], -1)
    assert (
        head(readings + 0.25, nu, places) - 0.25 - head(readings, nu, moved)
    ).abs().max() < 1e-11


def test_scattered_sensors(family: RoughFamily) -> None:
    places = np.sort(np.random.default_rng(3).random(128))
    readings = torch.from_numpy(family.start(places))
    uniform = from_scattered(torch.from_numpy(places), readings, 96, 16)
    exact = torch.from_numpy(family.start(np.arange(96) / 96))
    assert (uniform - exact).abs().max() < 1e-12
    alone = from_scattered(torch.from_numpy(places), readings[1], 96, 16)
    assert (alone - uniform[1]).abs().max() < 1e-12
    assert np.median(errors(solve(family, uniform, ColeHopfHead(96)), family)) < 1e-11


def test_small_times_need_more_tokens_not_more_sensors(family: RoughFamily) -> None:
    """Kills: a finer potential that is not the sensors' series."""
    times = np.array([1e-3, 3e-3])
    readings = torch.from_numpy(family.start(np.arange(64) / 64))
    nu = torch.from_numpy(family.viscosities)

    def worst(head: ColeHopfHead) -> float:
        found = [head(r, v, points(times)).numpy() for r, v in zip(readings, nu, strict=True)]
        return float(errors(np.stack(found), family, times).max())

    assert worst(ColeHopfHead(64)) > 1e-3
    assert worst(ColeHopfHead(64, 1024, images=1)) < 1e-9


def test_the_hard_limit_is_hopf_and_lax(family: RoughFamily) -> None:
    """The viscous head tends to the hard one, linearly in nu away from shocks."""
    readings = torch.from_numpy(family.start(np.arange(64) / 64))[2]
    places = points(np.array([0.2]))
    hard = HopfLaxHead(64, 8192, images=1)(readings, torch.tensor(0.0).double(), places)
    gaps = []
    for nu in (4e-4, 2e-4):
        soft = ColeHopfHead(64, 1024, images=1)(readings, torch.tensor(nu).double(), places)
        gaps.append(float((soft - hard).abs().median()))
    assert gaps[1] < 0.7 * gaps[0]
    assert gaps[1] < 1e-2


def test_arguments_are_checked() -> None:
    with pytest.raises(DomainError, match="got 64, 32 and 4"):
        ColeHopfHead(64, 32)
    with pytest.raises(ShapeError, match="readings of 8 sensors and one viscosity"):
        ColeHopfHead(8)(torch.zeros(2, 8).double(), torch.zeros(3).double(), points())
    with pytest.raises(DomainError, match="5 waves have 11 coefficients, more than 9"):
        from_scattered(torch.rand(9).double(), torch.rand(9).double(), 16, 5)
