"""What a gauge leaves free is taken out, and nothing else."""

from __future__ import annotations

import math

import pytest
import torch

from pinn.problems.exact_flows import kovasznay, taylor_green
from pinn.refinement.gauge import Gauge

POINTS = torch.rand(400, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
WEIGHTS = 0.5 + POINTS[:, 0]


def test_a_function_of_time_is_taken_out_of_the_pressure_and_of_nothing_else() -> None:
    """Kills: a gauge that takes a constant only, or that takes the pressure's shape as well."""
    gauge = Gauge(taylor_green(), POINTS, WEIGHTS)
    time = POINTS[:, 2]
    drift = torch.exp(-3 * time) + 0.2 * torch.sin(4 * time)
    wave = torch.sin(2 * math.pi * POINTS[:, 0])
    zero = torch.zeros_like(drift)
    free = gauge(torch.stack([zero, zero, drift], dim=1))
    assert float(free.norm()) < 1e-5 * float(drift.norm())
    kept = gauge(torch.stack([drift, zero, wave], dim=1))
    assert float(kept[:, 0].norm()) == pytest.approx(float((drift * WEIGHTS.sqrt()).norm()))
    assert float(kept[:, 2].norm()) > 0.8 * float((wave * WEIGHTS.sqrt()).norm())


def test_a_constant_is_taken_out_where_there_is_no_time() -> None:
    """Kills: a gauge that does nothing in a steady flow, or ignores the weights."""
    gauge = Gauge(kovasznay(), POINTS[:, :2], WEIGHTS)
    fields = torch.stack([POINTS[:, 0], POINTS[:, 1], POINTS[:, 0] + 1e3], dim=1)
    found = gauge(fields)[:, 2]
    mean = (WEIGHTS * POINTS[:, 0]).sum() / WEIGHTS.sum()
    torch.testing.assert_close(found, WEIGHTS.sqrt() * (POINTS[:, 0] - mean), rtol=0, atol=1e-9)
    assert float(gauge(fields)[:, 0].norm()) > 1
