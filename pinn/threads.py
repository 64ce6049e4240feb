"""How many processors a training may use."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def limit_threads(count: int) -> Iterator[None]:
    """Limits torch's operations and BLAS to `count` threads while it is open.

    Threads of Python over halves of the points were tried: the many small operations of a narrow
    network hold the interpreter too long, and two threads inside each operation are faster.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
