"""Removal of units: hidden units, memory channels and heads, the least important first."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections import defaultdict

import torch
from torch import Tensor, nn

from sciformer.compression.edits import UNITS, Edit
from sciformer.compression.sites import sites
from sciformer.compression.transformation import Task, Transformation
from sciformer.errors import UsageError

# Removals between two estimates of what matters: an estimate costs a pass over the training split
# and holds only as long as few units have gone since.
ROUNDS = 8


class Removal(Transformation):
    """Units removed by a score, the lowest first, until the budget is met.

    A unit that is removed is gone exactly: the model gives what it gave with zeros in place of the
    weights that read the unit. One unit stays in every place.
    """

    def shrink(self, model: nn.Module, most: float, task: Task) -> tuple[Edit, ...]:
        before = {site.name: site.count for site in sites(model)}
        start = task.cost(model)
        _refuse_less(model, most, task)
        for done in range(1, ROUNDS + 1):
            goal = start + (most - start) * done / ROUNDS
            if task.cost(model) > goal:
                _remove(model, self.scores(model, task), goal, task)
        return tuple(
            Edit(UNITS, site.name, site.count)
            for site in sites(model)
            if site.count < before[site.name]
        )

    @abstractmethod
    def scores(self, model: nn.Module, task: Task) -> dict[str, Tensor]:
        """A number for each unit of each site, by its name; the lowest go first."""


class Prune(Removal):
    """Removal of the units of least importance to the loss per operation that they cost.

    importance_i = sum over batches of (sum over the weights w that read unit i of w dL/dw)^2,

    the square of the derivative of the loss by a factor of the unit, over the operations saved.

    Source: Molchanov et al. 2019, "Importance estimation for neural network pruning", with gates.
    Deviates: the division by the operations saved is ours.
    """

    def scores(self, model: nn.Module, task: Task) -> dict[str, Tensor]:
        places = sites(model)
        scores = {site.name: torch.zeros(site.count, dtype=torch.float64) for site in places}
        for loss in task.losses(model):
            model.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            for site in places:
                scores[site.name] += site.gate_gradient().double().cpu().square()
        model.zero_grad()
        savings = _savings(model, task)
        return {name: values / savings[name] for name, values in scores.items()}


class PlainCut(Removal):
    """Removal of the last units of every place, the same share everywhere: the trivial baseline.

    The baseline that every other way of removing units has to beat.
    """

    def scores(self, model: nn.Module, task: Task) -> dict[str, Tensor]:
        return {
            site.name: 1 - torch.arange(site.count, dtype=torch.float64) / site.count
            for site in sites(model)
        }


def _savings(model: nn.Module, task: Task) -> dict[str, int]:
    """Operations that go with one unit of each site; 1 where there is no second unit."""
    whole, found = task.cost(model), {}
    for index, site in enumerate(sites(model)):
        smaller = copy.deepcopy(model)
        sites(smaller)[index].keep(torch.arange(max(1, site.count - 1)))
        found[site.name] = max(1, whole - task.cost(smaller))
    return found


def _remove(model: nn.Module, scores: dict[str, Tensor], goal: float, task: Task) -> None:
    """Removes, in place, the fewest units of lowest score that meet the goal."""
    order = sorted(
        (float(value), name, unit)
        for name, values in scores.items()
        for unit, value in enumerate(values)
        if unit != int(values.argmax())
    )
    low, high = 1, len(order)
    while low < high:  # each unit costs something, so the cost falls with their number
        middle = (low + high) // 2
        smaller = copy.deepcopy(model)
        _without(smaller, order[:middle])
        low, high = (middle + 1, high) if task.cost(smaller) > goal else (low, middle)
    _without(model, order[:low])


def _without(model: nn.Module, units: list[tuple[float, str, int]]) -> None:
    gone = defaultdict(set)
    for _, name, unit in units:
        gone[name].add(unit)
    for site in sites(model):
        if lost := gone.get(site.name):
            site.keep(torch.tensor([unit for unit in range(site.count) if unit not in lost]))


def _refuse_less(model: nn.Module, most: float, task: Task) -> None:
    least = copy.deepcopy(model)
    for site in sites(least):
        site.keep(torch.arange(1))
    if (cost := task.cost(least)) > most:
        raise UsageError(
            f"compress: one unit in every place leaves {cost / task.cost(model):.4g} of the "
            f"operations, {most / task.cost(model):.4g} were wanted; raise --budget or train a "
            "smaller model."
        )
