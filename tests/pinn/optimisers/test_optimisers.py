"""Laws that every optimiser keeps, and what each is for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pinn.optimisers import (
    LBFGS,
    Adam,
    FlatParameters,
    FromLibrary,
    LevenbergMarquardt,
    Linearisation,
    Optimiser,
    SelfScaledBroyden,
)
from pinn.optimisers.device_equations import DeviceEquations
from pinn.optimisers.normal_equations import NormalEquations
from sciformer.errors import UnknownNameError, UsageError
from sciformer.runs.processes import ALONE
from sciformer.runs.state import pack, unpack

MAKERS: dict[str, Callable[[], Optimiser]] = {
    "levenberg-marquardt": LevenbergMarquardt,
    "self-scaled-broyden": SelfScaledBroyden,
    "lbfgs": LBFGS,
    "adam": lambda: Adam(0.05),
    "soap": lambda: FromLibrary("soap", 0.05),
}


class Objective:
    """Rows f(theta) with their Jacobian by automatic differentiation."""

    processes = ALONE

    def __init__(self, function: Callable[[Tensor], Tensor], start: Tensor) -> None:
        self.function = function
        self.parameters = FlatParameters([nn.Parameter(start.clone())])

    def rows(self) -> Tensor:
        return self.function(self.parameters.read())

    def linearise(self) -> Linearisation:
        at = self.parameters.read()
        jacobian = torch.autograd.functional.jacobian(self.function, at)
        assert isinstance(jacobian, Tensor)
        return Linearisation(self.function(at), jacobian)

    def value_and_gradient(self) -> tuple[float, Tensor]:
        at = self.linearise()
        return float(at.rows @ at.rows), 2 * at.rows @ at.jacobian


def rosenbrock(theta: Tensor) -> Tensor:
    return torch.stack([10 * (theta[1] - theta[0] ** 2), 1 - theta[0]])


def valley() -> Objective:
    return Objective(rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64))


@pytest.mark.parametrize("name", ["levenberg-marquardt", "self-scaled-broyden", "lbfgs"])
def test_the_valley_is_walked_to_its_end(name: str) -> None:
    objective, optimiser = valley(), MAKERS[name]()
    for _ in range(120):
        optimiser.step(objective)
    assert torch.allclose(objective.parameters.read(), torch.ones(2).double(), atol=1e-7)


@pytest.mark.parametrize("name", ["levenberg-marquardt", "self-scaled-broyden", "lbfgs"])
def test_no_accepted_step_goes_up(name: str) -> None:
    """Kills: accepting every trial."""
    objective, optimiser = valley(), MAKERS[name]()
    for _ in range(25):
        report = optimiser.step(objective)
        assert report.after <= report.before
        rows = objective.rows()
        assert float(rows @ rows) == pytest.approx(report.after, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", MAKERS)
def test_a_restored_optimiser_takes_the_same_steps(name: str) -> None:
    """Kills: a state that leaves out damping, growth, pairs, the matrix or the moments."""
    objective, optimiser = valley(), MAKERS[name]()
    for _ in range(7):
        optimiser.step(objective)
    other_objective = Objective(rosenbrock, objective.parameters.read())
    other = MAKERS[name]()
    other.restore(optimiser.state())
    for _ in range(5):
        optimiser.step(objective)
        other.step(other_objective)
        assert torch.equal(objective.parameters.read(), other_objective.parameters.read())


def test_adam_descends() -> None:
    objective, optimiser = valley(), Adam(0.05)
    first = optimiser.step(objective).before
    for _ in range(300):
        last = optimiser.step(objective)
    assert last.before < first / 5


@pytest.mark.parametrize("name", ["self-scaled-broyden", "lbfgs"])
def test_a_failed_search_says_so_and_leaves_the_point(name: str) -> None:
    """A value that no direction lowers, with a gradient that claims otherwise."""

    class Liar(Objective):
        def value_and_gradient(self) -> tuple[float, Tensor]:
            value, gradient = super().value_and_gradient()
            return value, -gradient

    objective = Liar(lambda theta: theta + 0.1, torch.ones(2, dtype=torch.float64))
    report = MAKERS[name]().step(objective)
    assert not report.accepted
    assert "line search failed" in report.note
    assert torch.equal(objective.parameters.read(), torch.ones(2).double())


def test_a_descent_that_was_not_foreseen_is_taken_as_it_is() -> None:
    """Where rounding is all that is left, no descent is predicted and some may come.

    Kills: the cube of a gain that has no bound, which overflows.
    """

    class Lucky(Objective):
        def rows(self) -> Tensor:
            return 0.1 * super().rows()

    objective = Lucky(lambda theta: torch.cat([theta, torch.ones(1)]), torch.zeros(2).double())
    optimiser = LevenbergMarquardt(0.6)
    assert optimiser.step(objective).accepted
    assert optimiser.state()["value"] == pytest.approx(0.2)


def test_levenberg_marquardt_gives_up_at_a_minimum_and_says_so() -> None:
    objective = Objective(lambda theta: torch.cat([theta, torch.ones(1)]), torch.zeros(2).double())
    report = LevenbergMarquardt().step(objective)
    assert not report.accepted
    assert report.note == "no descent in 8 trials"


def test_geodesic_acceleration_saves_steps_in_a_curved_valley() -> None:
    """Kills: the wrong sign or factor of the second-order correction."""

    def steps(optimiser: LevenbergMarquardt) -> int:
        objective = valley()
        for count in range(200):
            if optimiser.step(objective).after < 1e-20:
                return count
        return 200

    class Plain(LevenbergMarquardt):
        @staticmethod
        def _accelerated(step: Tensor, second: Tensor) -> Tensor:
            return step

    class Wrong(LevenbergMarquardt):
        @staticmethod
        def _accelerated(step: Tensor, second: Tensor) -> Tensor:
            return LevenbergMarquardt._accelerated(step, -second)

    assert steps(LevenbergMarquardt()) < steps(Plain()) < steps(Wrong())


@given(
    rows=st.integers(1, 12),
    parameters=st.integers(1, 12),
    transposed=st.booleans(),
    damping=st.floats(1e-3, 10),
)
def test_damped_normal_equations(
    rows: int, parameters: int, transposed: bool, damping: float
) -> None:
    """Kills: the dual form without its transpose, damping added twice."""
    jacobian = torch.randn(rows, parameters, dtype=torch.float64)
    right = torch.randn(rows, dtype=torch.float64)
    laid_out = jacobian.T.contiguous().T if transposed else jacobian
    system = NormalEquations(Linearisation(torch.zeros(rows).double(), laid_out))
    assert system.factorise(100 * damping)
    assert system.factorise(damping)
    scale = float(jacobian.square().sum()) / parameters
    matrix = jacobian.T @ jacobian + damping * scale * torch.eye(parameters, dtype=torch.float64)
    expected = -torch.linalg.solve(matrix, jacobian.T @ right)
    bound = 1e-13 * (1 + parameters / damping) * (1 + 1 / scale)
    assert torch.allclose(system.solve(right), expected, rtol=0, atol=bound * 10)


@given(exponent=st.integers(-60, 60))
def test_rows_in_other_units_give_the_same_steps_bit_for_bit(exponent: int) -> None:
    """Powers of two round nothing. Kills: a damping, a floor or a cap that has a unit."""
    one, other = (
        valley(),
        Objective(lambda theta: 2.0**exponent * rosenbrock(theta), valley().parameters.read()),
    )
    first, second = LevenbergMarquardt(), LevenbergMarquardt()
    for _ in range(12):
        first.step(one)
        second.step(other)
        assert torch.equal(one.parameters.read(), other.parameters.read())


@pytest.mark.parametrize("equations", [NormalEquations, DeviceEquations])
@pytest.mark.parametrize("factor", [1e-8, 1e8])
@pytest.mark.parametrize(("rows", "parameters"), [(20, 7), (7, 20)])
def test_either_kind_of_equations_has_no_unit(
    equations: Any, factor: float, rows: int, parameters: int
) -> None:
    """Kills: damping that is relative in one of the four ways only."""
    generator = torch.Generator().manual_seed(5)
    jacobian = torch.randn(rows, parameters, generator=generator, dtype=torch.float64)
    right = torch.randn(rows, generator=generator, dtype=torch.float64)
    steps = []
    for unit in (1.0, factor):
        system = equations(Linearisation(unit * right, unit * jacobian))
        assert system.factorise(0.1)
        steps.append(system.step())
    torch.testing.assert_close(steps[1], steps[0], rtol=1e-11, atol=1e-13)


def test_a_step_that_is_given_up_starts_the_damping_anew() -> None:
    """Kills: a damping that stays where it was driven, and steps that are tiny ever after."""
    optimiser = LevenbergMarquardt(0.5)
    objective = Objective(lambda theta: torch.cat([theta, torch.ones(1)]), torch.zeros(2).double())
    for count in (1, 2):
        report = optimiser.step(objective)
        assert not report.accepted
        assert report.metrics == {"damping": 0.5, "restarts": count}
    other = LevenbergMarquardt(0.5)
    other.restore(optimiser.state())
    assert other.state() == optimiser.state()


class Matrix:
    """A least-squares problem in a (3, 2) matrix and a vector: shapes that SOAP rotates."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(3)
        shapes = [(3, 2), (2,)]
        start = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
        self.parameters = FlatParameters([nn.Parameter(tensor) for tensor in start])
        self._map = torch.randn(12, 8, generator=generator, dtype=torch.float64)

    def rows(self) -> Tensor:
        return self._map @ self.parameters.read() - 1

    def linearise(self) -> Linearisation:
        return Linearisation(self.rows(), self._map)

    def value_and_gradient(self) -> tuple[float, Tensor]:
        return float(self.rows() @ self.rows()), 2 * self.rows() @ self._map


@pytest.mark.parametrize("name", ["soap", "adamw", "lion"])
def test_an_optimiser_of_the_library_sees_shapes_and_resumes(name: str) -> None:
    """Kills: a flat vector given to SOAP, lists or step counts lost in the state."""
    whole, stopped = Matrix(), Matrix()
    optimiser, first = FromLibrary(name, 0.02), FromLibrary(name, 0.02)
    before = whole.value_and_gradient()[0]
    for _ in range(40):
        optimiser.step(whole)
    assert whole.value_and_gradient()[0] < before
    for _ in range(23):
        first.step(stopped)
    tensors, plain = pack(first.state())
    second = FromLibrary(name, 0.02)
    second.restore(unpack(tensors, json.loads(json.dumps(plain))))
    for _ in range(17):
        second.step(stopped)
    assert torch.equal(whole.parameters.read(), stopped.parameters.read())


def test_an_optimiser_that_is_nowhere_gets_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown optimiser 'saop'"):
        FromLibrary("saop")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(UsageError, match=r"pip install 'sciformer\[optimisers\]'"):
        FromLibrary("soap")


@pytest.mark.parametrize(("size", "is_trusted"), [(0.7, True), (0.8, False)])
def test_a_long_second_order_correction_is_not_trusted(size: float, is_trusted: bool) -> None:
    """Longer than .75 |step|: the step alone. Kills: another limit."""
    step, second = torch.tensor([0.6, 0.8]), size * torch.tensor([0.0, 1.0])
    wanted = step + second / 2 if is_trusted else step
    assert torch.equal(LevenbergMarquardt._accelerated(step, second), wanted)
