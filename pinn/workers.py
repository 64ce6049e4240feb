"""Threads that share the points of one evaluation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Item = TypeVar("Item")
    Result = TypeVar("Result")


class Workers:
    """Runs a function on several items at once, each with single-threaded tensor operations.

    The points of a physics-informed network never mix, so their halves can be evaluated by two
    threads. That is faster than two threads inside each of many small operations. While it is
    open, torch uses one thread an operation, and BLAS at most `count`.

    Args:
        count: number of threads >= 1.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._stack = ExitStack()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Workers:
        self._stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)
        self._stack.enter_context(threadpool_limits(self.count, user_api="blas"))
        self._pool = self._stack.enter_context(ThreadPoolExecutor(self.count))
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()
        self._pool = None

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The results in the order of the items; the first exception is raised."""
        if self._pool is None or len(items) == 1:
            return [function(item) for item in items]
        return list(self._pool.map(function, items))
