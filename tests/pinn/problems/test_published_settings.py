"""Problems of the literature are those of the papers they are named after, number by number."""

from __future__ import annotations

import math
from typing import Any

import pytest
import sympy

from pinn.problem.reading import difference
from pinn.problem.registry import find_problem

x, y, t = sympy.symbols("x y t")
u = sympy.Function("u")(x, t)
w = sympy.Function("u")(x, y)
pi, sin, cos = sympy.pi, sympy.sin, sympy.cos
TURN = 2 * math.pi

# Parameters, domain, equation and what is given at the start, or in the domain.
PUBLISHED: dict[str, tuple[dict[str, float], dict[str, Any], Any, dict[str, Any], tuple[str, ...]]]
PUBLISHED = {
    # Raissi, Perdikaris, Karniadakis 2019
    "burgers": (
        {"nu": 0.01 / math.pi}, {"x": (-1, 1), "t": (0, 1)},
        u.diff(t) + u * u.diff(x) - 0.01 / math.pi * u.diff(x, 2),
        {"t=0": u + sin(pi * x), "x=-1": u, "x=1": u}, (),
    ),
    # The same
    "allen-cahn": (
        {"a": 1e-4, "r": 5.0}, {"x": (-1, 1), "t": (0, 1)},
        u.diff(t) - 0.0001 * u.diff(x, 2) + 5 * u**3 - 5 * u,
        {"t=0": u - x**2 * cos(pi * x)}, ("x",),
    ),
    # The same: the equation of Korteweg and de Vries
    "kdv": (
        {"lambda_1": 1.0, "lambda_2": 0.0025}, {"x": (-1, 1), "t": (0, 1)},
        u.diff(t) + u * u.diff(x) + 0.0025 * u.diff(x, 3),
        {"t=0": u - cos(pi * x)}, ("x",),
    ),
    # Krishnapriyan et al. 2021
    "convection": (
        {"beta": 30.0}, {"x": (0, TURN), "t": (0, 1)},
        u.diff(t) + 30 * u.diff(x), {"t=0": u - sin(x)}, ("x",),
    ),
    "reaction": (
        {"rho": 5.0}, {"x": (0, TURN), "t": (0, 1)},
        u.diff(t) - 5 * u * (1 - u),
        {"t=0": u - sympy.exp(-((x - pi) ** 2) / (2 * (pi / 4) ** 2))}, (),
    ),
    # After Wang, Yu, Perdikaris 2022, with 3 pi for their 4 pi
    "wave": (
        {"c2": 4.0}, {"x": (0, 1), "t": (0, 1)},
        u.diff(t, 2) - 4 * u.diff(x, 2),
        {"t=0": u - sin(pi * x) - sin(3 * pi * x) / 2, "x=0": u, "x=1": u}, (),
    ),
    # Wang, Teng, Perdikaris 2021
    "helmholtz": (
        {"k": 1.0}, {"x": (-1, 1), "y": (-1, 1)},
        w.diff(x, 2) + w.diff(y, 2) + w - (1 - 17 * pi**2) * sin(pi * x) * sin(4 * pi * y),
        {"x=-1": w, "x=1": w, "y=-1": w, "y=1": w}, (),
    ),
}  # fmt: skip


def is_zero(form: Any) -> bool:
    """Whether a form vanishes at random places, for a field that nothing satisfies by chance."""
    field = sympy.exp(sympy.Rational(3, 7) * x) * sin(2 * y + t / 3 + 1) + t**2 * x + y
    symbol = w if form.has(w) else u
    number = form.subs(symbol, field).doit().subs({x: 0.37, y: 0.61, t: 0.23})
    return bool(abs(float(number)) < 1e-9)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_problem_is_the_one_of_its_paper(name: str) -> None:
    """Kills: a sign, a coefficient, an interval or a start that is not the published one."""
    parameters, intervals, equation, given, periodic = PUBLISHED[name]
    problem = find_problem(name)
    assert problem.parameter_values == pytest.approx(parameters)
    assert {*problem.domain.intervals} == {*intervals}
    for coordinate, ends in intervals.items():
        assert problem.domain.intervals[coordinate] == pytest.approx(ends)
    assert tuple(problem.periodic) == periodic
    values = {symbol: problem.parameter_values[str(symbol)] for symbol in problem.symbols}
    [found] = problem.equations
    assert is_zero(difference(found).subs(values) - equation)
    values_at = {
        c.on: difference(c.equation)
        for c in problem.conditions
        if not c.equation.has(sympy.Derivative)
    }
    assert {*values_at} == {*given}
    for part, form in given.items():
        assert is_zero(values_at[part].subs(values) - form)
