"""Conditions on curved parts and polygons: too many, and against each other."""

from __future__ import annotations

from typing import Any

import pytest
import sympy

import pinn
from pinn import Condition, Problem
from pinn.problem.wellposed import check_conditions
from sciformer.errors import UsageError

x = sympy.Symbol("x")
Y = sympy.Symbol("y")
P = sympy.Function("p")(x, Y)
LAPLACE = P.diff(x, 2) + P.diff(Y, 2)
BILAPLACE = P.diff(x, 4) + 2 * P.diff(x, 2, Y, 2) + P.diff(Y, 4)
CUT = pinn.Polygon([(0, 0), (1, 0), (1, 0.5), (0.5, 0.5), (0.5, 1), (0, 1)])
NORMAL = pinn.normal(x) * P.diff(x) + pinn.normal(Y) * P.diff(Y)
DISC, RING = pinn.Disc(1, x=0, y=0), pinn.Disc(2, x=0, y=0) - pinn.Disc(1, x=0, y=0, name="hole")


def rimmed(equation: Any, *given: tuple[Any, str], domain: Any = DISC, **more: Any) -> Problem:
    conditions = [Condition(form, on=name) for form, name in given]
    return Problem("mine", (x, Y), P, equation, domain, conditions, **more)


@pytest.mark.parametrize(
    "made",
    [
        rimmed(LAPLACE, (P - 1, "circle"), (NORMAL - 3, "circle")),
        rimmed(LAPLACE, (P - x, "circle"), (NORMAL - pinn.normal(x), "circle")),
        rimmed(LAPLACE, (P, "circle"), (P - 1, "hole"), (NORMAL - 2, "hole"), domain=RING),
        rimmed(BILAPLACE - 1, (P, "circle"), (NORMAL, "circle"), (LAPLACE, "circle")),
        rimmed(LAPLACE, (P - x, "polygon"), (P.diff(x) - 1, "polygon:0"), domain=CUT),
    ],
)
def test_more_than_half_the_order_on_a_rim_is_too_many(made: Problem) -> None:
    """Kills: a count on faces of boxes only; conditions of a whole line not counted on an edge."""
    with pytest.raises(UsageError, match=r"of order [24] and has [23] conditions on "):
        check_conditions(made)


def test_on_a_rim_as_many_as_decide_are_fine() -> None:
    """Kills: the whole order allowed or asked for on one part; a copy counted; a closed form
    refused."""
    check_conditions(rimmed(BILAPLACE - 1, (P, "circle"), (NORMAL, "circle")))
    check_conditions(rimmed(LAPLACE, (P, "circle"), (NORMAL - 2, "hole"), domain=RING))
    check_conditions(rimmed(LAPLACE, (P - x, "polygon"), (2 * P - 2 * x, "polygon:0"), domain=CUT))
    slope = (NORMAL - pinn.normal(x), "circle")
    check_conditions(rimmed(LAPLACE, (P - x, "circle"), slope, exact={P: x}))


def test_values_on_a_line_and_on_an_edge_of_it_contradict_each_other() -> None:
    """Kills: conditions compared only where they are given on the very same part."""
    with pytest.raises(UsageError, match=r"on polygon:2 contradict each other by up to 1"):
        check_conditions(rimmed(LAPLACE, (P, "polygon"), (P - 1, "polygon:2"), domain=CUT))
