"""Times side by side, and the memory of a step."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path


def medians(*functions: Callable[[], object], runs: int = 9) -> list[float]:
    """Median seconds of each, run in turns after one run that does not count.

    A slow moment of the machine meets all of them.
    """
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(runs):
        for function, kept in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            kept.append(time.perf_counter() - start)
    return [statistics.median(kept) for kept in times]


def peak_megabytes(step: Callable[[], object], runs: int = 5) -> float:
    """Most resident memory during some steps, less that before them.

    The system's own high-water mark (Linux), set back just before, so that neither imports nor
    memory kept from an earlier step count. To be called once in a process.
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _resident("VmRSS")
    for _ in range(runs):
        step()
    return _resident("VmHWM") - before


def _resident(key: str) -> float:
    """A figure of this process in megabytes, such as VmRSS (now) or VmHWM (at most so far)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(status.partition(key + ":")[2].split()[0]) / 1024
