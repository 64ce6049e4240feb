"""Ridge fits: within tolerance, few units, the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from theory.universal.arrays import Array
from theory.universal.fitting import fit
from theory.universal.fitting.fit import fit_function
from theory.universal.fitting.polish import polish
from theory.universal.fitting.ridge import Ridges, merge
from theory.universal.fitting.symmetry import Orbits, Symmetry


def product(x: Array) -> Array:
    return np.asarray(x[:, 0] * x[:, 1])


def test_product_needs_few_units() -> None:
    """x y = ((x + y)^2 - (x - y)^2) / 4; Kills: no pruning (the pursuit alone takes over 20)."""
    found = fit_function(product, Symmetry.none(2), 0.05)
    assert found is not None
    assert found.units <= 11
    points = np.random.default_rng(1).uniform(-1, 1, (20_000, 2))
    assert np.abs(found(points) - product(points)).max() <= 0.0525


def test_exact_functions_are_recognised() -> None:
    """||x| - |y|| = |x + y| + |x - y| - |x| - |y|: four units, whatever epsilon."""
    found = fit_function(
        lambda x: np.abs(np.abs(x[:, 0]) - np.abs(x[:, 1])), Symmetry.none(2), 1e-6
    )
    assert found is not None
    assert found.units == 4


def test_one_unit_is_not_pruned_for_ever() -> None:
    """Kills: a candidate for removal that is empty, which always 'succeeds'."""
    found = fit_function(lambda x: np.abs(x[:, 0]), Symmetry.none(1), 0.01)
    assert found is not None
    assert found.units == 1


def test_same_input_same_units() -> None:
    first, second = (fit_function(product, Symmetry.none(2), 0.1) for _ in range(2))
    assert first is not None
    assert second is not None
    assert all(
        np.array_equal(a, b)
        for a, b in zip(vars(first).values(), vars(second).values(), strict=True)
    )


def test_an_earlier_fit_is_not_searched_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """From an earlier result units join a few at a time and none is taken away.

    Kills: growth by 40 % and pruning anew, which cost minutes in four coordinates.
    """
    monkeypatch.setattr(fit, "_FIRST_UNITS", 1)
    coarse = fit_function(product, Symmetry.none(2), 0.1)
    assert coarse is not None
    pruned = []
    monkeypatch.setattr(fit, "prune", lambda *arguments: pruned.append(arguments))
    finer = fit_function(product, Symmetry.none(2), 0.05, start=coarse)
    assert finer is not None
    assert not pruned
    assert coarse.units < finer.units <= 13


def test_polish_reaches_the_minimax_line() -> None:
    """x^2 on [-1, 1]: the best line is 1/2, with error 1/2 (least squares has 2/3)."""
    points = np.linspace(-1, 1, 401)[:, None]
    empty = Ridges(np.zeros((0, 1)), np.zeros(0), np.zeros(0), np.zeros(1), 0.0)
    found = polish(empty, Orbits.of(points), points[:, 0] ** 2, 0.0)
    assert np.abs(found(points) - points[:, 0] ** 2).max() == pytest.approx(0.5, abs=0.01)


def test_composition_and_sum() -> None:
    rng = np.random.default_rng(2)
    part = Ridges(
        rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=3), rng.normal(size=2), 0.7
    )
    matrix, shift = rng.normal(size=(2, 4)), rng.normal(size=2)
    points = rng.normal(size=(20, 4))
    moved = part.composed(matrix, shift)
    assert np.allclose(moved(points), part(points @ matrix.T + shift))
    assert np.allclose(merge([moved, moved], 4)(points), 2 * moved(points))
