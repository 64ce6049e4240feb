"""Rounding of a solution whose neurons cancel."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pinn.refinement.candidates import Fit
from pinn.refinement.refine import Refiner, _Work
from pinn.refinement.rounding import rounding
from pinn.refinement.size import size_of
from pinn.refinement.timer import Timer
from pinn.refinement.wide_layer import WideLayer
from pinn.trial.trial_solution import TrialSolution
from sciformer.runs.processes import ALONE
from tests.pinn.refinement.problems import burgers, trial_of


def _fit_and_refined() -> tuple[Fit, TrialSolution, float]:
    problem, trial = burgers(), trial_of(burgers(), seed=3)
    refiner = Refiner(neurons=60)
    refined = refiner(problem, trial)
    work = _Work(refiner, problem, trial, {}, ALONE)
    fit = Fit(problem, *work._points(size_of(60, 1, 1)), ALONE, Timer(trial.device, None, ALONE))
    assert refined.report.error_estimate is not None
    return fit, refined.trial, refined.report.error_estimate


def _with_pairs(trial: TrialSolution, size: float) -> TrialSolution:
    """The same function: each neuron stands twice, with large weights that add up to its own."""
    made = copy.deepcopy(trial)
    for layer in [m for m in made.modules() if isinstance(m, WideLayer)]:
        noise = size * torch.randn_like(layer.output)
        for name in ("weights", "bias"):
            value = getattr(layer, name)
            setattr(layer, name, nn.Parameter(torch.cat([value, value]), requires_grad=False))
        parts = torch.cat([layer.output + noise, -noise], 1)
        layer.output = nn.Parameter(parts, requires_grad=False)
    return made


def _in_another_order(trial: TrialSolution) -> TrialSolution:
    made = copy.deepcopy(trial)
    for layer in [m for m in made.modules() if isinstance(m, WideLayer)]:
        order = torch.randperm(layer.output.shape[1])
        for name in ("weights", "bias"):
            value = getattr(layer, name)[order]
            setattr(layer, name, nn.Parameter(value, requires_grad=False))
        layer.output = nn.Parameter(layer.output[:, order], requires_grad=False)
    return made


def test_rounding_is_what_another_order_of_the_same_sum_changes() -> None:
    """Oracle: the same neurons, added in another order.

    Kills: weights that are moved all one way, one layer of several, a solution that is moved
    itself, a size that is not that of the solution.
    """
    torch.manual_seed(0)
    fit, trial, said = _fit_and_refined()
    for size in (1e5, 1e9):
        pairs = _with_pairs(trial, size)
        before = fit.fields(pairs)
        other = fit.fields(_in_another_order(pairs))
        found = rounding(fit, pairs)
        changed = float((other - before).norm() / before.norm())
        assert 0.3 * changed < found < 30 * changed
        assert torch.equal(fit.fields(pairs), before)
    assert rounding(fit, trial) <= said


def test_an_estimate_is_never_below_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills: rounding that is measured and left out."""
    monkeypatch.setattr("pinn.refinement.refine.rounding", lambda fit, trial: 0.125)
    _, _, said = _fit_and_refined()
    assert said >= 0.125
