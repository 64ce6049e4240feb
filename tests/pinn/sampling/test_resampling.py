"""RAD and R3 draw where the residual is large, and continue from their state."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinn.geometry.box import Box
from pinn.sampling.resampling import ResidualDensity, RetainResampleRelease
from pinn.sampling.samplers import Current, Sampler, UniformSobol

BOX = Box(x=(-1, 3), t=(0, 2))


def peak(points: Tensor) -> Tensor:
    return torch.exp(-8 * (points[:, 0] - points[:, 1]) ** 2)


CURRENT = Current(lambda points: points, peak)


def samplers() -> dict[str, Sampler]:
    return {
        "rad": ResidualDensity(UniformSobol(BOX, seed=5), seed=7),
        "r3": RetainResampleRelease(UniformSobol(BOX, seed=5)),
    }


def test_rad_has_the_density_of_the_paper() -> None:
    """Kills: power and floor exchanged, |r| not divided by its mean, draws with replacement."""
    sampler = ResidualDensity(UniformSobol(BOX, seed=5), 7, power=2.0, floor=0.5, pool=50)
    points = torch.cat([sampler.draw(400, CURRENT).points for _ in range(20)])
    square = peak(BOX.grid([801, 401])) ** 2
    density = 0.5 + square / square.mean()
    near = peak(BOX.grid([801, 401])) > 0.5
    wanted = float(density[near].sum() / density.sum())
    # 8000 draws of probability about 1/2 scatter by 0.006.
    assert float((peak(points) > 0.5).double().mean()) == pytest.approx(wanted, abs=0.02)
    few = sampler.draw(100, CURRENT).points
    assert len(torch.unique(few, dim=0)) == 100


def test_r3_keeps_the_points_above_the_mean_and_no_other() -> None:
    """Kills: keeping below the mean, keeping all, forgetting what was kept."""
    sampler = RetainResampleRelease(UniformSobol(BOX, seed=5))
    first = sampler.draw(300, CURRENT).points
    assert sampler.retained == 0
    size = peak(first)
    above = first[size > size.mean()]
    second = sampler.draw(300, CURRENT).points
    assert sampler.retained == len(above)
    assert torch.equal(second[: len(above)], above)
    assert len(second) == 300
    flat = Current(lambda p: p, lambda p: torch.ones(len(p), dtype=p.dtype))
    sampler.draw(300, flat)
    assert sampler.retained == 0


def test_r3_gathers_where_the_residual_stays_large() -> None:
    sampler = RetainResampleRelease(UniformSobol(BOX, seed=5))
    for _ in range(12):
        points = sampler.draw(500, CURRENT).points
    uniform = float((peak(BOX.grid([201, 101])) > 0.5).double().mean())
    assert float((peak(points) > 0.5).double().mean()) > 2.5 * uniform


@pytest.mark.parametrize("name", samplers())
def test_restored_samplers_draw_the_same_points(name: str) -> None:
    first = samplers()[name]
    for count in (40, 40):
        first.draw(count, CURRENT)
    second = samplers()[name]
    second.restore(first.state())
    for _ in range(3):
        one, other = first.draw(50, CURRENT), second.draw(50, CURRENT)
        assert torch.equal(one.points, other.points)
        assert bool((one.weights == 1).all())
