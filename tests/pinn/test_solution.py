"""Errors of fields alone and together, and of fields that are known up to a constant."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
import torch
from torch import nn

from pinn.accuracy import in_gauge
from pinn.geometry.box import Box
from pinn.geometry.shapes import Disc
from pinn.problem.problem import Problem
from pinn.problem.registry import find_problem
from pinn.settings import Settings
from pinn.solution import Solution
from pinn.solved import AttentionUse
from pinn.trial.trial_solution import TrialSolution

x, y, t = sympy.symbols("x y t")


class Shifted(nn.Module):
    """The exact fields u = x t, p = x + 3 t with errors: u is off by 3 %, p by a function of t."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        x, t = points.unbind(-1)
        return torch.stack([1.03 * x * t, x + 3 * t + 7 + torch.sin(5 * t)], dim=-1)


@pytest.mark.parametrize("gauge", [(), ("p",)])
def test_a_pressure_is_compared_up_to_a_function_of_time(gauge: tuple[str, ...]) -> None:
    """Kills: one mean for all times, a mean taken from every field."""
    u, p = (sympy.Function(name)(x, t) for name in "up")
    problem = Problem(
        name="mine",
        coordinates=(x, t),
        fields=(u, p),
        equations=(sympy.Eq(u.diff(x), t), sympy.Eq(p.diff(x), 1)),
        domain=Box(x=(-1, 2), t=(0, 1)),
        gauge=gauge,
        exact={u: x * t, p: x + 3 * t},
    )
    solution = Solution(problem, TrialSolution(nn.Sequential(Shifted())), Settings())
    errors = solution.errors()
    assert errors.relative_l2_by_field["u"] == pytest.approx(0.03, rel=1e-12)
    if gauge:
        assert errors.relative_l2_by_field["p"] < 1e-14
        assert errors.max_error == pytest.approx(0.06, rel=1e-12)
    else:
        assert errors.relative_l2_by_field["p"] > 1


def test_outside_a_domain_there_is_nothing() -> None:
    w = sympy.Function("w")(x, y)
    problem = Problem(
        name="mine",
        coordinates=(x, y),
        fields=(w,),
        equations=(sympy.Eq(w.diff(x), 1),),
        domain=Box(x=(-1, 1), y=(-1, 1)) - Disc(0.5, x=0, y=0),
        exact={w: x},
    )

    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(1, dtype=torch.float64))

        def forward(self, points: torch.Tensor) -> torch.Tensor:
            return points[:, :1] + 0.01

    solution = Solution(problem, TrialSolution(nn.Sequential(Constant())), Settings())
    axes, fields = solution.on_grid(1000)
    radius = np.hypot(*np.meshgrid(*axes.values(), indexing="ij"))
    assert np.array_equal(np.isnan(fields["w"]), radius < 0.5 * (1 - 1e-9))
    assert solution.errors().max_error == pytest.approx(0.01)
    assert len(solution.plot().axes) >= 4


def test_the_picture_of_a_pressure_does_not_show_its_free_constant() -> None:
    """Kills: a pressure compared without its gauge, or means taken over time as well."""
    problem = find_problem("taylor-green")
    found = np.arange(24.0).reshape(2, 3, 4)  # x, y, t
    exact = found + np.array([5.0, -1.0, 2.0, 0.0])
    assert np.allclose(in_gauge(problem, "p", found, exact), exact)
    assert in_gauge(problem, "u", found, exact) is found


def test_use_of_attention_prints_a_line_for_each_measure() -> None:
    """Kills: the repr of a dataclass where a reader prints it; digits that mean nothing."""
    use = AttentionUse({"encoder.0.mixer": 0.95645047}, cut_to_one=0.21858)
    assert str(use) == (
        "entropy / log k of encoder.0.mixer: 0.956\ncut to one token, the solution changes by 21.9%"
    )
