"""Products of fields as features: which ones, exact derivatives, saved, and worth their columns."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
import torch

from pinn.jets import Jet, Operators
from pinn.problem.problem import Problem
from pinn.refinement import products
from pinn.refinement.products import multiplied, products_for
from pinn.refinement.refine import Refiner
from pinn.refinement.saved_layers import widened
from pinn.refinement.wide_layer import WideLayer
from pinn.settings import Settings
from pinn.solution import ReferenceGrid, Solution
from pinn.trial.trial_solution import TrialSolution
from sciformer.errors import DataError
from tests.oracles.nested_autograd import all_derivatives
from tests.pinn.refinement.problems import (
    bernoulli,
    burgers,
    flow_with_data,
    layer_for,
    trial_of,
    x,
    y,
)

NAMES = ["1", "x", "y", "xx", "xy"]
U, V, W = FIELDS = tuple(sympy.Function(name)(x, y) for name in "uvw")


def system_of(*residuals: Any) -> Problem:
    """Fields u, v, w on a square, and equations among them."""
    domain = bernoulli().domain
    return Problem(
        name="system", coordinates=(x, y), fields=FIELDS, equations=residuals, domain=domain
    )


def test_only_fields_that_meet_in_an_equation_are_multiplied() -> None:
    """Kills: pairs of all fields, a square overlooked, a coordinate that counts as a field, two
    terms of a sum for a product, derivatives that do not count."""
    linear = (U.diff(x) + x * V, sympy.sin(x) * W.diff(y) - 3 * U, V.diff(x, 2) / y - W)
    assert multiplied(system_of(*linear)) == []
    assert multiplied(system_of(V * W.diff(x), U + V, W)) == [(1, 2)]
    assert multiplied(system_of(U + x * V**2, V.diff(x) ** 3, W)) == [(1, 1)]
    assert multiplied(system_of((U + V) * W.diff(y), U, V)) == [(0, 2), (1, 2)]
    assert multiplied(flow_with_data()) == [(0, 0), (0, 1), (1, 1)]


def test_a_scalar_or_linear_problem_and_a_small_layer_have_none() -> None:
    """Kills: products that crowd out the neurons, further columns for Burgers' equation."""
    scalar, linear, flow = burgers(), system_of(U - V, V.diff(x) - W, W.diff(y)), bernoulli()
    assert products_for(scalar, trial_of(scalar), 1000) is None
    assert products_for(linear, trial_of(linear), 1000) is None
    assert products_for(flow, trial_of(flow), 11) is None
    found = products_for(flow, trial_of(flow), 12)
    assert found is not None
    assert found.width(2) == 3  # u, p and u^2


def two_layers() -> tuple[Problem, TrialSolution, WideLayer]:
    problem = bernoulli()
    trial = trial_of(problem)
    one = layer_for(problem, trial)
    two = layer_for(problem, TrialSolution(one, trial.constraint))
    return problem, trial, two


def test_the_formula_and_its_derivatives() -> None:
    """Kills: outputs of the network in place of fields that meet the conditions, the fields of the
    trained network in the second layer, a jet that loses derivatives."""
    problem, trial, two = two_layers()
    where = problem.domain.sample(6)
    below = TrialSolution(two.network, trial.constraint).at(where)
    expected = torch.stack([below[:, 0], below[:, 1], below[:, 0] ** 2], dim=-1)
    torch.testing.assert_close(two.parts(where)[1][:, -3:].detach(), expected)
    jet = two(Jet.coordinates(where, Operators(("x", "y"), NAMES)))
    exact = all_derivatives(two, where, ("x", "y"), NAMES)
    for name, derivative in zip(NAMES, exact, strict=True):
        torch.testing.assert_close(jet.derivative(name), derivative, rtol=1e-9, atol=1e-9)


def test_saved_and_loaded_products_are_equal_bit_for_bit() -> None:
    """Kills: pairs that are not saved, a constraint that is lost or saved twice."""
    problem, trial, two = two_layers()
    state = {f"network.{name}": tensor for name, tensor in two.state_dict().items()}
    assert not [name for name in state if "constraint" in name]
    again = widened(trial_of(problem).network, problem, state, "network.", trial.constraint)
    again.load_state_dict(two.state_dict())
    where = problem.domain.sample(7)
    assert torch.equal(again(where), two(where))


def test_damaged_pairs_are_refused() -> None:
    """Kills: an index error deep inside, a negative position, a list of a million pairs."""
    problem, trial, two = two_layers()
    state = two.state_dict()
    for pairs in ([[0, 2]], [[-1, 0]], [[0.0, 0.0]], [0, 0], [[0, 0, 0]], [[0, 0]] * 5, []):
        broken = {**state, "products.pairs": torch.tensor(pairs)}
        with pytest.raises(DataError, match="do not fit together; solve again"):
            widened(trial_of(problem).network, problem, broken, "", trial.constraint)


def test_a_pressure_that_is_a_product_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """From an untrained network, so that only a second layer sees the products that help.

    Kills: no second layer, one that sees the fields of the trained network, products left out of
    the columns.
    """
    problem, trial = bernoulli(), trial_of(bernoulli())
    reference = ReferenceGrid(problem, 400)

    def pressure() -> float:
        refined = Refiner(neurons=60, scales=(0.3,))(problem, trial)
        found = Solution(problem, refined.trial, Settings(digits=None))
        return reference.errors(found).relative_l2_by_field["p"]

    found = pressure()
    monkeypatch.setattr(products, "LARGEST_SHARE", 0.0)
    assert found < pressure() / 30
