"""Conditions are built in one by one: each that has a form holds exactly, the others are terms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinn.assembly import build_trial
from pinn.geometry.box import Box
from pinn.geometry.shapes import Disc
from pinn.jets import Jet, Operators
from pinn.loss.terms import boundary
from pinn.networks import MLP
from pinn.problem.parts import Condition, Unknown
from pinn.problem.problem import Problem
from pinn.problem.reading import normal
from pinn.settings import Settings
from pinn.trial.hard_constraint import HardConstraint
from pinn.trial.trial_solution import TrialSolution

x, y, t = sympy.symbols("x y t")
u = sympy.Function("u")(x, t)


def made(*conditions: tuple[Any, str], field: Any = u, domain: Any = None, **more: Any) -> Problem:
    return Problem(
        name="made",
        coordinates=field.args,
        fields=(field,),
        equations=(sympy.Eq(field.diff(field.args[-1]), field.diff(field.args[0], 4)),),
        domain=domain or Box(x=(1, 3), t=(2, 5)),
        conditions=tuple(Condition(e, on=on) for e, on in conditions),
        **more,
    )


def trial_of(problem: Problem, seed: int = 0) -> TrialSolution:
    constraint = HardConstraint(problem, sizes={problem.fields[0]: 3.0})
    torch.manual_seed(seed)
    network = MLP(len(problem.coordinates), constraint.outputs, MLP.Sizes(width=5, layers=1))
    return TrialSolution(network, constraint).double()


def misses(problem: Problem, trial: TrialSolution) -> dict[str, float]:
    """The largest residual of each condition."""
    return {
        f"{c.equation.lhs} {c.on}": float(
            boundary(problem, trial, c)
            .residual(problem.domain.part(c.on).sample(40))
            .detach()
            .abs()
            .max()
        )
        for c in problem.conditions
    }


exact = sympy.exp(-t / 3) * sympy.cos(x) + x**2 / 5


def of(order: int, robin: int, on: str) -> tuple[Any, str]:
    """A condition that the exact function satisfies."""
    where = {"x=1": 1, "x=3": 3}[on]
    right = (exact.diff(x, order) + (robin * exact if order else 0)).subs(x, where)
    left = u.diff(x, order) if order else u
    return sympy.Eq(left + (robin * u if order else 0), right), on


FORMS = {
    "neumann": [of(1, 0, "x=1")],
    "two slopes": [of(1, 0, "x=1"), of(1, 0, "x=3")],
    "dirichlet and robin": [of(0, 0, "x=1"), of(1, 7, "x=3")],
    "two robin": [of(1, -2, "x=1"), of(1, 5, "x=3")],
    "clamped": [of(0, 0, "x=1"), of(1, 0, "x=1"), of(0, 0, "x=3"), of(1, 0, "x=3")],
    "supported": [of(0, 0, "x=1"), of(2, 0, "x=1"), of(0, 0, "x=3"), of(2, 0, "x=3")],
    "cantilever": [of(0, 0, "x=1"), of(1, 0, "x=1"), of(2, 0, "x=3"), of(3, 0, "x=3")],
}


@pytest.mark.parametrize("name", FORMS)
def test_every_linear_condition_across_faces_is_exact(name: str) -> None:
    """With initial values, whatever the network says.

    Kills: a polynomial of the wrong end, a factor of too low an order, a free function that is
    not multiplied by the factor of the start.
    """
    start = (sympy.Eq(u, exact.subs(t, 2)), "t=2")
    problem = made(start, *FORMS[name])
    trial = trial_of(problem)
    assert trial.constraint is not None
    assert not trial.constraint.soft
    worst = misses(problem, trial)
    assert max(worst.values()) < 1e-11, worst


@pytest.mark.parametrize("name", FORMS)
def test_a_form_leaves_everything_else_free(name: str) -> None:
    """The exact function is reached by some network outputs: what they must be is smooth.

    Kills: a free value or slope that the form fixes by accident, which no training could mend.
    """
    problem = made((sympy.Eq(u, exact.subs(t, 2)), "t=2"), *FORMS[name])
    constraint = HardConstraint(problem)
    count = constraint.outputs - 1
    # On a line of constant t: exact = offset + sum_k edge_k(x) B_k + factor(x) w(x), w of degree 9.
    s = torch.linspace(1, 3, 60, dtype=torch.float64)
    points = torch.stack([s, torch.full_like(s, 3.7)], -1)
    zero = torch.zeros(60, 1 + count).double()
    offset = constraint(points, zero[:, :1], zero)[:, 0]
    columns = []
    for k in range(count):
        edge = zero.clone()
        edge[:, 1 + k] = 1
        columns.append(constraint(points, zero[:, :1], edge)[:, 0] - offset)
    for degree in range(10):
        shape = ((s - 2) ** degree)[:, None]
        columns.append(constraint(points, shape, zero)[:, 0] - offset)
    wanted = math.exp(-3.7 / 3) * torch.cos(s) + s**2 / 5 - offset
    matrix = torch.stack(columns, -1)
    found = torch.linalg.lstsq(matrix, wanted[:, None]).solution
    assert float((matrix @ found - wanted[:, None]).abs().max()) < 1e-8


@settings(max_examples=8)
@given(h=st.integers(1, 9), low=st.integers(-3, 3), power=st.integers(-6, 6))
def test_robin_holds_in_any_unit(h: int, low: int, power: int) -> None:
    """Kills: an absolute size below which a condition is taken for rounding."""
    unit = sympy.Rational(10) ** power
    z = sympy.Symbol("x")
    v = sympy.Function("v")(z)
    problem = made(
        (sympy.Eq(v, 7 * unit), f"x={float(low * unit)}"),
        (sympy.Eq(v.diff(z), h * (20 * unit - v) / unit), f"x={float((low + 2) * unit)}"),
        field=v,
        domain=Box(x=(float(low * unit), float((low + 2) * unit))),
    )
    trial = trial_of(problem)
    assert trial.constraint is not None
    assert not trial.constraint.soft
    value, slope = misses(problem, trial).values()
    assert value < 1e-12
    assert slope < 1e-9


def test_one_robin_condition_does_not_make_others_soft() -> None:
    """Its coefficient depends on time, so that it has no form; values and start stay exact."""
    robin = sympy.Eq(u.diff(x) + (1 + t) * u, 0)
    problem = made(
        (sympy.Eq(u, exact.subs(t, 2)), "t=2"),
        (sympy.Eq(u, exact.subs(x, 1)), "x=1"),
        (robin, "x=3"),
    )
    trial = trial_of(problem)
    assert trial.constraint is not None
    assert [c.on for c in trial.constraint.soft] == ["x=3"]
    assert "numbers as coefficients" in next(iter(trial.constraint.soft.values()))
    worst = list(misses(problem, trial).values())
    assert max(worst[:2]) < 1e-12
    assert worst[2] > 1e-3


def test_what_has_no_form_is_named_with_its_reason() -> None:
    """Kills: a kink or a jump that is built in, where no smooth network can mend it."""
    w = sympy.Function("w")(x, y)
    reasons = {
        (sympy.Eq(w, sympy.Abs(y - 1)), "x=1"): "jump or a kink",
        (sympy.Eq(w, sympy.Heaviside(y - 1)), "x=1"): "jump or a kink",
        (sympy.Eq(w.diff(y), 0), "x=1"): "derivative along x=1",
        (sympy.Eq(w**2, 4), "x=1"): "not linear",
        (sympy.Eq(w, 0), "circle"): "not on a face",
    }
    whole = Box(x=(1, 3), y=(0, 2))
    for (equation, on), reason in reasons.items():
        domain = whole - Disc(0.3, x=2, y=1) if on == "circle" else whole
        constraint = HardConstraint(made((equation, on), field=w, domain=domain))
        assert constraint.conditions == ()
        assert reason in next(iter(constraint.soft.values()))


def test_conditions_that_do_not_meet_leave_the_later_one_soft() -> None:
    problem = made((sympy.Eq(u, 1 + x), "t=2"), (sympy.Eq(u, 0), "x=1"), (sympy.Eq(u, 4), "x=3"))
    constraint = HardConstraint(problem)
    assert [c.on for c in constraint.conditions] == ["t=2", "x=3"]
    assert "do not meet" in next(iter(constraint.soft.values()))


def test_an_unknown_slope_that_starts_at_0_is_built_in() -> None:
    """w' = a at one end, a to be found. Kills: what is 0 at the start of a parameter left out of
    the form, by which any a is found beside a field that does not know of it."""
    a, w = sympy.Symbol("a"), sympy.Function("w")(x)
    problem = Problem(
        name="made",
        coordinates=(x,),
        fields=(w,),
        equations=(sympy.Eq(w.diff(x, 2), a),),
        domain=Box(x=(0, 1)),
        conditions=(Condition(sympy.Eq(w, 0), on="x=0"), Condition(sympy.Eq(w.diff(x), a), "x=0")),
        unknown={a: Unknown(2.0)},
    )
    trial = build_trial(problem, Settings(network=MLP.Sizes(width=5, layers=1)))
    assert trial.constraint is not None
    assert len(trial.constraint.conditions) == 2
    assert trial.values is not None
    assert trial.values.unknown is not None
    trial.values.unknown.write({"a": 7.0})
    at = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    [slope] = torch.autograd.grad(trial(at).sum(), at)
    assert float(slope) == pytest.approx(7.0, rel=1e-12)


def test_slopes_on_faces_of_two_coordinates_are_exact_on_one() -> None:
    w = sympy.Function("w")(x, y)
    slopes = [(sympy.Eq(normal(c) * w.diff(c), 2), f"{c}={e}") for c in (x, y) for e in (1, 3)]
    problem = made(*slopes, field=w, domain=Box(x=(1, 3), y=(1, 3)))
    trial = trial_of(problem)
    assert trial.constraint is not None
    assert [c.on for c in trial.constraint.conditions] == ["x=1", "x=3"]
    assert max(list(misses(problem, trial).values())[:2]) < 1e-12


def test_jets_of_a_form_are_its_derivatives() -> None:
    """Kills: a derivative of a formula in the wrong channel, free functions that vary with x."""
    problem = made((sympy.Eq(u, exact.subs(t, 2)), "t=2"), *FORMS["dirichlet and robin"])
    trial = trial_of(problem, seed=4)
    operators = Operators("xt", ["1", "x", "t", "xx", "xt"])
    points = problem.domain.sample(6)
    jet = trial(Jet.coordinates(points, operators))
    leaf = points.clone().requires_grad_()
    [slope] = torch.autograd.grad(trial(leaf).sum(), leaf, create_graph=True)
    [second] = torch.autograd.grad(slope[:, 0].sum(), leaf)
    for name, value in (("x", slope[:, 0]), ("t", slope[:, 1]), ("xx", second[:, 0])):
        assert torch.allclose(jet.derivative(name)[:, 0], value, atol=1e-11), name
    assert torch.allclose(jet.derivative("xt")[:, 0], second[:, 1], atol=1e-11)


@pytest.mark.parametrize(
    "value",
    [
        1 / sympy.cosh(x),
        sympy.sinh(x),
        sympy.atan(x),
        sympy.tan(x / 9),
        sympy.asinh(x),
        sympy.erf(x),
    ],
)
def test_any_function_of_the_coordinates_is_only_data(value: Any) -> None:
    """Kills: jets that ask for a derivative rule of every function in a condition."""
    problem = made((sympy.Eq(u, value), "t=2"))
    trial = trial_of(problem)
    points = problem.domain.sample(5)
    jet = trial(Jet.coordinates(points, Operators("xt", ["1", "x"])))
    shift = torch.tensor([1e-6, 0]).double()
    slope = (trial.at(points + shift) - trial.at(points - shift)) / 2e-6
    assert torch.allclose(jet.derivative("x").detach(), slope, atol=1e-7)
