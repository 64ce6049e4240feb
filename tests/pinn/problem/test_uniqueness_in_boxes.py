"""Linear boundary value problems in boxes with many solutions or none."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from pinn import Box, Condition, Problem, normal
from pinn.problem.uniqueness import check_uniqueness
from sciformer.errors import UsageError

x, y, t, k = sympy.symbols("x y t k")
PI2 = sympy.pi**2
SQUARE = Box(x=(0, 1), y=(0, 1))
SMALL = Box(x=(0, 1e-6), y=(0, 2e-6))


def helmholtz(square: Any, domain: Box = SQUARE, **more: Any) -> Problem:
    """Laplacian + k^2 with values 0, slopes 0 on the faces of `free` and periodic ends."""
    coordinates = sympy.symbols(" ".join(domain.coordinates))
    field = sympy.Function("u")(*coordinates)
    free, periodic = more.pop("free", ()), more.get("periodic", ())
    conditions = [
        Condition(field.diff(face.coordinate) if face.name in free else field, on=face.name)
        for face in domain.parts()
        if face.coordinate not in periodic
    ]
    laplace = sum(field.diff(c, 2) for c in coordinates)
    equation = laplace + square * field - coordinates[0]
    return Problem("mine", coordinates, field, equation, domain, conditions, **more)


def wave(span: float) -> Problem:
    """A string whose place at a start and an end is given."""
    field = sympy.Function("u")(x, t)
    on = [Condition(field - x * t, on=part) for part in ("x=0", "x=1", "t=0", f"t={span}")]
    equation = field.diff(t, 2) - field.diff(x, 2)
    return Problem("mine", (x, t), field, equation, Box(x=(0, 1), t=(0, span)), on)


@pytest.mark.parametrize(
    "problem",
    [
        helmholtz(5 * PI2),
        helmholtz(k**2, parameters={k: float(sympy.sqrt(2) * sympy.pi)}),
        helmholtz(104 * PI2),
        helmholtz(PI2 * 1.25e12, SMALL),
        helmholtz(PI2, free=("x=0", "x=1", "y=0", "y=1")),
        helmholtz(sympy.Rational(5, 4) * PI2, free=("x=1",)),
        helmholtz(5 * PI2, periodic=("x",)),
        pytest.param(helmholtz(3 * PI2, Box(x=(0, 1), y=(0, 1), z=(0, 1))), marks=pytest.mark.slow),
        wave(1.0),
    ],
)
def test_a_resonance_is_refused(problem: Problem) -> None:
    """sin(2 pi x) sin(pi y), sin(10 pi x) sin(2 pi y), cos(pi x), sin(pi x) sin(pi t) and others
    may be added.

    Kills: rows of another face, a slope in other units, the seam of periodic ends left open, a
    threshold in the units of the coordinates.
    """
    with pytest.raises(UsageError, match=r"^mine: .* many solutions or none"):
        check_uniqueness(problem)


@pytest.mark.parametrize(
    "problem",
    [
        helmholtz(19.74),  # 2 pi^2 is 19.7392
        helmholtz(400),
        helmholtz(-2 * PI2),
        helmholtz(1.26e12 * PI2, SMALL),
        helmholtz(2 * PI2, free=("x=1",)),
        helmholtz(3 * PI2, periodic=("x",)),
        wave(0.77),
    ],
)
def test_what_has_one_solution_is_left_alone(problem: Problem) -> None:
    """Kills: a threshold that is too loose, another sign of the term."""
    check_uniqueness(problem)


@pytest.mark.parametrize(
    ("root", "is_resonance"), [(2.028757838110434, True), (4.493409457909064, False)]
)
def test_resonance_beside_a_wall_that_loses_heat(root: float, is_resonance: bool) -> None:
    """sin(mu x) sin(pi y) has u_n + u = 0 on x = 1 where tan mu = -mu, first at 2.0288.

    Kills: normals of the wrong sign, which make it tan mu = mu, first at 4.4934; rows of the
    opposite face.
    """
    field = sympy.Function("u")(x, y)
    on = [Condition(field, on=name) for name in ("x=0", "y=0", "y=1")]
    on.append(Condition(normal(x) * field.diff(x) + normal(y) * field.diff(y) + field, on="x=1"))
    equation = field.diff(x, 2) + field.diff(y, 2) + (root**2 + PI2) * field - 1
    problem = Problem("mine", (x, y), field, equation, SQUARE, on)
    if is_resonance:
        with pytest.raises(UsageError, match=r"many solutions or none"):
            check_uniqueness(problem)
    else:
        check_uniqueness(problem)
