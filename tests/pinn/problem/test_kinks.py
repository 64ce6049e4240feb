"""A diffused kink solves the heat equation, starts as nothing, and leaves nothing of the kink."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
import torch

from pinn.jets import Jet, Operators
from pinn.problem.kinks import diffused_kink
from pinn.problems.allen_cahn import allen_cahn
from pinn.trial.hard_constraint import HardConstraint

s, t, x = sympy.symbols("s t x")


def test_kink_and_diffusion_together_solve_the_heat_equation() -> None:
    """Kills: a wrong width, factor or sign of either part."""
    diffusivity = 0.03
    whole = s + diffused_kink(s, diffusivity, t)
    gap = sympy.lambdify((s, t), whole.diff(t) - diffusivity * whole.diff(s, 2), "scipy")
    size = sympy.lambdify((s, t), whole.diff(t), "scipy")
    places, times = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0.01, 2, 9))
    assert np.abs(gap(places, times)).max() < 1e-12 * np.abs(size(places, times)).max()
    # |s| + D is even in s only if its slope at the kink is 0.
    assert float(whole.diff(s).subs({s: 0, t: 0.2})) == pytest.approx(0, abs=1e-12)
    assert float(diffused_kink(0.1, diffusivity, 0)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("diffusivity", [1e-4, 0.05, 0.8])
def test_the_hard_form_of_allen_cahn_is_smooth_and_periodic_after_the_start(
    diffusivity: float,
) -> None:
    """Kills: a kink of half the size, images that are missing, a start that is not u_0."""
    constraint = HardConstraint(allen_cahn(diffusivity))
    operators = Operators(("x", "t"), ["x", "xx", "xxx"])
    ends = torch.tensor([[-1.0, 0.3], [1.0, 0.3]], dtype=torch.float64)
    nothing = torch.zeros(2, 1, dtype=torch.float64)

    def offset(points: torch.Tensor) -> Jet:
        jet = Jet.coordinates(points, operators)
        found: Jet = constraint(jet, jet[:, :1] * 0)
        return found

    at_ends = offset(ends)
    for name in ("1", "x"):
        left, right = at_ends.derivative(name)[:, 0]
        assert float(abs(left - right)) < 1e-11
    places = torch.linspace(-1, 1, 41, dtype=torch.float64)
    start = torch.stack([places, torch.zeros_like(places)], dim=-1)
    found = constraint(start, nothing[:1].expand(41, 1))[:, 0]
    torch.testing.assert_close(found, places**2 * torch.cos(torch.pi * places), atol=1e-9, rtol=0)
    assert bool(torch.isfinite(offset(start).channels).all())
