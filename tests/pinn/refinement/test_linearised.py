"""The rows and their derivatives in the output weights, against one backward pass for each row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pinn.problem.problem import Problem
from pinn.refinement.linearised import (
    Imposed,
    Linearised,
    all_terms,
)
from pinn.refinement.stepping import gauss_newton_step
from pinn.refinement.wide_layer import WideLayer
from pinn.trial.conditions import soft
from pinn.trial.trial_solution import TrialSolution
from sciformer.hardware import ACCELERATOR, DEVICES, PROCESSOR
from tests.oracles.nested_autograd import row_jacobian
from tests.pinn.refinement.problems import (
    bernoulli,
    burgers,
    dispersive,
    flow_with_data,
    heat_with_unknown_diffusivity,
    imposed_on,
    layer_for,
    plate,
    ramp,
    trial_of,
)

PROBLEMS = [burgers, dispersive, plate, flow_with_data, bernoulli]


def with_layer(trial: TrialSolution, layer: WideLayer) -> TrialSolution:
    return TrialSolution(layer, trial.constraint)


def rows_of(problem: Problem, trial: TrialSolution, imposed: Imposed) -> Tensor:
    """The weighted rows by the terms themselves, term by term, equation by equation."""
    rows = []
    for term, sample in zip(all_terms(problem, trial), imposed.samples, strict=True):
        factors = (imposed.weights[term.name] * sample.weights / len(sample)).sqrt()
        rows.append((term.residual(sample.points) * factors[:, None]).T.reshape(-1))
    return torch.cat(rows)


@pytest.mark.parametrize("make", PROBLEMS)
def test_rows_and_derivatives_are_those_of_backward_passes(make: Callable[[], Problem]) -> None:
    """Kills: a field's columns in another's place, a factor or a weight left out, derivatives at
    output 0 for those at the present one, a channel of the jet skipped."""
    problem = make()
    trial = trial_of(problem)
    layer, imposed = layer_for(problem, trial), imposed_on(problem, trial)
    system = Linearised(problem, trial, layer)
    blocks = list(system.blocks(imposed))
    layer.output.requires_grad_()
    rows = rows_of(problem, with_layer(trial, layer), imposed)
    exact, rows = row_jacobian(rows, [layer.output]), rows.detach()
    found = torch.cat([b.transposed_jacobian().T for b in blocks])
    torch.testing.assert_close(torch.cat([b.rows.reshape(-1) for b in blocks]), rows)
    torch.testing.assert_close(found, exact, rtol=1e-9, atol=1e-9)
    change = torch.randn(system.columns, generator=torch.Generator().manual_seed(2)).double()
    expected = float((rows + exact @ change).square().sum())
    assert system.linear_value(imposed, change) == pytest.approx(expected, rel=1e-9)
    assert system.value(imposed) == pytest.approx(float(rows.square().sum()), rel=1e-12)


@pytest.mark.parametrize("make", PROBLEMS)
def test_a_jacobian_by_whole_channels_is_that_by_slopes(
    make: Callable[[], Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills: axes of fields and equations exchanged, a channel beside its slope."""
    problem = make()
    trial = trial_of(problem)
    layer, imposed = layer_for(problem, trial), imposed_on(problem, trial)
    blocks = list(Linearised(problem, trial, layer).blocks(imposed))
    expected = [block.transposed_jacobian() for block in blocks]
    monkeypatch.setitem(DEVICES, "cpu", ACCELERATOR)
    found = [block.transposed_jacobian() for block in blocks]
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


def test_blocks_of_points_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: factors of the first block for all, the mean over a block for that over the sample."""
    problem = plate()
    trial = trial_of(problem)
    layer, imposed = layer_for(problem, trial), imposed_on(problem, trial, 200)
    whole = gauss_newton_step(Linearised(problem, trial, layer), imposed)
    monkeypatch.setitem(DEVICES, "cpu", replace(PROCESSOR, block_neurons=1))
    system = Linearised(problem, trial, layer)
    assert len(list(system.blocks(imposed))) > 5
    torch.testing.assert_close(gauss_newton_step(system, imposed), whole, rtol=1e-6, atol=1e-9)


def test_a_solution_in_the_span_is_found_to_rounding() -> None:
    """Linear equation, all conditions soft, neurons on the inputs alone, one of them the solution.

    Kills: a sign, a soft condition that is left out, a shift that stays in, a second step needed.
    """
    problem = ramp()
    trial = trial_of(problem, conditions=soft)
    neurons = 25
    weights = torch.randn(neurons, 2, generator=torch.Generator().manual_seed(0)).double()
    bias = torch.linspace(-1, 1, neurons, dtype=torch.float64)
    weights[7], bias[7] = torch.tensor([1.0, -0.5]), 0.3
    for parameter in trial.parameters():
        parameter.data.zero_()
    layer = WideLayer(trial.network, [], weights, bias, torch.zeros(1, neurons).double())
    system = Linearised(problem, trial, layer)
    system.move(gauss_newton_step(system, imposed_on(problem, trial, 200)))
    points = problem.domain.sample(100)
    assert problem.reference is not None
    exact = torch.tensor(problem.reference(points.numpy())["u"])
    found = with_layer(trial, layer).at(points)[:, 0]
    assert float((found - exact).norm() / exact.norm()) < 1e-12


def test_derivatives_in_unknown_coefficients() -> None:
    """Kills: one derivative for all points, a coefficient in the columns of the neurons."""
    problem, _ = heat_with_unknown_diffusivity()
    trial = trial_of(problem)
    layer, imposed = layer_for(problem, trial), imposed_on(problem, trial)
    system = Linearised(problem, trial, layer, {"a": 0.6})
    blocks = list(system.blocks(imposed))
    value = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    refined = with_layer(trial, layer)
    rows = []
    terms = all_terms(problem, refined, {"a": value})
    for term, sample in zip(terms, imposed.samples, strict=True):
        factors = (imposed.weights[term.name] * sample.weights / len(sample)).sqrt()
        rows.append((term.residual(sample.points) * factors[:, None]).T.reshape(-1))
    exact = row_jacobian(torch.cat(rows), [value])[:, 0]
    found = torch.cat([b.transposed_jacobian()[-1] for b in blocks])
    torch.testing.assert_close(found, exact)
    assert system.columns == 6
    change = torch.tensor([0.0] * 5 + [2.0], dtype=torch.float64)
    expected = float((torch.cat(rows).detach() + 2.0 * exact).square().sum())
    assert system.linear_value(imposed, change) == pytest.approx(expected, rel=1e-9)
    assert float(exact.abs().max()) > 0.1
