"""Weighted samples estimate the same integral, whatever their density."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinn.geometry.box import Box
from pinn.geometry.shapes import Disc
from pinn.sampling.samplers import Current, ResidualImportance, Sampler, UniformSobol, WarpedSobol
from sciformer.errors import DomainError

BOX = Box(x=(-1, 3), t=(0, 2))


def front(points: Tensor) -> Tensor:
    """A steep front that moves with time."""
    return torch.tanh(20 * (points[:, :1] - points[:, 1:]))


CURRENT = Current(front, lambda p: torch.exp(-8 * (p[:, 0] - p[:, 1]) ** 2) + 0.01)


def samplers() -> dict[str, Sampler]:
    return {
        "uniform": UniformSobol(BOX, seed=5),
        "importance": ResidualImportance(UniformSobol(BOX, seed=5), seed=7),
        "warped": WarpedSobol(UniformSobol(BOX, seed=5)),
    }


@pytest.mark.parametrize("name", samplers())
def test_weighted_mean_is_the_mean_over_the_domain(name: str) -> None:
    """Kills: weights equal to the density instead of its inverse; no weights at all."""
    sampler = samplers()[name]

    def ridge(points: Tensor) -> Tensor:
        return torch.exp(-4 * (points[:, 0] - points[:, 1]) ** 2)

    estimates = []
    for _ in range(12):
        sample = sampler.draw(2048, CURRENT)
        assert bool(BOX.contains(sample.points).all())
        assert float(sample.weights.mean()) == pytest.approx(1, abs=1e-12)
        estimates.append(float((sample.weights * ridge(sample.points)).mean()))
    exact = float(ridge(BOX.grid([1001, 501])).mean())
    # Twelve draws of about 1,500 effective points each scatter by 1 %; ignoring the limited pool,
    # as a draw by weights without replacement does, is 14 % off.
    assert sum(estimates) / 12 == pytest.approx(exact, rel=0.025)


@pytest.mark.parametrize("name", ["importance", "warped"])
def test_points_gather_at_the_front(name: str) -> None:
    sample = samplers()[name].draw(2000, CURRENT)
    near = (sample.points[:, 0] - sample.points[:, 1]).abs() < 0.1
    assert float(near.double().mean()) > 1.7 * 0.2 / 4


def test_warping_follows_the_front_in_time() -> None:
    """Kills: one density for all times."""
    points = samplers()["warped"].draw(8000, CURRENT).points
    early = points[points[:, 1] < 0.3]
    late = points[points[:, 1] > 1.7]

    def share(p: Tensor, at: float) -> float:
        return float(((p[:, 0] - at).abs() < 0.3).double().mean())

    assert share(early, 0.15) > 2 * share(early, 1.85)
    assert share(late, 1.85) > 2 * share(late, 0.15)


def test_warped_density_is_rebuilt_every_fourth_draw() -> None:
    asked = []
    sampler = WarpedSobol(UniformSobol(BOX, seed=1), every=4)

    def fields(points: Tensor) -> Tensor:
        asked.append(len(points))
        return front(points)

    for _ in range(9):
        sampler.draw(16, Current(fields, CURRENT.residual))
    assert asked == [64 * 513] * 3


@pytest.mark.parametrize("name", samplers())
def test_restored_samplers_draw_the_same_points(name: str) -> None:
    """Kills: a state without the generator, the number drawn, or the density."""
    first = samplers()[name]
    for count in (10, 33):
        first.draw(count, CURRENT)
    second = samplers()[name]
    second.restore(first.state())
    for _ in range(3):
        one, other = first.draw(50, CURRENT), second.draw(50, CURRENT)
        assert torch.equal(one.points, other.points)
        assert torch.equal(one.weights, other.weights)


def test_three_coordinates_are_warped_along_the_first() -> None:
    box = Box(x=(0, 1), y=(0, 1), t=(0, 1))
    current = Current(lambda p: torch.tanh(30 * (p[:, :1] - 0.5)), lambda p: p[:, 0])
    sample = WarpedSobol(UniformSobol(box, seed=2)).draw(4000, current)
    assert float(((sample.points[:, 0] - 0.5).abs() < 0.1).double().mean()) > 0.4
    for axis in (1, 2):
        assert float(sample.points[:, axis].mean()) == pytest.approx(0.5, abs=0.01)


def test_an_empty_region_is_refused_instead_of_searched_for_ever() -> None:
    nothing = Disc(1, x=0, y=0) - Disc(2, x=0, y=0)
    with pytest.raises(DomainError, match="is empty, or too thin"):
        UniformSobol(nothing, seed=0).draw(500)


def test_points_of_a_disc_are_uniform_and_continue() -> None:
    """Kills: points beside the region kept, or skipped points drawn again after a restore."""
    disc = Disc(2.0, x=1, y=0)
    sampler = UniformSobol(disc, seed=4)
    points = sampler.draw(4000).points
    assert bool(disc.contains(points).all())
    radius = ((points[:, 0] - 1) ** 2 + points[:, 1] ** 2).sqrt()
    assert float((radius < 1).double().mean()) == pytest.approx(0.25, abs=0.01)
    other = UniformSobol(disc, seed=4)
    other.restore(sampler.state())
    assert torch.equal(sampler.draw(50).points, other.draw(50).points)


@pytest.mark.parametrize("size", [0.0, float("nan"), float("inf"), 1e-300])
def test_importance_ends_whatever_the_residual_is(size: float) -> None:
    """Even points where no residual is larger than another, or none is a number.

    Kills: 0/0 in the density, and a search for its factor that waits for it to be finite.
    """
    sampler = ResidualImportance(UniformSobol(Box(x=(0, 1)), seed=0), seed=0)
    current = Current(lambda p: p, lambda p: torch.full_like(p[:, 0], size))
    sample = sampler.draw(50, current)
    assert len(torch.unique(sample.points)) == 50
    assert torch.allclose(sample.weights, torch.ones_like(sample.weights))


def test_the_draw_among_candidates_has_a_seed_of_its_own() -> None:
    """Over the same Sobol sequence. Kills: a systematic sample that always begins at 0."""
    drawn = [
        ResidualImportance(UniformSobol(BOX, seed=5), seed=seed).draw(50, CURRENT).points
        for seed in (1, 2, 1)
    ]
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])


def test_points_gather_at_a_front_that_leans_in_two_directions() -> None:
    """x = .2 + .3 y + .3 t. Kills: lines of different y that share a density."""
    box = Box(x=(0, 1), y=(0, 1), t=(0, 1))

    def distance(points: Tensor) -> Tensor:
        return points[:, 0] - 0.2 - 0.3 * points[:, 1] - 0.3 * points[:, 2]

    current = Current(lambda p: torch.tanh(40 * distance(p))[:, None], lambda p: p[:, 0])
    points = WarpedSobol(UniformSobol(box, seed=5)).draw(4000, current).points
    assert float((distance(points).abs() < 0.05).double().mean()) > 0.4  # evenly: 0.1
