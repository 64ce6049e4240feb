"""Families: members are ordinary problems, and move as their solutions do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch

import pinn
from pinn.families.family import Family
from pinn.families.members import Members
from pinn.families.registry import find_family
from pinn.problem.expressions import FieldDerivative
from pinn.references import families as references
from sciformer.errors import DomainError, UsageError

NAMES = [
    "advection-family",
    "burgers-family",
    "diffusion-reaction-family",
    "forced-burgers-family",
    "heat-family",
]
x, t, k = sympy.symbols("x t k")
u, start = sympy.Function("u")(x, t), sympy.Function("start")(x)
FIELD = pinn.GaussianField(length=0.3, smoothness=3.0, waves=3)


def problem(**changes: object) -> pinn.Problem:
    """The heat equation from some start."""
    fields = {
        "name": "mine",
        "coordinates": (x, t),
        "fields": (u,),
        "equations": (sympy.Eq(u.diff(t), k * u.diff(x, 2)),),
        "domain": pinn.Box(x=(0, 1), t=(0, 1)),
        "conditions": (pinn.Condition(sympy.Eq(u, start), on="t=0"),),
        "periodic": ("x",),
        "given": (start, k),
        **changes,
    }
    return pinn.Problem(**fields)  # type: ignore[arg-type]


def heat_of_k(members: Members, points: np.ndarray) -> dict[str, np.ndarray]:
    """The reference of `problem`, whose diffusivity is called k."""
    renamed = replace(members, numbers={"a": members.numbers["k"]})
    return references.heat(renamed, points)


def test_a_member_is_an_ordinary_problem_with_its_functions_written_out() -> None:
    family = pinn.Family(problem(), {start: FIELD, "k": pinn.Uniform(0.1, 0.2)})
    members = family.draw(1, seed=5)
    instance = family.instance(seed=5)
    assert not instance.given
    assert instance.parameter_values["k"] == float(members.numbers["k"][0])
    found = sympy.lambdify(x, instance.conditions[0].equation.rhs)(0.3)
    assert found == pytest.approx(members.values("start", np.array([0.3]))[0, 0], rel=1e-12)


def test_a_member_is_solved_by_the_solver() -> None:
    """Kills: an instance whose derivatives or reference are not its own."""
    family = pinn.Family(problem(), {start: FIELD, k: pinn.Uniform(0.05, 0.06)}, heat_of_k)
    network = pinn.MLP.Sizes(width=8, layers=2)
    solved = pinn.solve(family.instance(seed=1), network=network, iterations=15, digits=None)
    assert solved.errors is not None
    assert solved.errors.relative_l2 < 0.1


def test_derivatives_of_given_functions_are_written_out() -> None:
    flux = sympy.Eq(u.diff(t), (start * u.diff(x)).diff(x).doit())
    given = problem(
        equations=(flux,),
        conditions=(pinn.Condition(sympy.Eq(u, sympy.sin(x)), on="t=0"),),
        given=(start,),
    )
    instance = pinn.Family(given, {start: FIELD}).instance(seed=2)
    assert not instance.equations[0].atoms(sympy.core.function.AppliedUndef) - {u}
    columns = [torch.tensor([0.4], dtype=torch.float64), torch.tensor([0.1], dtype=torch.float64)]
    values = {"x": 3.0, "xx": 5.0, "t": 7.0}

    def unknown(wanted: FieldDerivative) -> torch.Tensor:
        return torch.full((1,), values[wanted.operator], dtype=torch.float64)

    (found,) = instance.residual(columns, unknown)
    field = pinn.Family(given, {start: FIELD})
    members = field.draw(1, 2)
    value, slope = (members.values("start", np.array([0.4]), n)[0, 0] for n in (0, 1))
    assert float(found) == pytest.approx(7 - slope * 3 - value * 5, rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_registered_families_can_be_drawn_and_written_out(name: str) -> None:
    family = find_family(name)
    instance = family.instance(seed=0)
    assert instance.reference is not None
    points = instance.domain.sample(20).numpy()
    values = instance.reference(points)["u"]
    exact = family.exact(family.draw(1, 0), points)["u"][0]
    assert np.array_equal(values, exact.numpy())


@pytest.mark.parametrize("name", ["burgers-family", "heat-family", "forced-burgers-family"])
def test_moved_members_have_moved_solutions(name: str) -> None:
    """u(x; f) = u(x - s; f(. + s)). Kills: the sign of the shift, functions left behind."""
    family = find_family(name)
    members = family.draw(3, 4)
    centred, shift = family.centred(members)
    assert float(shift.abs().max()) > 0.05
    points = family.problem.domain.sample(30, seed=1)
    found = family.exact(members, points.numpy())["u"]
    for i in range(3):
        there = points.clone()
        there[:, 0] = (there[:, 0] - shift[i]) % 1
        moved = family.exact(centred[i : i + 1], there.numpy())["u"][0]
        torch.testing.assert_close(moved, found[i], atol=1e-8, rtol=0)


def test_centred_members_share_a_phase() -> None:
    """Kills: a centring that leaves the phase of the first wave free, or half of them reversed."""
    family = find_family("burgers-family")
    members = family.draw(50, 0)
    first = family.centred(members)[0].coefficients["start"]
    assert float(first[:, 0].abs().max()) < 1e-12
    assert float(first[:, 16].min()) > 0
    for s in (0.2, 0.9):
        moved = members.moved(("start",), torch.full((50,), s, dtype=torch.float64))
        again = family.centred(moved)[0].coefficients["start"]
        torch.testing.assert_close(again, first, atol=1e-12, rtol=0)


def test_members_stay_where_a_place_is_special() -> None:
    """Kills: moving although the initial value or a coefficient is fixed in space."""
    assert find_family("advection-family").moving is None
    assert find_family("diffusion-reaction-family").moving is None
    fixed = problem(
        equations=(sympy.Eq(u.diff(t), k * u.diff(x, 2) + sympy.sin(2 * sympy.pi * x)),)
    )
    assert pinn.Family(fixed, {start: FIELD, k: pinn.Uniform(1, 2)}).moving is None
    assert pinn.Family(problem(), {start: FIELD, k: pinn.Uniform(1, 2)}).moving == ("start",)


def test_a_problem_with_something_given_is_not_solved_itself() -> None:
    with pytest.raises(UsageError, match=r"mine: start\(x\), k is open for a family"):
        pinn.solve(problem(), iterations=1)


def test_what_is_not_given_is_refused_as_before() -> None:
    """Kills: given functions that let misspelt fields through."""
    with pytest.raises(UsageError, match=r"unknown symbol other\(x\)"):
        problem(equations=(sympy.Eq(u.diff(t), sympy.Function("other")(x)),))


@pytest.mark.parametrize(
    ("draws", "words"),
    [
        ({start: FIELD}, "k is given and has no distribution"),
        ({start: FIELD, k: pinn.Uniform(1, 2), "q": FIELD}, "unknown given function or symbol 'q'"),
        ({start: pinn.Uniform(0, 1), k: pinn.Uniform(1, 2)}, r"start\(x\) needs a GaussianField"),
        ({start: FIELD, k: FIELD}, "k needs a distribution of numbers"),
    ],
)
def test_draws_must_fit(draws: dict[object, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        pinn.Family(problem(), draws)  # type: ignore[arg-type]


def test_functions_of_two_coordinates_and_other_domains_are_refused() -> None:
    wide = sympy.Function("wide")(x, t)
    two = problem(equations=(sympy.Eq(u.diff(t), wide),), given=(start, wide))
    with pytest.raises(UsageError, match="function of one coordinate"):
        pinn.Family(two, {start: FIELD, wide: FIELD})
    y = sympy.Symbol("y")
    v = sympy.Function("v")(x, y)
    disc = pinn.Problem(
        name="disc",
        coordinates=(x, y),
        fields=(v,),
        equations=(sympy.Eq(v.diff(x, 2) + v.diff(y, 2), k),),
        domain=pinn.Disc(1, x=0, y=0),
        given=(k,),
    )
    with pytest.raises(DomainError, match="needs a Box"):
        pinn.Family(disc, {k: pinn.Uniform(1, 2)})


def test_draws_repeat_by_seed(family: Family) -> None:
    one, two, other = family.draw(3, 1), family.draw(3, 1), family.draw(3, 2)
    assert torch.equal(one.coefficients["start"], two.coefficients["start"])
    assert not torch.equal(one.coefficients["start"], other.coefficients["start"])
    assert not torch.equal(one.coefficients["start"], one.coefficients["force"])
    with pytest.raises(DomainError, match="at least one"):
        family.draw(0, 1)
