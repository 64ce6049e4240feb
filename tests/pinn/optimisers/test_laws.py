"""Formulas of the optimisers: damping, rates, secant equations, and the conditions of Wolfe."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinn.optimisers import LBFGS, Adam, Linearisation, SelfScaledBroyden
from pinn.optimisers.device_equations import DeviceEquations
from pinn.optimisers.levenberg_marquardt import LEAST, _Damping
from pinn.optimisers.normal_equations import NormalEquations
from pinn.optimisers.quasi_newton import _LimitedMemory, _scaling, _SelfScaled
from pinn.optimisers.resumable import resumes_exactly
from tests.pinn.optimisers.test_optimisers import Matrix, Objective, rosenbrock, valley


@pytest.mark.parametrize(
    ("gain", "factor"), [(0.25, 1.125), (0.5, 1.0), (0.75, 0.875), (0.9, 1 - 0.8**3), (1.0, 1 / 3)]
)
def test_damping_follows_the_gain(gain: float, factor: float) -> None:
    """max(1/3, 1 - (2 g - 1)^3) of Nielsen. Kills: another power, sign or least factor."""
    damping = _Damping(0.4, growth=8.0)
    damping.accept(gain)
    assert damping.value == pytest.approx(0.4 * factor, rel=1e-14)
    assert damping.growth == 2.0


def test_damping_grows_ever_faster_and_has_a_floor() -> None:
    """Times 2, 4, 8. Kills: growth that stays, growth before the value, damping of 0."""
    damping = _Damping(0.4)
    grown = []
    for _ in range(3):
        damping.reject()
        grown.append(damping.value)
    assert grown == pytest.approx([0.8, 3.2, 25.6], rel=1e-14)
    for _ in range(60):
        damping.accept(1.0)
    assert damping.value == LEAST


def test_the_rate_warms_up_and_decays_to_a_hundredth() -> None:
    """Over 50 steps up, by a cosine down. Kills: a warm-up or decay that is off by a step."""
    horizon, optimiser, objective = 200, Adam(0.03, 200), Matrix()
    rates = [optimiser.step(objective).metrics["learning_rate"] for _ in range(230)]
    wanted = [
        0.03
        * min(1.0, (k + 1) / 50)
        * (0.01 + 0.495 * (1 + math.cos(math.pi * min(k / horizon, 1))))
        for k in range(230)
    ]
    assert rates == pytest.approx(wanted, rel=1e-12)
    assert rates[0] == pytest.approx(0.03 / 50, rel=1e-3)
    assert rates[-1] == pytest.approx(3e-4, rel=1e-12)


def pairs(count: int, size: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Steps and changes of the gradient of one quadratic, all with s.y > 0."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(size, size, generator=generator, dtype=torch.float64)
    hessian = root @ root.T + torch.eye(size, dtype=torch.float64)
    steps = torch.randn(count, size, generator=generator, dtype=torch.float64)
    return [(s, hessian @ s) for s in steps]


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 6), count=st.integers(1, 4), seed=st.integers(0, 99))
def test_models_satisfy_the_secant_equation_and_stay_positive(
    size: int, count: int, seed: int
) -> None:
    """H y = s for the last pair, H = H^T > 0. Kills: a term, sign or factor of either update."""
    for model in (_LimitedMemory(3), _SelfScaled()):
        identity = torch.eye(size, dtype=torch.float64)
        for s, y in pairs(count, size, seed):
            # s = length * (-H g): the gradient that this step would have been taken along.
            h = torch.stack([model.times(e) for e in identity], 1)
            g = -torch.linalg.solve(h, s) / 0.7
            model.learn(s, y, g, 0.7)
            torch.testing.assert_close(model.times(y), s, rtol=1e-7, atol=1e-9)
        h = torch.stack([model.times(e) for e in identity], 1)
        torch.testing.assert_close(h, h.T, rtol=1e-7, atol=1e-9)
        assert float(torch.linalg.eigvalsh(h).min()) > 0


@pytest.mark.parametrize("count", [1, 2, 5])
def test_limited_memory_is_bfgs_with_the_last_pairs(count: int) -> None:
    """By full matrices: H <- V^T H V + s s^T / s.y, V = I - y s^T / s.y, from s.y / y.y I.

    Kills: pairs in the wrong order, the first scaling by another pair, one pair too many.
    """
    history, size = 3, 5
    model, made = _LimitedMemory(history), pairs(count, size, seed=4)
    for s, y in made:
        model.learn(s, y, s, 1.0)
    s, y = made[-1]
    identity = torch.eye(size, dtype=torch.float64)
    h = (s @ y) / (y @ y) * identity
    for s, y in made[-history:]:
        v = identity - torch.outer(y, s) / (s @ y)
        h = v.T @ h @ v + torch.outer(s, s) / (s @ y)
    gradient = torch.arange(1.0, size + 1).double()
    torch.testing.assert_close(model.times(gradient), h @ gradient, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("b", "h", "size", "tau", "phi"),
    [
        (0.5, 4.0, 3, math.sqrt(0.5), 0.0),  # a 1, rho 1, theta 1, sigma 2, root 2^(-1/2)
        (2.0, 1.0, 3, 0.5, 3.0),  # a 1, rho .29, theta -1/2, sigma 1/2, root 2^(1/2)
        (2.0, 0.5, 3, 0.5, 1.0),  # b h = 1: the step was that of the exact Hessian
        (0.25, 4.0, 3, 1.0, 1.0),
        (0.5, 4.0, 1, 1.0, 0.0),  # one number: root 1
    ],
)
def test_scaling_and_parameter_of_the_self_scaled_update(
    b: float, h: float, size: int, tau: float, phi: float
) -> None:
    """Worked by hand from the formulas. Kills: a minimum for a maximum, b and h exchanged."""
    assert _scaling(b, h, size) == pytest.approx((tau, phi), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("make", [LBFGS, SelfScaledBroyden])
@pytest.mark.parametrize("curvature", [0.1, 0.9])
def test_accepted_steps_satisfy_the_conditions_of_wolfe(make: Any, curvature: float) -> None:
    """Kills: a curvature that is not passed on, a search that only descends, a wrong count."""

    class Counting(Objective):
        count = 0

        def value_and_gradient(self) -> tuple[float, Tensor]:
            self.count += 1
            return super().value_and_gradient()

    objective = Counting(rosenbrock, valley().parameters.read())
    optimiser = make(curvature=curvature)
    for _ in range(12):
        start = objective.parameters.read()
        before, first = Objective.value_and_gradient(objective)
        objective.count = 0
        report = optimiser.step(objective)
        assert report.accepted
        assert report.evaluations == objective.count
        step = objective.parameters.read() - start
        after, last = Objective.value_and_gradient(objective)
        assert after <= before + 1e-4 * float(first @ step)
        assert abs(float(last @ step)) <= curvature * abs(float(first @ step)) * (1 + 1e-9)
        assert (report.before, report.after) == pytest.approx((before, after), rel=1e-12)


def test_one_self_scaled_update_is_the_formula_by_full_matrices() -> None:
    """H <- (H - H y y^T H / y.Hy + phi v v^T) / tau + s s^T / s.y with b = s.H^-1 s / s.y.

    Kills: a factor tau or phi of another size of problem, b from the wrong step length.
    """
    size, length = 5, 0.7
    (first, second) = pairs(2, size, seed=6)
    model, identity = _SelfScaled(), torch.eye(size, dtype=torch.float64)
    model.learn(*first, -first[0], 1.0)
    h = torch.stack([model.times(e) for e in identity], 1)
    s, y = second
    model.learn(s, y, -torch.linalg.solve(h, s) / length, length)
    sy, hy = s @ y, h @ y
    yhy = y @ hy
    tau, phi = _scaling(float(s @ torch.linalg.solve(h, s) / sy), float(yhy / sy), size)
    v = yhy.sqrt() * (s / sy - hy / yhy)
    wanted = (h - torch.outer(hy, hy) / yhy + phi * torch.outer(v, v)) / tau
    wanted = wanted + torch.outer(s, s) / sy
    found = torch.stack([model.times(e) for e in identity], 1)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)


class Shared:
    """Processes of which the other one has the rows of `other`; sums are what both make of them."""

    size = 2

    def __init__(self, other: Linearisation, more: Tensor) -> None:
        self._other, self._more = other, more

    def total(self, *parts: Tensor) -> list[Tensor]:
        rows, jacobian = self._other.rows, self._other.jacobian
        if len(parts) == 1:
            return [parts[0] + jacobian.T @ self._more]
        theirs = (jacobian.T @ jacobian, jacobian.T @ rows, rows @ rows)
        return [a + b for a, b in zip(parts, theirs, strict=True)]


@pytest.mark.parametrize("equations", [NormalEquations, DeviceEquations])
@pytest.mark.parametrize("split", [3, 9])
def test_rows_of_two_processes_are_solved_as_those_of_one(equations: Any, split: int) -> None:
    """Fewer rows than parameters on one side. Kills: a sum left out, the smaller of two matrices
    chosen by the rows at hand, a damping by the trace of one part."""
    generator = torch.Generator().manual_seed(8)
    jacobian = torch.randn(14, 6, generator=generator, dtype=torch.float64)
    rows, more = torch.randn(2, 14, generator=generator, dtype=torch.float64)
    whole = equations(Linearisation(rows, jacobian))
    part, rest = slice(split), slice(split, None)
    shared = Shared(Linearisation(rows[rest], jacobian[rest]), more[rest])
    half = equations(Linearisation(rows[part], jacobian[part]), shared)
    assert float(half.value) == pytest.approx(float(whole.value), rel=1e-13)
    for damping in (0.1, 3.0):
        assert whole.factorise(damping)
        assert half.factorise(damping)
        torch.testing.assert_close(half.step(), whole.step(), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(
            half.solve(more[part]), whole.solve(more), rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize(("forgetful", "exact"), [((), True), ((0, 4), False), (range(5), False)])
def test_an_optimiser_that_forgets_a_part_does_not_resume_exactly(
    forgetful: Any, exact: bool
) -> None:
    """Steps that grow by a counter of each tensor. Kills: one tensor that agrees is enough."""

    class Growing:
        def __init__(self) -> None:
            self.counts = torch.zeros(5)

        def step(self, objective: Any) -> None:
            _, gradient = objective.value_and_gradient()
            tensors = objective.parameters.tensors
            parts = torch.split(gradient, [p.numel() for p in tensors])
            with torch.no_grad():
                for k, (tensor, part) in enumerate(zip(tensors, parts, strict=True)):
                    tensor -= 0.01 * (1 + self.counts[k]) * part.view_as(tensor)
            self.counts += 1

        def full_state(self) -> Any:
            return {"counts": self.counts}

        def restore_full(self, state: Any) -> None:
            self.counts = state["counts"]
            for k in forgetful:
                self.counts[k] = 0.0

    assert resumes_exactly(Growing) is exact
