"""The common part of all ways that replace maps by products of two cheaper ones: one error for all
maps.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from sciformer.compression.edits import Edit
from sciformer.compression.factorise import factorisable, put
from sciformer.compression.transformation import Task, Transformation
from sciformer.errors import UsageError
from sciformer.mixers import Convolution


@dataclass(frozen=True)
class Option:
    """One pair of maps that may replace a map.

    Attributes:
        products: that the pair costs for each token.
        error: ||W - the product of the pair||_F^2 / ||W||_F^2.
        sizes: kind, rank and non-zeros, as in `Edit`.
        make: makes the pair.
    """

    products: int
    error: float
    sizes: tuple[str, int, int]
    make: Callable[[], nn.Module]


class Factorisation(Transformation):
    """Replacement of maps with the same relative error of each, as small as the budget allows.

    Each map takes the cheapest of its options whose error is at most one bound for all maps, and
    stays as it is where none is cheaper; the bound is the least one that meets the budget.
    """

    def shrink(self, model: nn.Module, most: float, task: Task) -> tuple[Edit, ...]:
        start = task.cost(model)
        if start <= most:
            return ()
        options = {
            name: [one for one in self.options(stage) if one.products < stage.weight.numel()]
            for name, stage in factorisable(model).items()
        }

        def cost(bound: float) -> int:
            smaller = copy.deepcopy(model)
            _replace(smaller, options, bound)
            return task.cost(smaller)

        bounds = sorted({one.error for found in options.values() for one in found})
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
        return _replace(model, options, bounds[low])

    @abstractmethod
    def options(self, stage: nn.Linear | Convolution) -> list[Option]:
        """The pairs that may replace a map."""


def _replace(model: nn.Module, options: dict[str, list[Option]], bound: float) -> tuple[Edit, ...]:
    """Gives every map, in place, its cheapest option of an error of at most the bound."""
    edits = []
    for name, found in options.items():
        fitting = [one for one in found if one.error <= bound]
        if fitting:
            best = min(fitting, key=lambda one: (one.products, one.error))
            put(model, name, best.make())
            kind, rank, nonzeros = best.sizes
            edits.append(Edit(kind, name, rank, nonzeros))
    return tuple(edits)
