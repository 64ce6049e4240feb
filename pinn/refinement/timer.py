"""The time that a refinement may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sciformer.runs.clock import clock_of

if TYPE_CHECKING:
    import torch

    from sciformer.runs.processes import Processes


class Timer:
    """Seconds since it was made, and whether a limit is over in any process.

    Args:
        device: whose clock counts.
        seconds: the limit; None for none.
        processes: who stops together.
    """

    def __init__(self, device: torch.device, seconds: float | None, processes: Processes) -> None:
        self._clock, self._limit, self._processes = clock_of(device), seconds, processes
        self._begun = self._clock()

    def elapsed(self) -> float:
        """Seconds so far."""
        return self._clock() - self._begun

    def is_over(self, ahead: float = 0.0) -> bool:
        """Whether no time is left for work of `ahead` seconds."""
        over = self._limit is not None and self.elapsed() + ahead > self._limit
        return bool(self._processes.agree(over))
