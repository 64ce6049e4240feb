"""Starts: what they leave out, what they meet, and that their derivatives are derivatives."""

from __future__ import annotations

import math

import pytest
import sympy
import torch
from torch import Tensor

import pinn
from pinn.families.answer import Residual
from pinn.families.cole_hopf import ColeHopf
from pinn.families.family import Family
from pinn.families.interpolation import SpaceTime
from pinn.families.linear_flow import LinearFlow
from pinn.families.registry import find_family
from pinn.families.starts import Faded, Start, find_start, start_for
from pinn.families.where import Where
from pinn.jets import Operators
from sciformer.errors import UnknownNameError, UsageError


def derivative(start: Start, members: object, points: Tensor, word: str, letters: str) -> Tensor:
    """A derivative of the offset by nested autograd, (q, b)."""
    columns = [c.clone().requires_grad_() for c in points.unbind(-1)]
    rows = []
    for i in range(len(members)):  # type: ignore[arg-type]
        where = Where(torch.stack(columns, -1))
        value = start(members[i : i + 1], where)[0][0][:, 0]  # type: ignore[index]
        for letter in word:
            (value,) = torch.autograd.grad(
                value.sum(), columns[letters.index(letter)], create_graph=True
            )
        rows.append(value.detach())
    return torch.stack(rows, -1)


CASES = [
    ("decaying", "faded"),
    ("decaying", "linear-flow"),
    ("diffusion-reaction-family", "linear-flow"),
    ("burgers-family", "cole-hopf"),
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_jets_of_starts_equal_nested_autograd(name: str, kind: str, family: Family) -> None:
    """To 1e-12 of the derivative's size. Kills: any factor in a channel."""
    chosen = family if name == "decaying" else find_family(name)
    start = find_start(kind, chosen)
    members = chosen.draw(2, 3)
    low, high = (
        torch.tensor(end).double()
        for end in (chosen.problem.domain.low, chosen.problem.domain.high)
    )
    # Away from the initial time, where a head's time is its narrowest one to the 16th power.
    points = low + (high - low) * (0.2 + 0.7 * torch.rand(5, 2, dtype=torch.float64))
    letters = chosen.problem.residual.letters
    words = ["1", "t", "x", "xx", "xt"]
    where = Where(points, Operators(letters, words[1:]))
    (jet,), _ = start(members, where)
    for word in words:
        wanted = derivative(start, members, points, word.strip("1"), "".join(letters))
        scale = float(wanted.abs().max())
        assert float((jet.derivative(word) - wanted).abs().max()) <= 1e-12 * scale, word


def test_the_linear_flow_leaves_out_just_what_it_says(family: Family) -> None:
    """The residual of the offset is 0.5 u^2 for u_t = linear - 0.5 u^2 + 1.1 force, exactly.

    Kills: any coefficient of the symbol, a source counted twice, a time that starts at 0.
    """
    start = find_start("linear-flow", family)
    assert start.leaves_out == "-0.5*u(x, t)**2"
    members, residual = family.draw(3, 0), Residual(family)
    where = residual.where(family.problem.domain.sample(50))
    offset, _ = start(members, where)
    (found,) = residual(members, offset, where)
    torch.testing.assert_close(found, 0.5 * offset[0].value ** 2, atol=1e-11, rtol=1e-11)


def test_the_flow_between_walls_is_the_solution_without_its_reaction() -> None:
    family = find_family("diffusion-reaction-family")
    start = find_start("linear-flow", family)
    members, residual = family.draw(3, 0), Residual(family)
    where = residual.where(family.problem.domain.sample(50))
    offset, _ = start(members, where)
    (found,) = residual(members, offset, where)
    torch.testing.assert_close(found, 0.01 * offset[0].value ** 2, atol=1e-11, rtol=1e-11)
    edges = torch.tensor([[0.0, 0.3], [1.0, 0.8]], dtype=torch.float64)
    walls, factor = start(members, Where(edges))
    assert float(walls[0].abs().max()) < 1e-12
    assert float(factor[0].abs().max()) < 1e-12
    begin = torch.tensor([[0.2, 0.0], [0.7, 0.0]], dtype=torch.float64)
    # 128 sines of the steady state, which is a hundred times the solution.
    assert float(start(members, Where(begin))[0][0].abs().max()) < 3e-4


@pytest.mark.parametrize("name", ["burgers-family", "heat-family"])
def test_compiled_classes_are_solved_without_training(name: str) -> None:
    """Kills: a start that claims to leave nothing out and does."""
    family = find_family(name)
    start = start_for(family)
    assert not start.leaves_out
    members, points = family.draw(10, 1), family.problem.domain.sample(60)
    found = start(members, Where(points))[0][0].mT
    exact = family.exact(members, points.numpy())["u"]
    relative = (found - exact).norm(dim=1) / exact.norm(dim=1)
    assert float(relative.median()) < 1e-5
    assert float(relative.max()) < 2e-4


def test_a_force_is_split_to_second_order_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: a force in the token map with another factor, or half of it left out.

    Doubling the layers divides the error by about four or more.
    """
    from pinn.families import cole_hopf_layers

    family = find_family("forced-burgers-family")
    members, points = family.draw(8, 2), family.problem.domain.sample(40)
    exact = family.exact(members, points.numpy())["u"]
    errors = []
    for layers in (16, 32):
        monkeypatch.setattr(cole_hopf_layers, "LAYERS", layers)
        start = find_start("cole-hopf-layers", family)
        found = start(members, Where(points))[0][0].mT
        errors.append(float(((found - exact).norm(dim=1) / exact.norm(dim=1)).median()))
    assert errors[0] / errors[1] > 3
    assert errors[1] < 2e-3


@pytest.mark.parametrize("orders", [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)])
def test_tables_are_read_with_their_derivatives(orders: tuple[int, int]) -> None:
    """A wave times a cubic in time. Kills: a column off by one, a scale of a derivative."""
    m, layers = 64, 4
    x, s = torch.arange(m, dtype=torch.float64) / m, torch.arange(layers + 1).double() / layers
    k = 2 * torch.pi

    def cubic(time: Tensor, order: int) -> Tensor:
        return [1 + 2 * time - time**3, 2 - 3 * time**2][order]

    values = torch.stack([torch.sin(k * x), torch.cos(k * x)])[:, None]
    table = SpaceTime(
        values * cubic(s, 0)[:, None],
        values * cubic(s, 1)[:, None],
        points := torch.rand(30, 2).double(),
    )
    at, time = points.unbind(-1)
    wave = k ** orders[0] * torch.sin(k * at + orders[0] * torch.pi / 2)
    found = table.derivative(*orders)
    torch.testing.assert_close(found[0], wave * cubic(time, orders[1]), atol=3e-6, rtol=0)
    edge = SpaceTime(
        values * cubic(s, 0)[:, None],
        values * cubic(s, 1)[:, None],
        torch.tensor([[0.999, 1.0]]).double(),
    )
    assert float(edge.derivative(0, 0)[1, 0]) == pytest.approx(2 * math.cos(k * 0.999), abs=1e-8)


@pytest.mark.parametrize("kind", ["faded", "linear-flow", "cole-hopf"])
def test_initial_values_hold_exactly(kind: str) -> None:
    family = find_family("burgers-family")
    start, members = find_start(kind, family), family.draw(4, 0)
    x = torch.rand(9, dtype=torch.float64)
    offset, factor = start(members, Where(torch.stack([x, 0 * x], -1)))
    wanted = torch.from_numpy(members.values("start", x.numpy()))
    torch.testing.assert_close(offset[0].mT, wanted, atol=1e-12, rtol=0)
    assert float(factor[0].abs().max()) == 0


def test_families_get_the_best_start_that_is_known(family: Family) -> None:
    assert isinstance(start_for(find_family("burgers-family")), ColeHopf)
    assert isinstance(start_for(find_family("burgers-family"), solved=False), LinearFlow)
    assert isinstance(start_for(find_family("heat-family"), solved=False), Faded)
    forced = find_family("forced-burgers-family")
    assert start_for(forced).name == "cole-hopf-layers"
    assert isinstance(start_for(forced, solved=False), LinearFlow)
    assert isinstance(start_for(find_family("advection-family")), Faded)
    assert isinstance(start_for(family), LinearFlow)
    with pytest.raises(UnknownNameError, match="Did you mean 'faded'"):
        find_start("fade", family)
    with pytest.raises(UsageError, match="decaying has no start 'cole-hopf'"):
        find_start("cole-hopf", family)


x, t = sympy.symbols("x t")
u, start_ = sympy.Function("u")(x, t), sympy.Function("start")(x)
FIELD = pinn.GaussianField(length=0.3, smoothness=3.0, waves=3)


def wall_family(*conditions: pinn.Condition, right: object = 0) -> Family:
    """The heat equation between walls."""
    equation = sympy.Eq(u.diff(t), u.diff(x, 2) + right)
    problem = pinn.Problem(
        name="walls",
        coordinates=(x, t),
        fields=(u,),
        equations=(equation,),
        domain=pinn.Box(x=(0, 2), t=(0, 1)),
        conditions=conditions,
        given=(start_,),
    )
    return pinn.Family(problem, {start_: pinn.GaussianField(length=0.5)})


def test_boundary_values_that_change_are_built_in() -> None:
    """Kills: ends exchanged, an initial value without the walls taken out."""
    family = wall_family(
        pinn.Condition(sympy.Eq(u, x * (2 - x) * start_ + 3 + x), on="t=0"),
        pinn.Condition(sympy.Eq(u, 3 + sympy.sin(t)), on="x=0"),
        pinn.Condition(sympy.Eq(5 - t, u), on="x=2"),
    )
    members, start = family.draw(2, 0), Faded(family)
    points = torch.tensor([[0, 0.6], [2, 0.3], [1.3, 0]], dtype=torch.float64)
    (offset,), (factor,) = start(members, Where(points))
    assert float(factor.abs().max()) < 1e-15
    value = members.values("start", points[:, 0].numpy())
    for i in range(2):
        wanted = [3 + float(torch.sin(points[0, 1])), 4.7, 1.3 * 0.7 * value[i, 2] + 4.3]
        assert offset[:, i].tolist() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        (
            [
                pinn.Condition(sympy.Eq(u, start_), on="t=0"),
                pinn.Condition(sympy.Eq(u, 1), on="x=0"),
            ],
            "do not meet",
        ),
        ([pinn.Condition(sympy.Eq(u.diff(x), 0), on="x=0")], "another condition"),
        ([pinn.Condition(sympy.Eq(u, 0), on="t=1")], "another condition"),
    ],
)
def test_conditions_of_other_kinds_are_refused(
    conditions: list[pinn.Condition], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        Faded(wall_family(*conditions, right=start_))
