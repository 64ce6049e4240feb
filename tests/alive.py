"""A count of numbers that are alive at once, so that formulas of memory can be tested."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Alive(TorchDispatchMode):
    """Counts the entries of tensors that operations make, and the most that are held at once.

    Views hold what they look at. Inputs are not counted.

    Args:
        counts: whether a new tensor is one of those to be counted.
    """

    def __init__(self, counts: Callable[[Tensor], bool] = lambda made: True) -> None:
        super().__init__()
        self.counts = counts
        self.given: set[int] = set()
        self.holders: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        for tensor in _tensors((args, kwargs)):
            if _place(tensor) not in self.holders:
                self.given.add(_place(tensor))
        found = function(*args, **(kwargs or {}))
        for tensor in _tensors(found):
            self._hold(tensor)
        return found

    def _hold(self, tensor: Tensor) -> None:
        place = _place(tensor)
        if place in self.given:
            return
        if place not in self.holders:
            self.holders[place] = 0
            self.sizes[place] = tensor.numel() if self.counts(tensor) else 0
            self.peak = max(self.peak, sum(self.sizes.values()))
        self.holders[place] += 1
        weakref.finalize(tensor, self._release, place)

    def _release(self, place: int) -> None:
        self.holders[place] -= 1
        if not self.holders[place]:
            del self.holders[place], self.sizes[place]


def _place(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
