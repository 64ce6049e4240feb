"""The proven bound of the Burgers head, for classes and for single starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sciformer.errors import ConvergenceError, DomainError
from tests.oracles.spectral_reaction import RoughFamily
from theory.flows.burgers import compile_burgers
from theory.flows.burgers_bounds import (
    Instant,
    aliasing,
    rise_of_start,
    rounding_bound,
    truncation_bound,
)
from theory.flows.cole_hopf import ColeHopfHead
from theory.flows.reference import burgers_error
from theory.flows.starts import Starts


@pytest.mark.parametrize("epsilon", [1e-2, 1e-5, 1e-8])
def test_no_start_of_the_class_exceeds_the_bound(epsilon: float) -> None:
    """With means as well, so that starts travel. Kills: the drift of the images, 4 nu for 2 nu."""
    flow = compile_burgers(Starts(-0.5, 1.0, 10.0, waves=5), epsilon)
    assert flow.bound <= epsilon
    assert burgers_error(flow, 12) < flow.bound


def test_a_bound_for_one_start_is_near_its_error() -> None:
    """Median ratio of bound and error below 10^3 where the error is above rounding."""
    family, ratios = RoughFamily(20, 5), []
    times = np.linspace(0.1, 1.0, 4)
    t, x = np.meshgrid(times, np.arange(32) / 32, indexing="ij")
    points = torch.from_numpy(np.stack([x.ravel(), t.ravel()], -1))
    exact = family.solution(times, 32).reshape(20, -1)
    readings = torch.from_numpy(family.start(np.arange(40) / 40))
    head, fine = ColeHopfHead(40), np.arange(4096) / 4096
    for k in range(20):
        nu, waves = float(family.viscosities[k]), family.coefficients[k]
        start = family.start(fine)[k]
        slope = float(np.abs(np.diff(start)).max()) * len(fine) * 1.01
        instant = Instant(nu, 0.1, 1.0, float(np.abs(start).max()), slope)
        missed = aliasing(instant, rise_of_start(*waves), 40)
        if missed is None:
            continue
        bound = missed.bound + truncation_bound(instant, 40, missed.spread)[0]
        bound += rounding_bound(instant, head, missed.spread)
        found = head(readings[k], torch.tensor(nu, dtype=torch.float64), points).numpy()
        error = np.abs(found - exact[k]).max()
        assert error <= bound
        if error > 1e-12:
            ratios.append(bound / error)
    assert len(ratios) >= 5
    assert np.median(ratios) < 1e3


def test_what_cannot_be_compiled_is_refused() -> None:
    with pytest.raises(DomainError, match="finitely many waves"):
        compile_burgers(Starts(-1.0, 1.0, 10.0), 1e-3)
    with pytest.raises(DomainError, match="0 < earliest <= latest"):
        compile_burgers(Starts(-1.0, 1.0, 10.0, 4), 1e-3, earliest=2.0)
    with pytest.raises(ConvergenceError, match="out of reach of float64"):
        compile_burgers(Starts(-1.0, 1.0, 10.0, 4), 1e-15)
