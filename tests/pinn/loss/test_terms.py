"""Terms: units of their rows, normals of their part, and dynamics with weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from torch import Tensor, nn

from pinn.data.cloud import Cloud
from pinn.geometry.box import Box
from pinn.geometry.shapes import Disc
from pinn.loss import terms
from pinn.loss.weighting import CausalInTime, measure
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.problem.scales import Scales
from pinn.sampling.samplers import Sample

x, y, t = sympy.symbols("x y t")
u, v = (sympy.Function(name)(x, t) for name in "uv")
PLACES = np.array([[0.25, 0.5], [0.5, 1.0], [1.0, 0.25]])
MEASURED = {"v": np.array([5.0, -40.0, 2.0]), "u": np.array([1.0, 3.0, 2.0])}


class Given(nn.Module):
    """Fields by a function of the coordinates."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.factor, self._function = nn.Parameter(torch.ones(1).double()), function

    def forward(self, points: Any) -> Any:
        return torch.stack([self.factor * f for f in self._function(*points.unbind(-1))], dim=-1)


TRIAL = Given(lambda x, t: (x * t, 7 * x + t))


def measured(cloud: Cloud, **more: Any) -> Problem:
    return Problem(
        name="mine",
        coordinates=(x, t),
        fields=(u, v),
        equations=(sympy.Eq(u.diff(x), v.diff(t)), sympy.Eq(v.diff(x), u.diff(t))),
        domain=Box(x=(0, 1), t=(0, 1)),
        data=(cloud,),
        **more,
    )


def test_exact_samples_count_in_sizes_of_their_fields() -> None:
    """Columns in the order of the cloud. Kills: the size of another field, the values' own."""
    cloud = Cloud(PLACES, MEASURED)
    problem = measured(cloud)
    sizes = Scales.of(problem).fields
    term = terms.DataTerm(TRIAL, problem, cloud, torch.zeros(1).double())
    rows = term.residual(term.points).detach().numpy()
    place, time = PLACES.T
    np.testing.assert_allclose(rows[:, 0], (7 * place + time - MEASURED["v"]) / sizes[v])
    np.testing.assert_allclose(rows[:, 1], (place * time - MEASURED["u"]) / sizes[u])
    assert sizes[u] != sizes[v]


def test_samples_of_quantities_count_in_their_largest_value() -> None:
    """Kills: a division by 0 where all are 0, a size of a field of the same name."""
    cloud = Cloud(PLACES, {"u": MEASURED["v"], "none": np.zeros(3)})
    problem = measured(cloud, quantities={"u": u.diff(x) + v, "none": v.diff(t)})
    term = terms.DataTerm(TRIAL, problem, cloud, torch.zeros(1).double())
    rows = term.residual(term.points).detach().numpy()
    place, time = PLACES.T
    np.testing.assert_allclose(rows[:, 0], (time + 7 * place + time - MEASURED["v"]) / 40)
    np.testing.assert_allclose(rows[:, 1], np.ones(3))


def test_conditions_take_the_normals_of_their_part() -> None:
    """u_n = 2 r on the circle for r^2. Kills: an inward normal, its components exchanged, a size
    that is not divided by."""
    w = sympy.Function("w")(x, y)
    n_x, n_y = sympy.symbols("n_x n_y")
    disc = Disc(1.5, x=0, y=1)
    slope = n_x * w.diff(x) + n_y * w.diff(y)
    problem = Problem(
        name="disc",
        coordinates=(x, y),
        fields=(w,),
        equations=(sympy.Eq(w.diff(x, 2) + w.diff(y, 2), 4),),
        domain=disc,
        conditions=(Condition(sympy.Eq(slope, 5), on="circle"),),
    )
    trial = Given(lambda x, y: (x * x + (y - 1) * (y - 1) + x * y,))
    [condition] = problem.conditions
    term = terms.boundary(problem, trial, condition)
    points = disc.part("circle").sample(9)
    place, height = points.unbind(-1)
    normal = torch.stack([place, height - 1], -1) / 1.5
    slopes = torch.stack([2 * place + height, 2 * (height - 1) + place], -1)
    size = Scales.of(problem).condition(condition)
    wanted = ((normal * slopes).sum(-1) - 5) / size
    torch.testing.assert_close(term.residual(points)[:, 0].detach(), wanted, rtol=1e-12, atol=0)
    inside = terms.interior(problem, trial).residual(points)
    torch.testing.assert_close(inside.detach(), torch.zeros_like(inside), rtol=0, atol=1e-12)


class Slope(nn.Module):
    """r(x) = slope * x."""

    name = "slope"

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([3.0], dtype=torch.float64))

    def residual(self, points: Tensor) -> Tensor:
        return self.slope * points


def test_dynamics_are_means_over_the_points_that_are_looked_at() -> None:
    """Of 2, 5 and 11 the first two: gradient 2 * 3 * 29 / 2, trace 29 / 2.

    Kills: a mean over all points, the last points for the first.
    """
    term, points = Slope(), torch.tensor([[2.0], [5.0], [11.0]]).double()
    found = measure(term, points, [term.slope], most=2)
    assert found.gradient_norm == pytest.approx(87.0, rel=1e-13)
    assert found.ntk_trace == pytest.approx(14.5, rel=1e-13)


def test_causal_weights_are_of_weighted_means_and_keep_the_weights() -> None:
    """Means 4 and 3 of two halves by weights 1, 3 and 2, 2: the second waits by exp(-.1 * 4).

    Kills: plain means, weights replaced by causal ones, a span that begins at 0.
    """
    times = torch.tensor([[5.0], [5.2], [5.8], [6.0]], dtype=torch.float64)
    weights = torch.tensor([1.0, 3.0, 2.0, 2.0], dtype=torch.float64)
    squares = torch.tensor([1.0, 5.0, 2.0, 4.0], dtype=torch.float64)
    found = CausalInTime(axis=0, strength=0.1, bins=2).reweight(Sample(times, weights), squares)
    late = math.exp(-0.4)
    assert found.weights.tolist() == pytest.approx([1.0, 3.0, 2 * late, 2 * late], rel=1e-12)
    assert torch.equal(found.points, times)
