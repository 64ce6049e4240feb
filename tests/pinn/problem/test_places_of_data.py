"""Data at places where no equation holds are refused, and those on the boundary are not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy

import pinn
from pinn import Box, Cloud, Disc, Problem, Unknown
from pinn.problem.wellposed import check_conditions
from sciformer.errors import DataError

x, y, k = sympy.symbols("x y k")
z, u = sympy.Function("z")(x), sympy.Function("u")(x, y)
RING = Box(x=(-1, 1), y=(-1, 1)) - Disc(0.5, x=0, y=0)
CIRCLE = [[0.5 * math.cos(a), 0.5 * math.sin(a)] for a in np.linspace(0, 6, 24)]


def decay(places: list[float], low: float = 0.0, high: float = 1.0, **more: Any) -> Problem:
    points = np.array(places)[:, None]
    readings = Cloud(points, {"z": np.arange(1.0, len(points) + 1)}, name="readings")
    return Problem("mine", x, z, z.diff(x) + z, Box(x=(low, high)), data=readings, **more)


def flow(places: Any) -> Problem:
    points = np.array(places)
    cloud = Cloud(points, {"u": np.arange(1.0, len(points) + 1)})
    return Problem("mine", (x, y), u, u.diff(x, 2) + u.diff(y, 2), RING, data=cloud)


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (decay([0.2, 1.7]), "1 of 2 samples of readings .*, x from 0 to 1, the first at x = 1.7;"),
        (decay([-3e-4, 0.2, 0.3]), "1 of 3 .* the first at x = -0.0003;"),
        (decay([5e-10, 2e-9], high=1e-9), "x from 0 to 1e-09, the first at x = 2e-09"),
        (decay([2020.5, 2021.002], 2020, 2021), "x from 2020 to 2021, the first at x = 2021.002"),
        (flow([[0.7, 0.2], [0.7, -1.2]]), "y from -1 to 1, the first at y = -1.2"),
        (flow([[0.7, 0.2], [0.3, 0.1]]), "Disc.*, the first at x = 0.3, y = 0.1"),
    ],
)
def test_data_outside_are_refused_with_place_and_interval(problem: Problem, sentence: str) -> None:
    """Kills: a check behind the early return for data; one end or coordinate only; an absolute
    tolerance; the box around a region in its place."""
    with pytest.raises(DataError, match=sentence):
        check_conditions(problem)
    with pytest.raises(DataError, match="outside the domain"):
        pinn.solve(problem, iterations=1)
    assert "outside the domain" in problem.check().missing


@pytest.mark.parametrize(
    "problem",
    [
        decay([0, 1]),
        decay([0, 6.28319], high=2 * math.pi),
        decay([-1e-15, 0.1 + 0.2 + 0.7000000001]),
        decay([0, 6.28319e-9], high=2e-9 * math.pi),
        flow([[-1, 1], [1, -1], [1, 0.5]]),
        flow(CIRCLE),
        flow(np.round(CIRCLE, 6)),
    ],
)
def test_data_on_the_boundary_are_inside_with_six_digits(problem: Problem) -> None:
    """Kills: faces that do not belong to the domain, no room for rounding, or only along axes."""
    check_conditions(problem)


def test_an_identification_says_the_same() -> None:
    """Kills: a check of solves only."""
    problem = decay([0.2, 0.4, 0.6, 1.7])
    asked = pinn.Problem(
        "mine", x, z, z.diff(x) + k * z, problem.domain, data=problem.data,
        unknown={k: Unknown(1.0)},
    )  # fmt: skip
    with pytest.raises(DataError, match=r"x from 0 to 1, the first at x = 1\.7"):
        pinn.identify(asked, iterations=1)
