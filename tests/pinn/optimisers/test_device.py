"""Levenberg-Marquardt on an accelerator: the steps of the host, and one wait a trial.

A CPU stands in for the accelerator: its entry in the table of devices is exchanged.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import pinn
from pinn.assembly import build_trial
from pinn.loss import terms
from pinn.loss.least_squares import LeastSquares, Weighted
from pinn.optimisers import (
    LBFGS,
    Adam,
    FlatParameters,
    LevenbergMarquardt,
    Linearisation,
    Optimiser,
    SelfScaledBroyden,
)
from pinn.optimisers.device_equations import DeviceEquations
from pinn.optimisers.normal_equations import NormalEquations
from pinn.optimisers.quasi_newton import QuasiNewton
from pinn.problem.registry import find_problem
from pinn.sampling.samplers import Sample
from sciformer.hardware import ACCELERATOR, DEVICES
from tests.launches import Launches, stays_on_its_device
from tests.pinn.optimisers.test_optimisers import Objective, rosenbrock
from tests.stand_in import traffic


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEVICES, "cpu", ACCELERATOR)


def system(rows: int, parameters: int) -> Linearisation:
    generator = torch.Generator().manual_seed(3)
    jacobian = torch.randn(parameters, rows, generator=generator, dtype=torch.float64).T
    return Linearisation(torch.randn(rows, generator=generator, dtype=torch.float64), jacobian)


@pytest.mark.parametrize(("rows", "parameters"), [(30, 7), (7, 30), (9, 9)])
def test_both_solve_the_same_equations(rows: int, parameters: int) -> None:
    """Kills: a transposed factor, damping left out or added twice, a lost sign."""
    at = system(rows, parameters)
    host, device = NormalEquations(at), DeviceEquations(at)
    for damping in (0.3, 2.0):
        assert host.factorise(damping)
        assert device.factorise(damping)
        torch.testing.assert_close(device.step(), host.step(), rtol=1e-10, atol=1e-12)
        other = torch.linspace(-1, 2, rows, dtype=torch.float64)
        torch.testing.assert_close(device.solve(other), host.solve(other), rtol=1e-10, atol=1e-12)
    assert float(device.value) == pytest.approx(float(host.value), rel=1e-14)


@pytest.mark.parametrize(("rows", "parameters"), [(30, 7), (7, 30)])
def test_a_device_solves_what_the_host_solves(
    rows: int, parameters: int, card: torch.device
) -> None:
    at = system(rows, parameters)
    there = Linearisation(at.rows.to(card), at.jacobian.to(card))
    host, device = NormalEquations(at), DeviceEquations(there)
    for damping in (0.3, 2.0):
        assert host.factorise(damping)
        assert device.factorise(damping)
        torch.testing.assert_close(device.step().cpu(), host.step(), rtol=1e-10, atol=1e-12)


class Large(TorchDispatchMode):
    """How many results of at least so many numbers took memory of their own."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least, self.count = least, 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        found = function(*args, **(kwargs or {}))
        given = [a for a in (*args, *(kwargs or {}).values()) if isinstance(a, Tensor)]
        known = {tensor.untyped_storage().data_ptr() for tensor in given}
        for one in found if isinstance(found, (list, tuple)) else [found]:
            is_new = isinstance(one, Tensor) and one.untyped_storage().data_ptr() not in known
            self.count += is_new and one.numel() >= self.least
        return found


def test_memory_is_that_of_the_matrix_and_its_factor() -> None:
    """P^2 numbers twice, of which P = 30,000 parameters have 14.4 GB, whatever is tried.

    Kills: a copy of the matrix for the factor and one more for its mark, a factor kept while the
    next is made, a copy of the factor for each right side.
    """
    parameters = 40
    at = system(90, parameters)
    with Large(parameters**2) as matrix:
        equations = DeviceEquations(at)
    with Large(parameters**2) as factor:
        equations.factorise(0.5)
    with Large(parameters**2) as solved:
        equations.step()
        equations.solve(at.rows)
    assert (matrix.count, factor.count, solved.count) == (1, 1, 0)
    kept = weakref.ref(equations._factor)
    equations.factorise(1.0)
    assert kept() is None


@pytest.mark.usefixtures("accelerator")
def test_a_matrix_without_a_factor_is_a_failed_trial() -> None:
    """Kills: a factor of an indefinite matrix that is taken as it is."""
    equations = DeviceEquations(system(30, 7))
    equations.factorise(-1e6)
    assert bool(torch.isnan(equations.step()).all())


@pytest.mark.usefixtures("accelerator")
def test_the_host_waits_once_a_trial() -> None:
    """Kills: a comparison of norms, a check of a factor or a sum that is read by itself.

    One vector of three numbers is read: the sum of squares before, after, and as predicted.
    """
    objective = Objective(rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64))
    optimiser = LevenbergMarquardt()
    at = objective.linearise()
    objective.linearise = lambda: at  # type: ignore[method-assign]
    with Launches() as launches:
        report = optimiser.step(objective)
    assert report.accepted
    assert launches.waits <= 3


@pytest.mark.parametrize("make", [LevenbergMarquardt, Adam])
def test_the_host_waits_a_stated_number_of_times_a_step(
    make: Callable[[], Optimiser], card: torch.device
) -> None:
    """Of a whole step on two terms of Burgers' equation: once for each Jacobian, whose points must
    not mix, once for all rows to be finite, and once for the sums of a trial or the loss.

    Kills: a wait for each block, equation or term more than that; numbers that come back to the
    card in every step.
    """
    settings = pinn.Settings(network=pinn.MLP.Sizes(width=4), device=str(card))
    problem = find_problem("burgers")
    trial = build_trial(problem, settings)
    term, points = terms.interior(problem, trial), problem.domain.sample(40).to(card)
    weighted = [Weighted(term, Sample(p, torch.ones_like(p[:, 0]))) for p in (points, points[:9])]
    objective = LeastSquares(FlatParameters(list(trial.parameters())), weighted)
    optimiser = make()
    optimiser.step(objective)
    with traffic() as counted:
        report = optimiser.step(objective)
    assert report.accepted
    jacobians = 2 if optimiser.needs_jacobian else 0
    assert counted.waits <= jacobians + 2
    assert counted.uploads == 0


@pytest.mark.usefixtures("accelerator")
def test_the_valley_is_walked_as_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def walk() -> Tensor:
        objective = Objective(rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64))
        optimiser = LevenbergMarquardt()
        for _ in range(8):
            optimiser.step(objective)
        return objective.parameters.read()

    found = walk()
    monkeypatch.undo()
    torch.testing.assert_close(found, walk(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", [LBFGS, SelfScaledBroyden])
def test_a_line_search_brings_numbers_to_the_host_and_no_vectors(
    make: Callable[[], QuasiNewton],
) -> None:
    """Kills: parameters or gradients that scipy is given, an evaluation twice."""
    objective = Objective(rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64))
    optimiser, start = make(), objective.parameters.read()
    before, _ = objective.value_and_gradient()
    with stays_on_its_device() as copies:
        report = optimiser.step(objective)
    assert copies["numpy"] == copies["cpu"] == copies["tolist"] == 0
    assert report.accepted
    assert report.before == before > report.after == objective.value_and_gradient()[0]
    moved = objective.parameters.read() - start
    assert report.metrics["length"] * float(moved.norm()) > 0
