"""Symmetries of a function, and ridge functions that share them."""

from __future__ import annotations

import numpy as np
import pytest

import theory
from theory.universal.arrays import Array
from theory.universal.fitting import polish
from theory.universal.fitting.fit import fit_function, symmetry_for
from theory.universal.fitting.ridge import Ridges
from theory.universal.fitting.symmetry import Orbits, Symmetry, symmetry_of
from theory.universal.layer import weights_of

CHAIN = "sin(2*(x1*x2 + x2*x3 + x3*x4))"


def chain(y: Array) -> Array:
    return np.asarray(np.sin(2 * (y[:, 0] * y[:, 1] + y[:, 1] * y[:, 2] + y[:, 2] * y[:, 3])))


def cycle(y: Array) -> Array:
    """Cyclic exchanges only: their inverses are other maps, unlike those of a reflection."""
    return np.asarray(y[:, 0] * y[:, 1] ** 2 + y[:, 1] * y[:, 2] ** 2 + y[:, 2] * y[:, 0] ** 2)


def random_ridges(units: int, dimension: int) -> Ridges:
    rng = np.random.default_rng(3)
    return Ridges(
        rng.normal(size=(units, dimension)),
        rng.normal(size=units),
        rng.normal(size=units),
        rng.normal(size=dimension),
        0.7,
    )


def test_all_symmetries_are_found_and_no_others() -> None:
    """Kills: a sign that is not tried; permutations without flips; a tolerance that is too wide."""
    found = symmetry_of(chain, 4)
    assert found.order == 8
    assert int(found.signs.sum()) == 0
    assert np.array_equal(found.maps[0], np.eye(4))
    assert symmetry_of(lambda y: y[:, 0] * y[:, 1], 2).order == 8
    assert symmetry_of(cycle, 3).order == 6
    assert symmetry_of(lambda y: np.sin(y[:, 0] + 0.3) + 2e-9 * y[:, 1] ** 3, 2).order == 1


@pytest.mark.parametrize("function", [chain, cycle])
def test_unfolded_units_are_the_mean_over_the_group(function: object) -> None:
    """N(y) = mean sign(g) M(g y), with f's symmetries; Kills: g^-1 for g, signs left out."""
    assert callable(function)
    dimension = 4 if function is chain else 3
    symmetry = symmetry_of(function, dimension)
    points = np.random.default_rng(4).uniform(-1, 1, (50, dimension))
    base = random_ridges(5, dimension)
    whole = symmetry.unfold(base)
    assert np.allclose(whole(points), Orbits.of(points, symmetry).mean(base), atol=1e-12)
    for map_, sign in zip(symmetry.maps, symmetry.signs, strict=True):
        assert np.allclose(function(points @ map_.T), sign * function(points), atol=1e-12)
        assert np.allclose(whole(points @ map_.T), sign * whole(points), atol=1e-12)


def test_images_that_agree_are_one_unit() -> None:
    """x1 + x2 is its own image under the exchange; (x1 - x2) x1 x2 turns it to 0."""
    even = symmetry_of(lambda y: (y**2).sum(1), 2)
    base = Ridges(np.array([[1.0, 1.0]]), np.array([-0.5]), np.array([3.0]), np.zeros(2), 0.0)
    assert even.order == 8
    assert even.unfold(base).units == 4
    assert float(even.unfold(base).weights.sum()) == pytest.approx(3.0)
    exchange = np.array([[0.0, 1.0], [1.0, 0.0]])
    odd = Symmetry(np.stack([np.eye(2), exchange]), np.array([1.0, -1.0]))
    assert odd.unfold(base).units == 0


def test_symmetric_fits_stay_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in the normal equations of a fit in four coordinates: 3e8, or 1e11 without symmetry.

    Kills: symmetry not used; all images of the points fitted.
    """
    work = []
    jacobian = polish._jacobian

    def counted(ridges: Ridges, weights: Array, points: Array) -> Array:
        rows = jacobian(ridges, weights, points)
        work.append(rows.shape[0] * rows.shape[1] ** 2)
        return rows

    monkeypatch.setattr(polish, "_jacobian", counted)
    symmetry = symmetry_for(chain, 4)
    found = fit_function(chain, symmetry, 0.7)
    assert found is not None
    assert symmetry.unfold(found).units <= 30
    assert sum(work) / symmetry.order < 1e9


@pytest.mark.slow
def test_coupled_chain_of_four_tokens_is_reached() -> None:
    layer = theory.compile(CHAIN, 4, epsilon=0.2)
    assert layer.certificate.bound <= 0.2
    assert weights_of(layer.module).hidden_units <= 200
