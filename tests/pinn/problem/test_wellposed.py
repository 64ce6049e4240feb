"""Sentences for what a user forgets or mistypes in a problem of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import pinn
from pinn.data.cloud import Cloud
from pinn.geometry.box import Box
from pinn.geometry.shapes import Disc
from pinn.networks import MLP
from pinn.problem.orders import order_of
from pinn.problem.parts import Condition
from pinn.problem.problem import Problem
from pinn.problem.reference_check import ReferenceWarning, check_reference
from pinn.problem.wellposed import check_conditions
from pinn.settings import Settings
from pinn.training.trainer import Limits
from sciformer.errors import DataError, DomainError, UnknownNameError, UsageError

x, y, t = sympy.symbols("x y t")
u = sympy.Function("u")(x, t)
w = sympy.Function("w")(x, y)
HEAT = sympy.Eq(u.diff(t), u.diff(x, 2) / 7)
BOX = Box(x=(0, 2), t=(0, 1))
START = Condition(sympy.Eq(u, sympy.sin(sympy.pi * x)), on="t=0")
LEFT, RIGHT = (Condition(sympy.Eq(u, 0), on=f"x={end}") for end in (0, 2))


def problem(**changes: Any) -> Problem:
    whole = {
        "name": "mine",
        "coordinates": (x, t),
        "fields": (u,),
        "equations": (HEAT,),
        "domain": BOX,
        "conditions": (START, LEFT, RIGHT),
    }
    return Problem(**{**whole, **changes})


def test_a_whole_problem_is_accepted() -> None:
    check_conditions(problem())
    check_conditions(problem(conditions=(START,), periodic=("x",)))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"conditions": (LEFT, RIGHT)}, r"u\(x, t\) is differentiated once in t and has no"),
        ({"conditions": (START, LEFT)}, r"twice or more in x and has no condition on x=2; add"),
        ({"conditions": (START,)}, r"no condition on x=0, x=2; .* or periodic=\(\"x\",\)"),
        (
            {"equations": (sympy.Eq(u.diff(t, 2), u.diff(x, 2)),)},
            r"differentiated twice in t and has 1 condition at the start; .*Derivative\(u",
        ),
    ],
)
def test_a_missing_condition_is_named(changes: dict[str, Any], sentence: str) -> None:
    """Kills: a check by the number of conditions alone."""
    incomplete = problem(**changes)
    with pytest.raises(UsageError, match=sentence):
        check_conditions(incomplete)
    with pytest.raises(UsageError, match=sentence):
        pinn.solve(incomplete, limits=Limits(iterations=1))


def test_a_disc_needs_its_rim() -> None:
    poisson = sympy.Eq(w.diff(x, 2) + w.diff(y, 2), 1)
    parts = {"coordinates": (x, y), "fields": (w,), "equations": (poisson,)}
    disc = Disc(1, x=0, y=0)
    with pytest.raises(UsageError, match=r"has no condition on circle"):
        check_conditions(problem(**parts, domain=disc, conditions=()))
    rim = Condition(sympy.Eq(w, 0), on="circle")
    check_conditions(problem(**parts, domain=disc, conditions=(rim,)))


def test_data_take_the_place_of_conditions() -> None:
    cloud = Cloud(np.zeros((3, 2)), {"u": np.zeros(3)})
    check_conditions(problem(conditions=(), data=(cloud,)))


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        (
            {"equations": (sympy.Eq(u.diff(t), sympy.Symbol("k") * u.diff(x, 2)),)},
            UsageError,
            r"mine: unknown symbol k in .*; known are t, x",
        ),
        ({"equations": (sympy.Eq(x, t),)}, UsageError, r"mine: the equation .* holds no field"),
        (
            {"conditions": (START, LEFT, Condition(sympy.Eq(u, 0), on="x=3"))},
            DomainError,
            r"no boundary part 'x=3'; the parts are x=0, x=2, t=0, t=1",
        ),
        (
            {"conditions": (START, Condition(sympy.Eq(u, sympy.Symbol("q")), on="x=0"))},
            UsageError,
            r"mine: unknown symbol q",
        ),
        (
            {"exact": {u: sympy.sin(sympy.pi * x) * sympy.exp(-(sympy.pi**2) * t / 6)}},
            DataError,
            r"mine: the exact solution does not satisfy the equation .* up to 0\.2\d+ where",
        ),
        (
            {"exact": {u: 2 * sympy.sin(sympy.pi * x) * sympy.exp(-(sympy.pi**2) * t / 7)}},
            DataError,
            r"mine: the exact solution does not satisfy the condition .* residual is up to 0\.99",
        ),
        ({"periodic": ("y",)}, UnknownNameError, "unknown coordinate 'y'. .*Known: t, x"),
        ({"gauge": ("p",)}, UnknownNameError, "unknown field 'p'"),
        (
            {"data": (Cloud(np.zeros((3, 2)), {"v": np.zeros(3)}),)},
            UnknownNameError,
            "mine: data: unknown field 'v'",
        ),
        (
            {"data": (Cloud(np.zeros((3, 1)), {"u": np.zeros(3)}),)},
            DataError,
            "data has points with 1 coordinates; needs 2, x, t",
        ),
    ],
)
def test_mistakes_get_a_sentence(
    changes: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        problem(**changes)


@pytest.mark.parametrize(
    ("points", "values", "sentence"),
    [
        (np.zeros(3), {"u": np.zeros(3)}, r"needs points \(p, c\)"),
        (np.zeros((3, 2)), {"u": np.zeros(2)}, r"u needs one value per point, \(3,\); got \(2,\)"),
        (np.zeros((2, 2)), {"u": np.array([0, np.nan])}, "u has 1 numbers that are not finite"),
        (np.zeros((2, 2)), {}, "values .* of at least one quantity"),
    ],
)
def test_clouds_that_cannot_be(points: Any, values: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Cloud(points, values)


def test_a_cloud_is_fitted_where_conditions_are_missing() -> None:
    """Kills: data that do not reach the loss, or columns in another order."""
    z = sympy.Function("z")(x)
    generator = np.random.default_rng(1)
    points = generator.uniform(0, 2, (40, 1))
    made = Problem(
        name="decay",
        coordinates=(x,),
        fields=(z,),
        equations=(sympy.Eq(z.diff(x), -1.7 * z),),
        domain=Box(x=(0, 2)),
        data=(Cloud(points, {"z": 2.3 * np.exp(-1.7 * points[:, 0])}),),
        reference=lambda p: {"z": 2.3 * np.exp(-1.7 * p[:, 0])},
    )
    settings = Settings(network=MLP.Sizes(width=8, layers=2), points=0.2, digits=None)
    solved = pinn.solve(made, settings, Limits(iterations=25))
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 1e-3
    assert set(solved.training["weights"]) == {"residual", "data"}


def test_neumann_and_robin_on_a_disc() -> None:
    """w = x^2 - 3 y + 2 on a disc with a slope on its rim; the normal counts."""
    exact = x**2 - 3 * y + 2
    nx, ny = pinn.normal(x), pinn.normal(y)
    slope = nx * w.diff(x) + ny * w.diff(y) + w
    made = Problem(
        name="robin",
        coordinates=(x, y),
        fields=(w,),
        equations=(sympy.Eq(w.diff(x, 2) + w.diff(y, 2), 2),),
        domain=Disc(0.8, x=0.3, y=0.1),
        conditions=(Condition(sympy.Eq(slope, 2 * x * nx - 3 * ny + exact), on="circle"),),
        exact={w: exact},
    )
    settings = Settings(network=MLP.Sizes(width=10, layers=2), points=0.3, digits=None)
    solved = pinn.solve(made, settings, Limits(iterations=40))
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 1e-3
    assert solved.training["conditions"] == {"in_the_loss": ["circle"]}


@pytest.mark.parametrize(("factor", "share"), [(1.0, None), (1.3, r"0\.1\d of the sum")])
def test_a_reference_without_a_formula_is_held_against_the_equation(
    factor: float, share: str | None
) -> None:
    """Kills: a threshold that nothing reaches, a derivative by the wrong stencil."""

    def reference(points: np.ndarray) -> dict[str, np.ndarray]:
        decay = np.exp(-factor * (np.pi**2) * points[:, 1] / 7)
        return {"u": np.sin(np.pi * points[:, 0]) * decay}

    made = problem(reference=reference)
    if share is None:
        check_reference(made)
    else:
        with pytest.warns(ReferenceWarning, match=f"mine: the reference does not seem .* {share}"):
            check_reference(made)


def test_the_references_of_the_package_pass() -> None:
    for name in ("burgers", "allen-cahn", "kdv"):
        check_reference(pinn.find_problem(name))


def test_the_highest_derivative_is_the_order() -> None:
    """u_t + u u_x = u_xx is of order 2 in x. Kills: the lowest one."""
    burgers = problem(equations=(sympy.Eq(u.diff(t) + u * u.diff(x), u.diff(x, 2)),))
    assert (order_of(burgers, u, x), order_of(burgers, u, t)) == (2, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reference_that_is_no_number_is_refused(value: float) -> None:
    """Kills: a comparison that nan passes."""
    nowhere = problem(reference=lambda points: {"u": np.full(len(points), value)})
    with pytest.raises(DataError, match="the reference is not finite at 48 of 48 points"):
        check_reference(nowhere)
