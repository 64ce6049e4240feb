"""Linear maps replaced by maps of low rank: the baseline of every compression of weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from sciformer.compression.edits import RANK, Edit
from sciformer.compression.factorise import factorisable, factorise
from sciformer.compression.transformation import Task, Transformation
from sciformer.errors import UsageError


class LowRank(Transformation):
    """The same relative error of every map, as small as the budget allows.

    A map (e, d) of rank r costs r (d + e) products instead of d e; it stays as it is where that
    would save nothing. With the tail of the squared singular values of a map over their sum as its
    error, the ranks are the least ones whose error is at most one bound for all maps.

    Source: Eckart and Young 1936 for one map; the common bound is ours.
    """

    def shrink(self, model: nn.Module, most: float, task: Task) -> tuple[Edit, ...]:
        start = task.cost(model)
        if start <= most:
            return ()
        tails = {
            name: _tail(stage.weight.detach().flatten(1))
            for name, stage in factorisable(model).items()
        }

        def cost(bound: float) -> int:
            smaller = copy.deepcopy(model)
            _factorise(smaller, tails, bound)
            return task.cost(smaller)

        bounds = sorted({float(value) for tail in tails.values() for value in tail})
        if not bounds or (least := cost(bounds[-1])) > most:
            reached = least / start if bounds else 1.0
            raise UsageError(
                f"compress: maps of rank 1 leave {reached:.2f} of the operations, "
                f"{most / start:.2f} were wanted; raise --budget or take --how prune."
            )
        low, high = 0, len(bounds) - 1
        while low < high:  # the cost falls as the bound rises
            middle = (low + high) // 2
            low, high = (middle + 1, high) if cost(bounds[middle]) > most else (low, middle)
        return _factorise(model, tails, bounds[low])


def _factorise(model: nn.Module, tails: dict[str, Tensor], bound: float) -> tuple[Edit, ...]:
    """Gives every map, in place, the least rank of an error of at most the bound, if that saves."""
    edits = []
    for name, stage in factorisable(model).items():
        rank = max(1, int((tails[name] > bound).sum()))
        shape = stage.weight.flatten(1).shape
        if rank * sum(shape) < shape.numel():
            factorise(model, name, rank)
            edits.append(Edit(RANK, name, rank))
    return tuple(edits)


def _tail(weight: Tensor) -> Tensor:
    """Entry r: the error of rank r over the norm, squared; 1 for rank 0."""
    squares = torch.linalg.svdvals(weight.double()).square()
    total = squares.sum().clamp(min=torch.finfo(torch.float64).tiny)
    tail: Tensor = squares.flip(0).cumsum(0).flip(0) / total
    return tail
