"""Bounds lie above the true error, for every class of equations and every norm that they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pinn.bounds.error_bound import Norm
from sciformer.errors import UsageError
from tests.pinn.bounds.instances import LINEAR, NONLINEAR, Draw, ratio, solved

FAMILIES = (*LINEAR, *NONLINEAR)
# Rounding of the closed form, of which the smallest errors are a difference.
SLACK = 1 - 1e-6


def instance(family: Callable[[Draw], Any], seed: int) -> Any:
    return solved(family(Draw(np.random.default_rng([seed, 77]))), seed)


def ratios(family: Callable[[Draw], Any], seeds: range) -> list[float]:
    """Bound over true error in every norm that has a bound."""
    found = []
    for seed in seeds:
        solution = instance(family, seed)
        for norm in Norm:
            try:
                bound = solution.error_bound(norm)
            except UsageError:
                continue
            found.append(ratio(solution, bound))
    return found


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_no_error_exceeds_its_bound(family: Callable[[Draw], Any]) -> None:
    """Kills: a sign of a rate, a missing half or factor of the L2 rate, an eigenvalue of another
    wall, a shift of the spectrum, a slice of time left out."""
    found = ratios(family, range(1))
    assert found, "no bound in any norm"
    assert min(found) >= SLACK, found


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_no_error_of_a_thousand_exceeds_its_bound(family: Callable[[Draw], Any]) -> None:
    """60 instances of each of 17 families, in every norm; `benchmarks.error_bounds` has medians."""
    found = ratios(family, range(100, 160))
    assert min(found) >= SLACK
