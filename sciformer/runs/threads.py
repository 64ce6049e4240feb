"""Limits on the processors that a training may use."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def limit_threads(count: int) -> Iterator[None]:
    """Gives BLAS `count` threads and torch one, while it is open.

    The tensors of a narrow network are small: two torch threads gained a fifth on an idle machine
    and lost a factor of five beside one other busy process, because each of about a thousand
    operations a step waits for the slower thread. Two threads of BLAS gain as much in the normal
    equations and wait only there. Threads of Python over halves of the points gained nothing.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
