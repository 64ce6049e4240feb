"""The exact solution of Burgers' equation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pinn.references.cole_hopf import ColeHopf
from sciformer.errors import DomainError
from tests.oracles.burgers import burgers

VISCOSITY = 0.01 / math.pi


@pytest.mark.parametrize("x", [0.001, 0.05, 0.3, -0.9])
@pytest.mark.parametrize("t", [0.01, 0.35, 1.0])
def test_quadrature_agrees_with_35_digits(x: float, t: float) -> None:
    """Kills: fewer than 80 nodes, 2 for 4 under the root, a lost sign."""
    value = ColeHopf(VISCOSITY)(np.array([[x, t]]))["u"][0]
    assert value == pytest.approx(burgers(x, t), abs=1e-12)


def test_initial_and_boundary_values() -> None:
    x = np.linspace(-1, 1, 11)
    start = ColeHopf(VISCOSITY)(np.stack([x, 0 * x], -1))["u"]
    assert np.abs(start + np.sin(np.pi * x)).max() < 1e-14
    ends = ColeHopf(VISCOSITY)(np.array([[-1.0, 0.7], [1.0, 0.7], [0.0, 0.7]]))["u"]
    assert np.abs(ends).max() < 1e-12


@pytest.mark.parametrize("viscosity", [0.001, 0.05, 0.7])
def test_the_equation_holds_for_other_viscosities(viscosity: float) -> None:
    """Central differences of fourth order leave h^4 times a fifth derivative."""
    solution = ColeHopf(viscosity)
    h = 1e-3

    def u(x: float, t: float) -> float:
        return float(solution(np.array([[x, t]]))["u"][0])

    x, t = 0.4, 0.5
    near = [u(x + k * h, t) for k in (-2, -1, 0, 1, 2)]
    later = [u(x, t + k * h) for k in (-2, -1, 0, 1, 2)]
    slope = np.array([1, -8, 0, 8, -1]) / (12 * h)
    bend = np.array([-1, 16, -30, 16, -1]) / (12 * h * h)
    residual = slope @ later + near[2] * (slope @ near) - viscosity * (bend @ near)
    assert abs(residual) < 1e-6


def test_too_small_a_viscosity_is_refused() -> None:
    with pytest.raises(DomainError, match=r"at viscosity 0\.0001 the quadrature does not settle"):
        ColeHopf(0.0001)


def test_nodes_double_until_the_sums_settle() -> None:
    """Kills: a tolerance of 1e-3, with which 100 nodes would do."""
    assert ColeHopf(0.001).nodes == 200
