"""The clock of a training's budget."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


def clock_of(device: torch.device, *, whole_process: bool = False) -> Callable[[], float]:
    """Seconds of computing time on a device, from an arbitrary origin.

    On a CPU these are the seconds that the calling thread itself was computing: other programs on
    a busy machine take none of them, so that the same budget buys the same steps. Threads of BLAS
    compute while this one does, and are not counted a second time. An accelerator works while its
    host waits, and is timed by the clock on the wall.

    Args:
        device: on which is computed.
        whole_process: whether all threads of the process count, not the calling one alone.
    """
    if device.type != "cpu":
        return time.monotonic
    return time.process_time if whole_process else time.thread_time
