"""The same problem in other units is the same problem: sizes, iterates, errors."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import Any

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pinn
from pinn.geometry.box import Box
from pinn.names import find
from pinn.networks import MLP
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.problem.scales import Scales
from pinn.problem.wellposed import check_conditions
from pinn.settings import Settings
from pinn.training.trainer import Limits
from sciformer.errors import DataError

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)
powers = st.integers(-12, 12)


def heat(length: int, duration: int, amplitude: int, **changes: Any) -> Problem:
    """Diffusion with a convective end, in units of these powers of ten."""
    unit, second, kelvin = (sympy.Rational(10) ** p for p in (length, duration, amplitude))
    diffusivity = sympy.Rational(1, 10) * unit**2 / second
    start = kelvin * (sympy.sin(sympy.pi * x / unit) + x / unit)
    flux = 3 * (kelvin - u) * (1 + t / second)
    given_conditions = (
        Condition(sympy.Eq(u, start), on="t=0"),
        Condition(sympy.Eq(u, 0), on="x=0"),
        Condition(sympy.Eq(unit * u.diff(x), flux), on=f"x={float(unit)}"),
    )
    whole = {
        "name": "heat",
        "coordinates": (x, t),
        "fields": (u,),
        "equations": (sympy.Eq(u.diff(t), diffusivity * u.diff(x, 2)),),
        "domain": Box(x=(0, unit), t=(0, second)),
        "conditions": given_conditions,
    }
    return Problem(**{**whole, **changes})


def iterates(problem: Problem, conditions: str) -> torch.Tensor:
    chosen = Settings(
        network=MLP.Sizes(width=6, layers=2),
        points=0.2,
        conditions=find("conditions", conditions),
        digits=None,
    )
    solved = pinn.solve(problem, chosen, Limits(iterations=4), progress=False)
    return torch.cat([p.detach().reshape(-1) for p in solved.solution.trial.parameters()])


@cache
def _plain(conditions: str) -> torch.Tensor:
    return iterates(heat(0, 0, 0), conditions)


@pytest.mark.parametrize("conditions", ["auto", "soft"])
@settings(max_examples=2)
@given(length=powers, duration=powers, amplitude=powers)
def test_units_change_nothing_but_rounding(
    conditions: str, length: int, duration: int, amplitude: int
) -> None:
    """Four steps of Levenberg-Marquardt with a term in the loss.

    Kills: any absolute tolerance or size in ansatz, residuals, samplers or checks.
    """
    plain = _plain(conditions)
    other = iterates(heat(length, duration, amplitude), conditions)
    assert float((plain - other).norm() / plain.norm()) < 1e-6


@given(length=powers, duration=powers, amplitude=powers)
@settings(max_examples=10)
def test_sizes_have_the_units_of_what_they_measure(
    length: int, duration: int, amplitude: int
) -> None:
    plain, other = Scales(heat(0, 0, 0)), Scales(heat(length, duration, amplitude))
    kelvin, second = 10.0**amplitude, 10.0**duration
    assert other.fields[u] == pytest.approx(kelvin * plain.fields[u], rel=1e-9)
    rate = kelvin / second
    assert other.equations[0] == pytest.approx(rate * plain.equations[0], rel=1e-9)
    ends = zip(heat(0, 0, 0).conditions, heat(length, duration, amplitude).conditions, strict=True)
    for one, same in ends:
        assert other.condition(same) == pytest.approx(kelvin * plain.condition(one), rel=1e-9)


def test_checks_of_a_problem_find_its_scales_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long known functions take a second to compile, and checks compare conditions part by part.

    Kills: scales found anew for every part, or kept for a problem that was made from another.
    """
    found: list[Problem] = []
    plain = Scales.__init__

    def counted(self: Scales, problem: Problem) -> None:
        found.append(problem)
        plain(self, problem)

    monkeypatch.setattr(Scales, "__init__", counted)
    problem = heat(0, 0, 0)
    check_conditions(problem)
    assert found == [problem]
    hotter = dataclasses.replace(problem, conditions=heat(0, 0, 1).conditions)
    ratio = Scales.of(hotter).fields[u] / Scales.of(problem).fields[u]
    assert ratio == pytest.approx(10)


def test_a_field_without_values_balances_what_is_known() -> None:
    """Robertson's kinetics: b' = k1 a - k2 b^2 - k3 b c, b about sqrt(k1 / k2).

    Kills: size 1 for every field, the largest balance instead of the first.
    """
    a, b, c = (sympy.Function(name)(t) for name in "abc")
    k1, k2, k3 = sympy.Rational(4, 100), 30000000, 10000
    made = Problem(
        "robertson",
        (t,),
        (a, b, c),
        (
            sympy.Eq(a.diff(t), -k1 * a + k3 * b * c),
            sympy.Eq(b.diff(t), k1 * a - k2 * b**2 - k3 * b * c),
            sympy.Eq(c.diff(t), k2 * b**2),
        ),
        Box(t=(0, 1000)),
        tuple(Condition(sympy.Eq(f, v), on="t=0") for f, v in ((a, 1), (b, 0), (c, 0))),
    )
    sizes = Scales(made).fields
    assert sizes[a] == 1
    assert sizes[b] == pytest.approx(math.sqrt(0.04 / 3e7), rel=1e-6)
    assert 0.05 < sizes[c] < 2


def test_a_state_changes_by_what_it_is_made_of() -> None:
    """b' = -k b over a short window changes b by k b times the window, whatever feeds it.

    Kills: the size of a source that has decayed, by which a network cannot move b at all.
    """
    a, b = (sympy.Function(name)(t) for name in "ab")
    made = Problem(
        "kinetics",
        (t,),
        (a, b),
        (sympy.Eq(a.diff(t), -100 * a), sympy.Eq(b.diff(t), 100 * a - b / 2)),
        Box(t=(0, sympy.Rational(1, 8))),
        tuple(Condition(sympy.Eq(f, v), on="t=0") for f, v in ((a, 1e-18), (b, 3))),
    )
    sizes = Scales(made).fields
    assert sizes[a] == pytest.approx(1e-18)
    assert sizes[b] == pytest.approx(3 / 16)


def test_a_source_sets_the_size_by_its_own_wavelength() -> None:
    """Kills: the extent of the domain as the length of everything."""
    w = sympy.Function("w")(x)
    source = 7 * sympy.sin(4 * sympy.pi * x)
    ends = tuple(Condition(sympy.Eq(w, 0), on=f"x={end}") for end in (0, 1))
    made = Problem("poisson", (x,), (w,), (sympy.Eq(w.diff(x, 2), source),), Box(x=(0, 1)), ends)
    assert Scales(made).fields[w] == pytest.approx(7 / (4 * math.pi) ** 2, rel=0.1)


@pytest.mark.parametrize("power", [-11, -6, 8])
def test_a_closed_form_is_checked_in_its_own_size(power: int) -> None:
    """Kills: a tolerance of 1e-9 for fields of 1e-11, and none for the rounding of 1e8 sin pi."""
    size = sympy.Rational(10) ** power
    exact = size * sympy.exp(-(sympy.pi**2) * t / 10) * sympy.sin(sympy.pi * x)
    conditions = (
        Condition(sympy.Eq(u, exact.subs(t, 0)), on="t=0"),
        *(Condition(sympy.Eq(u, 0), on=f"x={end}") for end in (0, 1)),
    )
    heat(0, 0, 0, conditions=conditions, exact={u: exact})
    with pytest.raises(DataError, match="does not satisfy the equation"):
        heat(0, 0, 0, conditions=conditions, exact={u: exact + size * x * t / 1000})


def test_coefficients_beyond_64_bits_are_numbers() -> None:
    """Kills: whole numbers of 1e19 and more that are handed to torch as they are."""
    assert Scales(heat(-10, -9, 9)).fields[u] == pytest.approx(
        1e9 * Scales(heat(0, 0, 0)).fields[u]
    )


def steep_rod(rate: float, scale: float = 1.0) -> Problem:
    given_conditions = (
        Condition(sympy.Eq(u, sympy.exp(-rate / scale * x)), on="t=0"),
        Condition(sympy.Eq(u, 1), on="x=0"),
        Condition(sympy.Eq(u, sympy.exp(-rate)), on=f"x={scale}"),
    )
    equation = u.diff(t) - scale**2 * u.diff(x, 2) / 10
    return Problem("rod", (x, t), u, equation, Box(x=(0, scale), t=(0, 1)), given_conditions)


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_known_functions_that_are_too_steep_are_known(scale: float) -> None:
    """exp(-1000 x) is steeper than a network resolves, exp(-20 x) is not.

    Kills: a length in other units, a limit that moves with what was seen before.
    """
    assert Scales(steep_rod(20, scale)).steep == {}
    assert Scales(steep_rod(1000, scale)).steep == {x: pytest.approx(1e-3 * scale)}


@pytest.mark.slow
def test_a_training_that_fails_on_a_steep_start_says_so() -> None:
    solved = pinn.solve(
        steep_rod(1000), network=MLP.Sizes(width=8), iterations=2, digits=None, progress=False
    )
    assert not solved.verdict.converged
    assert "varies over 0.001 in x" in str(solved.verdict)


def test_a_field_of_which_only_slopes_are_given_has_the_size_of_its_source() -> None:
    """u'' - 3 u = a sin, insulated: a millionth of the source, a millionth of every size.

    Kills: a size of 1 for the value of a field that no condition gives.
    """
    w = sympy.Function("w")(x)

    def made(size: float) -> Scales:
        source = sympy.Float(size) * sympy.sin(4 * sympy.pi * x)
        ends = tuple(Condition(sympy.Eq(w.diff(x), 0), on=f"x={end}") for end in (0, 1))
        equation = sympy.Eq(w.diff(x, 2) - 3 * w, source)
        return Scales(Problem("insulated", (x,), (w,), (equation,), Box(x=(0, 1)), ends))

    one, small = made(1.0), made(1e-6)
    assert small.fields[w] == pytest.approx(1e-6 * one.fields[w], rel=1e-9)
    assert small.equations[0] == pytest.approx(1e-6 * one.equations[0], rel=1e-9)
