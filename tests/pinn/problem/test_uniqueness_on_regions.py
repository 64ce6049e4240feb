"""Linear boundary value problems with many solutions or none, on discs and other regions."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

from pinn import Box, Condition, Disc, Polygon, Problem, normal
from pinn.geometry.base import Domain
from pinn.problem.uniqueness import check_uniqueness
from pinn.problem.wellposed import check_conditions
from sciformer.errors import UsageError

x, y, z, t = sympy.symbols("x y z t")
field = sympy.Function("u")(x, y)
DISC = Disc(1, x=0, y=0)
ACROSS = normal(x) * field.diff(x) + normal(y) * field.diff(y)
# Zeros of the Bessel functions J0 and J1'.
FIRST, SLOPE = 2.404825557695773, 1.841183781340659
L_SHAPE = Polygon([(0, 0), (1, 0), (1, 0.5), (0.5, 0.5), (0.5, 1), (0, 1)])
HOLES = (
    Box(x=(-1, 1), y=(-1, 1)) - Disc(0.2, x=-0.5, y=0, name="a") - Disc(0.2, x=0.5, y=0, name="b")
)
SIDES = ("x=-1", "x=1", "y=-1", "y=1")


def laplace(form: Any) -> Any:
    return form.diff(x, 2) + form.diff(y, 2)


def on(domain: Domain, equation: Any, *given: tuple[Any, str], **more: Any) -> Problem:
    conditions = [Condition(form, on=name) for form, name in given]
    return Problem("mine", (x, y), field, equation, domain, conditions, **more)


def helmholtz(root: float, domain: Domain = DISC, form: Any = field, name: str = "") -> Problem:
    equation = laplace(field) + root**2 * field - 1
    return on(domain, equation, (form, name or domain.parts()[0].name))


MANY = {
    "values on a disc": helmholtz(FIRST),
    "slopes on a disc": helmholtz(SLOPE, form=ACROSS),
    "a small disc far away": helmholtz(FIRST * 1e6, Disc(1e-6, x=2e-6, y=1)),
    "a triangle": helmholtz(5**0.5 * float(sympy.pi), Polygon([(0, 0), (1, 0), (1, 1)])),
    "an L": helmholtz(8**0.5 * float(sympy.pi), L_SHAPE),
    "one condition on a plate": on(DISC, laplace(laplace(field)) - 1, (field, "circle")),
    "a closed circulation": on(DISC, x * field.diff(y) - y * field.diff(x) - x, (field, "circle")),
}


@pytest.mark.parametrize("problem", MANY.values(), ids=MANY)
def test_a_resonance_is_refused(problem: Problem) -> None:
    """J0, J1 cos, sin sin, biharmonic functions and functions of the radius may be added.

    Kills: functions that are large outside of the region alone, normals that are not those of the
    part, only boxes looked at.
    """
    with pytest.raises(UsageError, match=r"^mine: .* many solutions or none"):
        check_uniqueness(problem)


ONE = {
    "near a resonance": helmholtz(2.41),
    "beyond the first": helmholtz(3.0),
    "a disc": on(DISC, laplace(field) - 1, (field, "circle")),
    "a clamped plate": on(DISC, laplace(laplace(field)) - 1, (field, "circle"), (ACROSS, "circle")),
    "an L": on(L_SHAPE, laplace(field) - 1, (field, "polygon")),
    "two holes": on(
        HOLES, laplace(field), *((field, s) for s in SIDES), (field - 1, "a"), (field + 1, "b")
    ),
    "a steep layer": on(DISC, laplace(field) - 10**6 * field - 1, (field, "circle")),
}


@pytest.mark.parametrize("problem", ONE.values(), ids=ONE)
def test_what_has_one_solution_is_left_alone(problem: Problem) -> None:
    check_conditions(problem)


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (on(HOLES, laplace(field), *((field, s) for s in SIDES), (field - 1, "a")), "b"),
        (on(L_SHAPE, laplace(field) - 1, *((field, f"polygon:{n}") for n in (0, 1, 2, 4, 5))),
         "polygon:3"),
        (on(Disc(2, x=0, y=0) - DISC, laplace(field), (field, "circle 1")), "circle 2"),
    ],
)  # fmt: skip
def test_a_part_without_a_condition_is_named(problem: Problem, name: str) -> None:
    """Kills: one condition anywhere on the boundary taken for all of it."""
    with pytest.raises(UsageError, match=f"has no condition on {name};"):
        check_conditions(problem)


def test_an_axis_of_polar_coordinates_asks_for_nothing() -> None:
    """Kills: a value at r = 1 alone, seen as the start of a diffusion that runs backwards."""
    r, angle = sympy.symbols("r theta")
    f = sympy.Function("f")(r, angle)
    equation = f.diff(r, 2) + f.diff(r) / r + f.diff(angle, 2) / r**2 + 4
    box = Box(r=(0, 1), theta=(0, 2 * sympy.pi))
    given = Condition(f, on="r=1")
    check_conditions(Problem("mine", (r, angle), f, equation, box, given, periodic=("theta",)))


@pytest.mark.slow
def test_a_cylinder_is_looked_at_in_space() -> None:
    """J0(2.4 r) sin(pi z). Kills: regions of the plane alone."""
    f = sympy.Function("u")(x, y, z)
    square = FIRST**2 + sympy.pi**2
    equation = sum(f.diff(c, 2) for c in (x, y, z)) + square * f - 1
    conditions = [Condition(f, on=name) for name in ("circle", "z=0", "z=1")]
    problem = Problem("mine", (x, y, z), f, equation, DISC * Box(z=(0, 1)), conditions)
    with pytest.raises(UsageError, match=r"many solutions or none"):
        check_uniqueness(problem)
