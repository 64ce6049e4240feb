"""Kinks at interfaces: found in the equations, exact in jets, and what two materials need."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch

import pinn
from pinn.geometry.box import Box
from pinn.jets import Jet, Operators
from pinn.networks import MLP
from pinn.problem.parts import Condition, Unknown
from pinn.problem.problem import Problem
from pinn.problem.smoothness import planes
from pinn.refinement.refine import Refiner
from pinn.trial.inputs import Waves, inputs_of
from pinn.trial.interfaces import Kinks
from sciformer.errors import UsageError

x, y = sympy.symbols("x y")
SMALL: dict[str, Any] = {
    "network": MLP.Sizes(width=6, layers=2),
    "points": 0.1,
    "digits": Refiner(neurons=60, scales=(1.0,)),
}


@pytest.mark.parametrize(
    ("form", "found"),
    [
        (sympy.Piecewise((1, x < sympy.Rational(1, 3)), (2, True)), [(x, 1 / 3)]),
        (sympy.Piecewise((1, x**2 < 4), (5, True)), [(x, -2), (x, 2)]),
        (sympy.Heaviside(2 * y - 1) * x + sympy.Abs(x - 3), [(x, 3), (y, 0.5)]),
        (sympy.Max(x, 2 - x), [(x, 1)]),
        (sympy.sin(x) * y, []),
        (sympy.Piecewise((1, x < y), (2, True)), []),
        (sympy.Abs(sympy.cos(x)), []),
    ],
)
def test_planes_are_where_cases_change(form: Any, found: list[Any]) -> None:
    """Kills: one root of two, another coordinate, curved boundaries taken for planes."""
    assert [(c, float(v)) for c, v in planes(form, (x, y))] == [
        (c, pytest.approx(float(v))) for c, v in found
    ]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (1, {"1": [0.25, 1.0], "y": [-0.25, 0.25], "yy": [0.0, 0.0]}),
        (2, {"1": [-0.0625, 1.0], "y": [0.125, 0.5], "yy": [-0.125, 0.125]}),
    ],
)
def test_kinks_are_of_the_order_of_the_equation(
    order: int, expected: dict[str, list[float]]
) -> None:
    """d^(m-1) |d| with d = (y - 3) / 4, half the extent being 4, in an equation of order m in y.

    Kills: a place in units of the wrong coordinate, a slope of one side on both, a kink of the
    slope that an equation of second order does not see.
    """
    f = sympy.Function("f")(x, y)
    k = sympy.Piecewise((1, y < 3), (2, True)) + sympy.Heaviside(x - 9)  # 9 is outside
    problem = Problem(
        "layers",
        (x, y),
        (f,),
        (sympy.Eq(f.diff(x, 2) + f.diff(y, order), k),),
        Box(x=(0, 1), y=(1, 9)),
    )
    inputs = inputs_of(problem)
    assert inputs.width == 3
    points = torch.tensor([[0.5, 2.0], [0.2, 7.0]]).double()
    jet = inputs(Jet.coordinates(points, Operators(("x", "y"), ["y", "yy"])))
    assert jet.value[:, 2].tolist() == expected["1"]
    assert jet.derivative("y")[:, 2].tolist() == expected["y"]
    assert jet.derivative("yy")[:, 2].tolist() == expected["yy"]


def test_kinks_stand_behind_other_features() -> None:
    """Kills: features that are lost, distances of their columns."""
    before = Waves(0, [2.0])
    kinks = Kinks([0], [0.5], before)
    scaled = torch.tensor([[0.25]]).double()
    assert kinks.width(1) == 4
    expected = [
        0.25,
        torch.cos(torch.tensor(0.5)).item(),
        torch.sin(torch.tensor(0.5)).item(),
        0.25,
    ]
    assert kinks(scaled)[0].tolist() == pytest.approx(expected, abs=1e-7)


def test_two_materials_are_solved_in_flux_form() -> None:
    """Kills: a smooth field across an interface, which is off by 1e-3 there."""
    u, q = (sympy.Function(name)(x) for name in "uq")
    half = sympy.Rational(1, 2)
    k = sympy.Piecewise((1, x < half), (10, True))
    wall = Problem(
        "wall",
        (x,),
        (u, q),
        (sympy.Eq(q, k * u.diff(x)), sympy.Eq(q.diff(x), 0)),
        Box(x=(0, 1)),
        (Condition(sympy.Eq(u, 0), on="x=0"), Condition(sympy.Eq(u, 1), on="x=1")),
    )
    solved = pinn.solve(wall, iterations=25, **SMALL)
    found = solved.solution([[0.25], [0.5], [0.75]])["u"]
    assert found == pytest.approx([5 / 11, 10 / 11, 1 - 0.5 / 11], abs=1e-6)


def test_a_string_under_a_load_that_ends_has_no_kink() -> None:
    """-u'' = 1 on the left half: u = 3x/8 - x^2/2 and (1 - x)/8, with one slope where they meet.

    Kills: a kink of the slope, which satisfies the equation at all points but one: the answer was
    off by nine tenths, with a residual of 1e-12.
    """
    u, half = sympy.Function("u")(x), sympy.Rational(1, 2)
    string = Problem(
        "string",
        x,
        u,
        sympy.Eq(-u.diff(x, 2), sympy.Piecewise((1, x < half), (0, True))),
        Box(x=(0, 1)),
        [Condition(sympy.Eq(u, 0), on=f"x={end}") for end in (0, 1)],
    )
    found = pinn.solve(string, iterations=25, **SMALL).solution([[0.25], [0.5], [0.75]])["u"]
    assert found == pytest.approx([1 / 16, 1 / 16, 1 / 32], abs=1e-6)


def well(*more: Condition) -> Problem:
    energy, u = sympy.Symbol("E"), sympy.Function("u")(x)
    return Problem(
        "well",
        (x,),
        (u,),
        (sympy.Eq(-u.diff(x, 2) / 2, energy * u),),
        Box(x=(0, 1)),
        (*(Condition(sympy.Eq(u, 0), on=f"x={end}") for end in (0, 1)), *more),
        unknown={energy: Unknown(size=5.0, start=4.0)},
    )


def test_an_eigenvalue_is_found_with_its_function() -> None:
    """Kills: an unknown that only data can train, a normalisation that is lost."""
    slope = sympy.Function("u")(x).diff(x)
    solved = pinn.solve(
        well(Condition(sympy.Eq(slope, sympy.pi), on="x=0")), iterations=40, **SMALL
    )
    assert solved.summary()["found"]["E"] == pytest.approx(float(sympy.pi**2 / 2), rel=1e-6)
    assert solved.solution([[0.5]])["u"][0] == pytest.approx(1.0, abs=1e-5)


def test_an_eigenvalue_without_a_normalisation_is_refused() -> None:
    """Kills: u = 0 as a calm answer, whatever the unknown."""
    with pytest.raises(UsageError, match=r"= 0 satisfies all .* unknown=\{E: Unknown"):
        pinn.solve(well(), iterations=1, **SMALL)
