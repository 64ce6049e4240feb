"""Rates, eigenvalues and units of error bounds, each against numbers worked out otherwise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from pinn.assembly import build_trial
from pinn.bounds.eigenvalues import distance_to_spectrum, largest_eigenvalue
from pinn.bounds.error_bound import Norm
from pinn.bounds.normal_form import VALUE, normal_form
from pinn.bounds.rates import rate_l1, rate_l2, rate_max
from pinn.bounds.samples import Cells
from pinn.geometry.box import Box
from pinn.networks import MLP
from pinn.problem.parts import Ansatz, Condition
from pinn.problem.problem import Problem
from pinn.settings import Settings
from pinn.solution import Solution

x, t = sympy.symbols("x t")
u = sympy.Function("u")(x, t)


def of(equation: Any, **given: Any) -> Problem:
    start = Condition(sympy.Eq(u, sympy.sin(2 * sympy.pi * x)), on="t=0")
    return Problem(
        name="mine",
        coordinates=(x, t),
        fields=(u,),
        equations=(equation,),
        domain=given.pop("domain", Box(x=(0, 1), t=(0, 1))),
        conditions=given.pop("conditions", (start,)),
        periodic=("x",),
        **given,
    )


def test_an_equation_is_read_in_any_form() -> None:
    """Two different primes for each part. Kills: a sign or a factor of a part, a missing division
    by the coefficient of u_t."""
    k = sympy.Symbol("k")
    flux = 7 * u**2 / 2 - (5 + x**2) * u.diff(x)
    equation = sympy.Eq(k * u.diff(t) + flux.diff(x), 11 * u * (1 - u) + 13 * x)
    form = normal_form(of(equation, parameters={k: -3.0}))
    assert form.diffusion[x] == sympy.expand(-(5 + x**2) / 3)
    assert sympy.expand(form.drift[x] - (7 * VALUE - 2 * x) / -3) == 0
    assert sympy.expand(form.reaction - (11 * VALUE * (1 - VALUE) + 13 * x) / -3) == 0
    assert form.rate == 1
    assert form.inertia == 0


def test_rates_are_those_worked_out_by_hand() -> None:
    """u_t = ((2 + x^2) u_x)_x - ((3 + x) u)_x - 5 u u_x + 7 u - 11 u^3 at v = 2, v_x = 13, x = 1.

    L1: divergence form keeps mass, so that only 7 - 33 w^2 is left;
    L2: the same, minus half of 3 + x differentiated, minus 5 v_x / 2;
    max: 7 - 33 w^2 - 1 - 5 v_x. Kills: each of the terms.
    """
    flux = (2 + x**2) * u.diff(x) - (3 + x) * u
    right = flux.diff(x) - 5 * u * u.diff(x) + 7 * u - 11 * u**3
    form = normal_form(of(sympy.Eq(u.diff(t), right)))
    [l1, l2, largest] = rate_l1(form), rate_l2(form), rate_max(form)

    class Here:
        def __init__(self) -> None:
            self.value = np.array([[2.0]])
            self.slopes = {x: np.array([[13.0]])}

        def at(self, expression: Any, value: Any) -> Any:
            there = {x: 1, t: 0, VALUE: float(value[0, 0])}
            return np.array([[float(sympy.sympify(expression).subs(there))]])

    reaction = 7 - 33 * 4
    assert l2 is not None
    assert float(l1.within(Here(), 0.0)[0, 0]) == pytest.approx(reaction)  # type: ignore[arg-type]
    expected = reaction - 0.5 - 5 * 13 / 2
    assert float(l2.within(Here(), 0.0)[0, 0]) == pytest.approx(expected)  # type: ignore[arg-type]
    expected = reaction - 1 - 5 * 13
    assert float(largest.within(Here(), 0.0)[0, 0]) == pytest.approx(expected)  # type: ignore[arg-type]
    # Over |w - 2| <= 2 the worst is w = 0.
    assert float(l1.within(Here(), 2.0)[0, 0]) == pytest.approx(7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ends", "is_ring", "waves"),
    [
        ((True, True), False, 1.0),
        ((True, False), False, 0.5),
        ((False, False), False, 0.0),
        ((False, False), True, 0.0),
    ],
)
def test_the_largest_eigenvalue_is_that_of_a_string(
    ends: tuple[bool, bool], is_ring: bool, waves: float
) -> None:
    """a = 3 and q = 5 on a string of length 2: 5 - 3 (waves pi / 2)^2, of second order in widths.
    Kills: a wall taken for another, the ring left open."""
    gaps = []
    for count in (60, 120):
        cells = Cells.uniform(0.0, 2.0, count)
        ones = np.ones(count)
        found = largest_eigenvalue(3 * ones, 5 * ones, cells.widths, ends, is_ring=is_ring)
        gaps.append(abs(found - (5 - 3 * (waves * math.pi / 2) ** 2)))
    assert gaps[1] < 1e-2
    assert gaps[1] <= gaps[0] / 3.5 + 1e-10


def test_a_ring_with_a_well_has_the_eigenvalue_of_mathieu() -> None:
    """y'' + 2 cos(2 z) y on a ring of length pi has the top eigenvalue -a_0(1) = 0.4551386. Kills:
    the closing of the ring."""
    cells = Cells.uniform(0.0, math.pi, 200)
    growth = 2 * np.cos(2 * cells.middles)
    found = largest_eigenvalue(np.ones(200), growth, cells.widths, (False, False), is_ring=True)
    assert found == pytest.approx(0.4551386, abs=2e-4)


def test_the_spectrum_of_a_plate_is_searched_over_all_sums() -> None:
    """13 pi^2 = 2^2 + 3^2 is nearest to 12 pi^2 (from 10, 13, 17)."""
    one = [(k * math.pi) ** 2 for k in range(1, 6)]
    distance, nearest = distance_to_spectrum([one, one], 12 * math.pi**2)
    assert nearest == pytest.approx(13 * math.pi**2)
    assert distance == pytest.approx(math.pi**2)


def test_denser_cells_cover_the_interval_and_follow_the_density() -> None:
    cells = Cells.uniform(2.0, 5.0, 30)
    density = np.where(cells.middles < 3, 1.0, 0.0)
    finer = cells.denser(density, 60)
    assert finer.widths.sum() == pytest.approx(3.0)
    assert finer.low == pytest.approx(2.0)
    assert (finer.middles < 3).sum() == pytest.approx(60 * (0.5 + 0.5 / 3), abs=1)
    assert np.allclose(
        finer.middles[1:] - finer.middles[:-1], (finer.widths[1:] + finer.widths[:-1]) / 2
    )


EXACT_RATE = sympy.exp(3 * t) * sympy.sin(2 * sympy.pi * x)


def known_error(factor: Any, equation: Any) -> Solution:
    """v = factor, with a network that counts for nothing."""
    problem = of(equation, ansatz={u: Ansatz(factor, sympy.Integer(0))})
    chosen = Settings(network=MLP.Sizes(width=2, layers=1))
    return Solution(problem, build_trial(problem, chosen), chosen)


@pytest.mark.parametrize("norm", list(Norm))
def test_where_errors_grow_as_fast_as_they_can_the_bound_is_sharp(norm: Norm) -> None:
    """u_t = 3 u + s, v wrong by t e^(3 t) at every x: r = e^(3 t) grows at the rate 3 itself, so
    that the bound is the error. Kills: a rate that is too large, a residual of another scale."""
    start = sympy.sin(2 * sympy.pi * x)
    exact = start * sympy.exp(3 * t)
    wrong = exact + t * sympy.exp(3 * t) / 100
    equation = sympy.Eq(2 * u.diff(t) + 0 * u.diff(x), 6 * u)
    bound = known_error(wrong, equation).error_bound(norm)
    assert bound.bound == pytest.approx(math.exp(3) / 100, rel=0.05)
    assert bound.bound >= math.exp(3) / 100
    assert bound.growth is not None
    assert bound.times is not None
    middle = float(np.interp(0.5, bound.times, bound.growth))
    assert middle == pytest.approx(0.5 * math.exp(1.5) / 100, rel=0.1)


@settings(max_examples=6, deadline=None)
@given(length=st.integers(-12, 12), span=st.integers(-12, 12), size=st.integers(-12, 12))
def test_units_change_nothing_but_the_units(length: int, span: int, size: int) -> None:
    """Burgers with x, t and u in other units: the bound in L1 is the same times size * length.
    Kills: any absolute tolerance."""

    def bound(l: float, s: float, a: float) -> Any:
        length, span, size = (sympy.Float(v) for v in (l, s, a))
        speed, spread = length / (span * size), length**2 / span / 20
        z = 2 * sympy.pi * x / length
        offset = size * sympy.sin(z) * (1 - t / span / 3)
        problem = of(
            sympy.Eq(u.diff(t) + speed * u * u.diff(x), spread * u.diff(x, 2)),
            domain=Box(x=(0, l), t=(0, s)),
            conditions=(Condition(sympy.Eq(u, size * sympy.sin(z)), on="t=0"),),
            ansatz={u: Ansatz(offset, sympy.Integer(0))},
        )
        chosen = Settings(network=MLP.Sizes(width=2, layers=1))
        return Solution(problem, build_trial(problem, chosen), chosen).error_bound("L1")

    plain, scaled = bound(1.0, 1.0, 1.0), bound(10.0**length, 10.0**span, 10.0**size)
    assert scaled.bound == pytest.approx(plain.bound * 10.0 ** (length + size), rel=1e-6)
    assert scaled.relative == pytest.approx(plain.relative, rel=1e-6)
