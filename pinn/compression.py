"""Pruning of solutions: which hidden units are removed, and further training of the rest."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pinn.refinement.saved_layers import trunk
from pinn.solution import Solution
from pinn.trainers import make_trainer
from pinn.training.trainer import Limits
from pinn.trial.trial_solution import TrialSolution
from pinn.trial.windows import Windows
from sciformer.compression.prune import PlainCut, Removal
from sciformer.compression.sites import sites
from sciformer.compression.transformation import Task
from sciformer.errors import UsageError

if TYPE_CHECKING:
    from sciformer.compression import Edit


class Sensitivity(Removal):
    """The order of pruning: hidden units whose removal changes the residuals least per number go
    first.

    importance_i = |J g_i|^2 / numbers of the unit,   J g_i = sum over weights w that read i of
    w dr/dw: the derivative of all weighted residuals r by a factor of the unit.

    Removing the unit changes |r|^2 by about |J g_i|^2 where r is small, as it is in a trained
    solution. There the derivative of the loss itself, by which sequence models are pruned, is
    nearly 0 for every unit and tells nothing.

    Args:
        solution: gives problem and settings; its trial solution is not looked at.

    Source: the curvature of Hassibi, Stork 1993 (optimal brain surgeon) by Gauss and Newton, unit
        by unit and without its correction of the other weights: they are trained on.
    """

    def __init__(self, solution: Solution) -> None:
        self._solution = solution

    def scores(self, model: nn.Module, task: Task) -> dict[str, Tensor]:
        at, names = _linearised(self._solution, model)
        found = {}
        for site in sites(model):
            weight = site.reader_weight
            start = names[id(weight)]
            rows = at[:, start : start + weight.numel()]
            gates = torch.einsum("red,ed->rd", rows.view(-1, *weight.shape), weight.detach())
            found[site.name] = gates.square().sum(0) / numbers_of_a_unit(model, site.name)
        return {name: scores.double().cpu() for name, scores in found.items()}


def numbers_of_a_unit(model: nn.Module, name: str) -> int:
    """Number of trained numbers that belong to one unit of a site, by its name."""
    smaller = copy.deepcopy(model)
    site = next(site for site in sites(smaller) if site.name == name)
    if site.count == 1:
        return 1
    site.keep(torch.arange(site.count - 1))
    return count(model) - count(smaller)


@dataclass(frozen=True)
class Pruned:
    """A smaller network before its further training.

    Attributes:
        solution: without wide layers.
        edits: by which it is built again.
        plain: the same budget met by keeping the first units of each layer.
    """

    solution: Solution
    edits: tuple[Edit, ...]
    plain: Solution


def bare(solution: Solution) -> Solution:
    """A copy without wide layers: the network as it was trained."""
    trial = copy.deepcopy(solution.trial)
    trial.network = trunk(trial.network)
    return Solution(solution.problem, trial, solution.settings)


def prune(solution: Solution, budget: float) -> Pruned:
    """Removes hidden units of perceptrons until a share of the trained numbers is left.

    Args:
        solution: stays as it is.
        budget: share of the numbers, 0 < budget <= 1.

    Raises:
        UsageError: a network without hidden units that can go, or a budget out of reach.
        DomainError: a budget outside its range.
    """
    whole = bare(solution)
    if isinstance(solution.trial, Windows):
        raise UsageError(
            f"compress: the solution of {solution.problem.name} consists of windows in time, each "
            "with a small network; solve with --windows 1 for one network that can be pruned."
        )
    if not sites(whole.trial):
        raise UsageError(
            f"compress: the network of {solution.problem.name} has no layer of hidden units that "
            "only one other layer reads; name a run of an MLP or a PhysicsFormer."
        )
    task = Task(count, lambda _: (), lambda: ())
    smaller, edits = Sensitivity(whole)(whole.trial, budget, task)
    plain, _ = PlainCut()(whole.trial, budget, task)
    assert isinstance(smaller, TrialSolution)
    assert isinstance(plain, TrialSolution)
    problem, settings = whole.problem, whole.settings
    return Pruned(Solution(problem, smaller, settings), edits, Solution(problem, plain, settings))


def count(model: nn.Module) -> int:
    """Number of trained numbers."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def validation(solution: Solution) -> float | None:
    """Mean squared residual on points never trained on; None where the problem is all data."""
    trainer = make_trainer(solution, Limits(iterations=1))
    trainer.objectives.at(trainer.progress)
    unseen = trainer.objectives.held_out()
    return None if unseen is None else unseen.value()


def _linearised(solution: Solution, model: nn.Module) -> tuple[Tensor, dict[int, int]]:
    """Jacobian (R, P) of all residuals by the trained numbers, and where each weight begins."""
    assert isinstance(model, TrialSolution)
    trial = Solution(solution.problem, model, solution.settings)
    trainer = make_trainer(trial, Limits(iterations=1))
    jacobian = trainer.objectives.at(trainer.progress).linearise().jacobian
    starts, start = {}, 0
    for tensor in trainer.parameters.tensors:
        starts[id(tensor)] = start
        start += tensor.numel()
    return jacobian, starts
