"""Bounds lie above the true error, for every class of equations and every norm that they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.pinn.bounds.instances import (
    LINEAR,
    NONLINEAR,
    Draw,
    burgers,
    fisher,
    heat,
    poisson,
    ratios,
    solved,
    wave,
)

FAMILIES = (*LINEAR, *NONLINEAR)
# Rounding of the closed form, of which the smallest errors are a difference.
SLACK = 1 - 1e-6


def instance(family: Callable[[Draw], Any], seed: int) -> Any:
    return solved(family(Draw(np.random.default_rng([seed, 77]))), seed)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_no_error_exceeds_its_bound(family: Callable[[Draw], Any]) -> None:
    """Kills: a sign of a rate, a missing half or factor of the L2 rate, an eigenvalue of another
    wall, a shift of the spectrum, a slice of time left out."""
    found = ratios(instance(family, 0))
    assert found, "no bound in any norm"
    assert min(found.values()) >= SLACK, found


@pytest.mark.parametrize("family", [heat, burgers, fisher, wave, poisson], ids=lambda f: f.__name__)
def test_a_correction_makes_the_bound_the_error(family: Callable[[Draw], Any]) -> None:
    """Kills: the distance to the corrected solution left out, a distance of another norm, walls or
    a start that the corrected solution no longer meets, a bound of the trained residual."""
    found = ratios(instance(family, 1), is_corrected=True)
    assert min(found.values()) >= SLACK, found
    assert min(found.values()) < 1.1, found
    assert max(found.values()) < 10, found


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_no_error_of_a_thousand_exceeds_its_bound(family: Callable[[Draw], Any]) -> None:
    """60 instances of each of 17 families, in every norm; `benchmarks.error_bounds` has medians.

    A reaction may let errors grow by so much that no affordable grid settles the bound; then there
    is none.
    """
    bounded = 0
    for seed in range(100, 160):
        solution = instance(family, seed)
        for is_corrected in (False, True):
            found = ratios(solution, is_corrected=is_corrected)
            assert all(ratio >= SLACK for ratio in found.values()), (seed, is_corrected, found)
            bounded += bool(found)
    assert bounded >= 90  # of 120
