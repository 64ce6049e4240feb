"""What a solution says of itself: errors by hand, places outside, quantities in blocks."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from torch import Tensor, nn

from pinn import solution as solution_module
from pinn.accuracy import ReferenceGrid, grid_counts, in_gauge
from pinn.geometry.box import Box
from pinn.networks import PhysicsFormer
from pinn.problem.problem import Problem
from pinn.sampling.samplers import UniformSobol
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.solved import attention_use
from pinn.trial.trial_solution import TrialSolution
from sciformer.errors import UsageError

x, t = sympy.symbols("x t")
u, v = (sympy.Function(name)(x, t) for name in "uv")
BOX = Box(x=(1, 3), t=(0, 1))


class Given(nn.Module):
    """Fields by a function of x and t."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.unused, self._function = nn.Parameter(torch.zeros(1, dtype=torch.float64)), function

    def forward(self, points: Any) -> Any:
        return torch.stack(self._function(*points.unbind(-1)), dim=-1)


def problem(**changes: Any) -> Problem:
    whole = Problem(
        name="mine",
        coordinates=(x, t),
        fields=(u, v),
        equations=(sympy.Eq(u.diff(x), v.diff(t)), sympy.Eq(v.diff(x), u.diff(t))),
        domain=BOX,
    )
    return replace(whole, **changes)


def reference(points: np.ndarray) -> dict[str, np.ndarray]:
    """u = 3 where x <= 2 and unknown elsewhere, v = 0."""
    left = points[:, 0] <= 2
    return {"u": np.where(left, 3.0, np.nan), "v": np.zeros(len(points))}


def test_errors_by_hand() -> None:
    """Found: u = 3.6 and v = -.8 at 201 times of 501 places, half of which are known.

    Kills: errors relative to what was found, a mean over fields of their ratios, a sum for a mean,
    a place counted whose reference is no number.
    """
    found = ReferenceGrid(problem(reference=reference), most=1000)
    assert float(found.points[:, 0].max()) == pytest.approx(2.0)
    errors = found.errors(
        lambda p: {"v": torch.full((len(p),), -0.8), "u": torch.full((len(p),), 3.6)}
    )
    assert errors.relative_l2_by_field == pytest.approx({"u": 0.2, "v": 0.8}, rel=1e-6)
    assert errors.relative_l2 == pytest.approx(math.hypot(0.6, 0.8) / 3, rel=1e-6)
    assert errors.mse_by_field == pytest.approx({"u": 0.36, "v": 0.64}, rel=1e-6)
    assert errors.mse == pytest.approx(0.5, rel=1e-6)
    assert errors.max_error == pytest.approx(0.8, rel=1e-6)


def test_grids_have_five_places_for_two_times() -> None:
    """Kills: shares exchanged, an even number, a power of the number of coordinates."""
    assert grid_counts(problem(), 1000) == [51, 21]
    y = sympy.Symbol("y")
    w = sympy.Function("w")(x, y)
    plate = Problem(
        name="plate",
        coordinates=(x, y),
        fields=(w,),
        equations=(sympy.Eq(w.diff(x), 1),),
        domain=Box(x=(0, 1), y=(0, 1)),
    )
    assert grid_counts(plate, 1000) == [33, 33]


def test_a_static_field_is_shifted_by_one_constant() -> None:
    """Kills: a mean along one axis, a shift away from the reference."""
    still = replace(problem(gauge=("u",)), domain=BOX)
    exact = np.arange(12.0).reshape(3, 4)
    found = exact + np.array([5.0, -1.0, 2.0, 0.5])  # a constant for each time
    assert np.allclose(in_gauge(still, "u", found, exact), exact)
    exact[0, 0] = np.nan
    shifted = in_gauge(still, "u", found, exact)
    assert np.allclose(shifted[1:], exact[1:])


def solved(**changes: Any) -> Solution:
    network = Given(lambda x, t: (x * x * t, x + 3 * t * t))
    return Solution(problem(**changes), TrialSolution(nn.Sequential(network)), Settings())


@pytest.mark.parametrize(
    ("place", "periodic", "outside"),
    [
        ((3.5, 0.5), (), True),
        ((3.5, 0.5), ("x",), False),
        ((-4.5, 0.5), ("x",), False),
        ((2.0, 1.1), ("x",), True),
        ((2.0, -0.1), ("x",), True),
        ((3.0 + 1e-7, 1.0 + 1e-8), (), False),
        ((1.0 - 1e-7, -1e-8), (), False),
        ((3.001, 0.5), (), True),
    ],
)
def test_places_outside_are_said_and_turns_of_a_ring_are_not(
    place: tuple[float, float], periodic: tuple[str, ...], outside: bool
) -> None:
    """Kills: a period of another coordinate, a remainder from 0, no slack for single precision."""
    points = torch.tensor([place, (2.0, 0.5)], dtype=torch.float64)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        solved(periodic=periodic)(points)
    assert [str(w.message)[:34] for w in said] == ["mine: 1 of 2 points lie outside of"] * outside


def test_quantities_hold_derivatives_and_do_not_depend_on_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """u_x + v_tt = 2 x t + 6 in blocks. Kills: a block left out or twice, a field exchanged."""
    form = {"q": u.diff(x) + v.diff(t, 2), "r": v}
    found = solved(quantities=form)
    points = torch.rand(23, 2, generator=torch.Generator().manual_seed(0)).double()
    points = points * torch.tensor([2.0, 1.0]) + torch.tensor([1.0, 0.0])
    whole = found(points)
    assert torch.allclose(whole["q"], 2 * points[:, 0] * points[:, 1] + 6, atol=1e-12)
    assert torch.allclose(whole["r"], points[:, 0] + 3 * points[:, 1] ** 2, atol=1e-12)
    monkeypatch.setattr(solution_module, "BLOCK", 7)
    parts = found(points)
    assert {*parts} == {"q", "r"}
    for name in parts:
        assert torch.equal(parts[name], whole[name])


def test_the_use_of_attention_is_relative_to_the_whole() -> None:
    """Kills: the change over that of the cut network, points of another domain."""
    one = replace(problem(), fields=(u,), equations=(sympy.Eq(u.diff(x), 0),))
    torch.manual_seed(0)
    network = PhysicsFormer(2, 1, PhysicsFormer.Sizes(steps=3)).double()
    trial = TrialSolution(network)
    use = attention_use(Solution(one, trial, Settings()), points=500)
    assert use is not None
    points = UniformSobol(BOX, seed=0).draw(500).points
    with torch.no_grad():
        whole: Tensor = network(points)
        cut: Tensor = network.with_steps(1)(points)
    assert use.cut_to_one == pytest.approx(float((cut - whole).norm() / whole.norm()), rel=1e-12)
    assert all(0 < entropy <= 1 for entropy in use.entropy.values())


def test_quantities_that_no_solution_has_are_refused_at_once() -> None:
    """Kills: a quantity that is first looked at when a solution is asked for it."""
    other = sympy.Function("w")(x, t)
    for form in (other.diff(x), u + sympy.Symbol("k")):
        with pytest.raises(UsageError, match="mine"):
            problem(quantities={"q": form})
