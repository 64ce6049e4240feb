"""Polynomials on boxes: their products, derivatives and forms, and what is solved with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy

from pinn import Box, Condition, Problem
from pinn.problem.spectral.collocation import Collocation
from pinn.problem.spectral.form import Form
from pinn.problem.spectral.newton import _merit, _stretch, misfit, solve
from pinn.problem.spectral.null_direction import null_direction
from pinn.problem.spectral.space import Space

x, y = sympy.symbols("x y")
u = sympy.Function("u")(x)
w, v = (sympy.Function(name)(x, y) for name in "wv")
SPACE = Space([(1.0, 4.0), (-2.0, 0.0)], 5, 2)


def projected(space: Space, function: Any) -> np.ndarray:
    """Coefficients (n,) of a polynomial of the space, by the mean over its box."""
    points, roots = space.inside(space.degree + 1)
    values = function(*points.T) * roots
    rows = space.rows(points, [0] * len(space.intervals)) * roots[:, None]
    return np.asarray(rows.T @ values)


def test_polynomials_are_orthonormal_in_the_mean_over_a_box() -> None:
    """Kills: a norm over [-1, 1], weights of another sum, axes exchanged."""
    points, roots = SPACE.inside(7)
    assert points.shape == (49, 2)
    assert (roots**2).sum() == pytest.approx(1.0, rel=1e-13)
    rows = SPACE.rows(points, (0, 0)) * roots[:, None]
    np.testing.assert_allclose(rows.T @ rows, np.eye(SPACE.size), atol=1e-12)
    face, shares = SPACE.on(Box(x=(1, 4), y=(-2, 0)).part("x=4"), 7)
    assert face.shape == (7, 2)
    assert (face[:, 0] == 4.0).all()
    assert (shares**2).sum() == pytest.approx(1.0, rel=1e-13)
    assert (shares**2 * face[:, 1] ** 2).sum() == pytest.approx(4 / 3)  # the mean of y^2


@pytest.mark.parametrize("orders", [(0, 0), (1, 0), (0, 1), (2, 1), (3, 2), (4, 0), (0, 5), (7, 0)])
def test_derivatives_are_those_of_the_polynomial(orders: tuple[int, int]) -> None:
    """x^3 y^2 on a box that is not the unit one. Kills: units of one axis for the other, a power of
    half the width, the order of the axes in the products."""
    exact = sympy.lambdify((x, y), (x**3 * y**2).diff((x, orders[0]), (y, orders[1])))
    coefficients = projected(SPACE, lambda a, b: a**3 * b**2)
    points = np.random.default_rng(0).uniform((1, -2), (4, 0), (20, 2))
    found = SPACE.rows(points, orders) @ coefficients * SPACE.unit(orders)
    wanted = np.broadcast_to(exact(*points.T), 20)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-8)


def test_the_tail_is_the_share_of_the_highest_degrees() -> None:
    """Kills: a share of squares, degrees that are added up."""
    space = Space([(0.0, 1.0), (0.0, 1.0)], 16, 1)
    values = np.zeros((16, 16))
    values[3, 2] = 4.0
    assert space.tail(values.ravel()) == 0.0
    values[15, 0] = 3.0
    assert space.tail(values.ravel()) == pytest.approx(0.6)
    values[15, 0], values[8, 8] = 0.0, 3.0  # the sum of degrees is high, neither of them is
    assert space.tail(values.ravel()) == 0.0
    assert space.degrees.max() == 15
    assert space.tail(np.zeros(256)) == 0.0


def plane(equation: Any, *more: Any, **given: Any) -> Problem:
    box = Box(x=(1, 4), y=(-2, 0))
    return Problem("mine", (x, y), (w, v), (equation, *more), box, **given)


@pytest.mark.parametrize("equation", [
    w.diff(x, 2) * v + x * w**2 - v.diff(y),
    sympy.exp(v / 9) * w.diff(x, y) + sympy.Symbol("k") * w,
    sympy.Symbol("n_x") * w.diff(x) + sympy.Symbol("n_y") * v * w.diff(y) - x * y,
    w - sympy.Integral(v * x, (x, 1, 4)) * v,
])  # fmt: skip
def test_forms_are_the_equation_and_their_pieces_its_derivative(equation: Any) -> None:
    """By the formulas of w = x^2 y and v = x + y^2, and by differences in their coefficients.

    Kills: a factor of another derivative, a normal left out, a piece of the wrong field.
    """
    k = sympy.Symbol("k")
    held = {"parameters": {k: 3.0}} if equation.has(k) else {}
    condition = equation.has(sympy.Symbol("n_x"))
    problem = plane(w.diff(x) - v if condition else equation, v.diff(y) - w, **held)
    form = Form(problem, equation if condition else problem.equations[0])
    formulas = {w: x**2 * y, v: x + y**2}
    functions = [sympy.lambdify((x, y), formulas[f]) for f in (w, v)]
    state = np.stack([projected(SPACE, f) for f in functions])
    points, outward = np.array([[1.5, -0.5], [3.0, -1.75]]), np.array([[0.6, -0.8], [0.0, 1.0]])
    value, pieces = form.at(SPACE, points, outward, state)
    exact = equation.subs(formulas).doit()
    for row, (place, normal) in enumerate(zip(points, outward, strict=True)):
        at = dict(zip((x, y), place, strict=True)) | {k: 3.0}
        at |= dict(zip(sympy.symbols("n_x n_y"), normal, strict=True))
        assert value[row] == pytest.approx(float(exact.subs(at)), rel=1e-9, abs=1e-9)
    change = np.random.default_rng(1).standard_normal(state.shape)
    sides = [form.at(SPACE, points, outward, state + h * change)[0] for h in (1e-5, -1e-5)]
    slope = sum(piece.of(change) for piece in pieces)
    np.testing.assert_allclose(slope, (sides[0] - sides[1]) / 2e-5, rtol=1e-6, atol=1e-6)


def line(equation: Any, *given: tuple[Any, int], length: int = 1) -> Problem:
    conditions = [Condition(sympy.Eq(of, 0), on=f"x={end}") for of, end in given]
    return Problem("mine", (x,), (u,), (equation,), Box(x=(0, length)), conditions)


HELD = ((u, 0), (u, 1))


@pytest.mark.parametrize(("rate", "is_linear"), [(0, True), (2, False)])
def test_a_polynomial_solution_is_found_to_rounding(rate: int, is_linear: bool) -> None:
    """u'' + rate u^2 = f for u = x^2 (1 - x). Kills: a step of the wrong sign, rows that are not
    scaled back, a condition left out; a solution of a linear problem that is found twice."""
    exact = x**2 * (1 - x)
    source = exact.diff(x, 2) + rate * exact**2
    collocation = Collocation(line(u.diff(x, 2) + rate * u**2 - source, *HELD), 12)
    assert collocation.is_linear is is_linear
    found = solve(collocation, np.zeros((1, 12)))
    assert found is not None
    places = np.linspace(0, 1, 9)
    values = collocation.space.rows(places[:, None], (0,)) @ found[0]
    np.testing.assert_allclose(values, places**2 * (1 - places), atol=1e-11)
    assert misfit(collocation, found) < 1e-9
    assert misfit(collocation, found + 1e-3) > 1e-5
    if is_linear:
        assert solve(collocation, np.zeros((1, 12)), [found]) is None


def test_a_wave_that_fits_is_a_null_direction_and_no_other_is() -> None:
    """u'' + (2 pi)^2 u between held ends. Kills: a direction that is not judged by conditions, one
    of another shape."""
    resonant = Collocation(line(u.diff(x, 2) + 4 * sympy.pi**2 * u, *HELD), 24)
    found = null_direction(resonant, 1e-7)
    assert found is not None
    places = np.linspace(0, 1, 33)
    values = resonant.space.rows(places[:, None], (0,)) @ found[0]
    wave = np.sin(2 * math.pi * places)
    share = values @ wave / (wave @ wave)
    np.testing.assert_allclose(values, share * wave, atol=1e-6 * abs(share))
    assert abs(share) > 0
    assert null_direction(Collocation(line(u.diff(x, 2) + 30 * u, *HELD), 24), 1e-7) is None
    free = Collocation(line(u.diff(x, 2), (u.diff(x), 0), (u.diff(x), 1)), 12)
    constant = null_direction(free, 1e-7)
    assert constant is not None
    values = free.space.rows(places[:, None], (0,)) @ constant[0]
    np.testing.assert_allclose(values, values[0], rtol=1e-6)


@pytest.mark.parametrize(("number", "length", "waves"), [(9, 1, 1.5), (9, 4, 6.0), (0, 1, 0.0)])
def test_waves_are_radians_across_half_the_box(number: int, length: int, waves: float) -> None:
    """sin 3 x over a length. Kills: a whole box for half, a square for its root."""
    problem = line(u.diff(x, 2) + number * u, (u, 0), (u, length), length=length)
    form, space = Form(problem, problem.equations[0]), Space([(0.0, float(length))], 8, 1)
    assert form.waves(space, space.inside(5)[0]) == pytest.approx(waves)


def test_a_step_is_stretched_by_the_slope_of_what_is_divided_out() -> None:
    """1 / (1 - (log M)' step), M the product of 1 / |c - c_i|^2 + 1 / |c_i|^2, by differences.

    Kills: one known solution of several, a missing square, a sign.
    """
    generator = np.random.default_rng(2)
    state, change, *known = generator.standard_normal((4, 1, 6))

    class Nothing:
        value = weights = np.ones(1)

    def logarithm(at: np.ndarray) -> float:
        return math.log(_merit([Nothing()], np.ones(1), at, known))  # type: ignore[list-item]

    slope = (logarithm(state + 1e-6 * change) - logarithm(state - 1e-6 * change)) / 2e-6
    assert _stretch(state, change, known) == pytest.approx(1 / (1 - slope), rel=1e-6)
    assert _stretch(state, change, []) == 1.0
    product = math.prod(1 / ((state - c) ** 2).sum() + 1 / (c**2).sum() for c in known)
    assert logarithm(state) == pytest.approx(math.log(product), rel=1e-12)
