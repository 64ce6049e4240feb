"""Problems as mathematics, and the problems the package brings."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import sympy
import torch

from pinn.geometry.box import Box
from pinn.problem.expressions import FieldDerivative
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.problem.registry import find_problem, parameters_of
from pinn.problems.burgers import burgers
from sciformer.errors import DataError, DomainError, UnknownNameError, UsageError

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
EQUATION = sympy.Eq(u.diff(t), u.diff(x, 2))


def test_burgers_is_burgers() -> None:
    """Kills: a lost factor or sign in the equation, by distinct primes."""
    problem = burgers(viscosity=0.25)
    values = {"1": 2.0, "t": 3.0, "x": 5.0, "xx": 7.0}

    def unknown(key: FieldDerivative) -> torch.Tensor:
        return torch.tensor(values[key.operator], dtype=torch.float64)

    (residual,) = problem.residual([torch.zeros(())] * 2, unknown, problem.parameter_values)
    assert float(residual) == 3 + 2 * 5 - 0.25 * 7


@pytest.mark.parametrize("viscosity", [0.0, -0.1, math.nan])
def test_viscosity_must_be_positive(viscosity: float) -> None:
    with pytest.raises(DomainError, match="burgers: viscosity must be > 0"):
        burgers(viscosity)


def test_conditions_hold_for_the_reference() -> None:
    problem = burgers()
    assert problem.reference is not None
    for condition in problem.conditions:
        face = problem.domain.part(condition.on)
        points = np.array([[0.3, 0.6], [-0.7, 0.2]])
        points[:, face.axis] = face.value
        values = problem.reference(points)["u"]
        expected = -np.sin(np.pi * points[:, 0]) if face.coordinate == "t" else np.zeros(2)
        assert np.abs(values - expected).max() < 1e-12


def test_latex_shows_equation_and_conditions() -> None:
    text = burgers().latex()
    assert r"\frac{\partial^{2}}{\partial x^{2}}" in text
    assert "(t=0)" in text


def test_names_of_domain_and_problem_must_agree() -> None:
    with pytest.raises(DomainError, match="the domain has coordinates"):
        Problem("heat", (x, t), (u,), (EQUATION,), Box(t=(0, 1), x=(0, 1)))


def test_a_condition_on_no_boundary_is_refused() -> None:
    condition = Condition(sympy.Eq(u, 0), on="x=2")
    with pytest.raises(DomainError, match="no boundary part 'x=2'"):
        Problem("heat", (x, t), (u,), (EQUATION,), Box(x=(0, 1), t=(0, 1)), (condition,))


def test_a_problem_without_equations_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one equation"):
        Problem("heat", (x, t), (u,), (), Box(x=(0, 1), t=(0, 1)))


def test_registered_problems_take_their_parameters() -> None:
    assert parameters_of("burgers") == {"viscosity": 0.01 / math.pi}
    assert find_problem("burgers", {"viscosity": 0.5}).parameter_values == {"nu": 0.5}


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown problem 'burger'.*Did you mean 'burgers'"):
        find_problem("burger")
    with pytest.raises(UnknownNameError, match=r"unknown parameter 'viscosty'.*'viscosity'"):
        find_problem("burgers", {"viscosty": 1.0})


FILE = """
import sympy
from pinn import Box, Condition, Problem

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
heat = Problem(
    name="heat",
    coordinates=(x, t),
    fields=(u,),
    equations=(sympy.Eq(u.diff(t), u.diff(x, 2) / 7),),
    domain=Box(x=(0, 1), t=(0, 1)),
    conditions=(Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=0"),),
)
"""


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "my_pde.py"
    path.write_text(FILE)
    assert find_problem(str(path)).name == "heat"
    assert find_problem(f"{path}:heat").field_names == ("u",)
    with pytest.raises(UnknownNameError, match=r"unknown problem 'hat'.*'heat'"):
        find_problem(f"{path}:hat")


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        ("a = 1", UsageError, "needs exactly one Problem, it holds none"),
        (FILE + "\nother = heat", UsageError, r"holds 2 \(heat, other\)"),
        ("1 / 0", DataError, "fails with ZeroDivisionError"),
    ],
)
def test_a_file_that_is_no_problem(
    tmp_path: Path, content: str, error: type[Exception], sentence: str
) -> None:
    path = tmp_path / "my_pde.py"
    path.write_text(content)
    with pytest.raises(error, match=sentence):
        find_problem(str(path))
    with pytest.raises(DataError, match="no Python file"):
        find_problem(str(tmp_path / "none.py"))
