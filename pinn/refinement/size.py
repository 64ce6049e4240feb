"""Number of neurons that the remaining time and memory allow."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from sciformer.hardware import hardware, usable_memory

# Rows for each column: with 4 the rows are fitted beyond what the validation residual shows, with
# 8 the time is better spent on columns (Burgers, 2,000 columns).
ROWS_PER_COLUMN = 6.0
# Neurons where neither clock nor memory says otherwise: about 10 s of one core.
COLUMNS = 2000
# Fewer columns than these improve on hardly any trained network.
FEWEST_COLUMNS = 200
# More columns than these bring no digits that float64 could show, and fill gigabytes.
MOST_COLUMNS = 6000
# Bytes for Jacobian, Gram matrix and factor: a default solve stays below 1.5 GiB with them.
MEMORY = 1 << 30
# A linear solve takes as long as its Gram matrix, and as one of so many columns more: for conjugate
# gradients and entries of the Jacobian, and for neurons, which serve all fields. Both grow with the
# square and not the cube (measured, one core: one field, and the four of Ethier-Steinman).
ENTRIES, NEURONS = 2000, 3500
# Linear solves in a refinement: one for each of two scales and one more step.
SOLVES = 3
# A machine that others use as well may be half as fast as in the moment that is measured.
HASTE = 0.7
# Columns and rows of the product that is timed: 10 to 20 milliseconds.
PROBE = (512, 1024)
# Some clocks of computing time go by steps of a sixtieth of a second.
PROBE_SECONDS = 0.03
# The same on an accelerator, which smaller products do not fill: 1 millisecond to 0.1 seconds.
DEVICE_PROBE = (2048, 4096)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Size:
    """Sizes of a refinement.

    Attributes:
        neurons: m.
        points: inside the domain.
    """

    neurons: int
    points: int


def choose_size(
    fields: int,
    equations: int,
    seconds: float | None = None,
    memory: int | None = None,
    device: torch.device = CPU,
) -> Size | None:
    """The largest refinement that fits, None if only one too small to help does.

    Args:
        fields: f, each with a block of columns.
        equations: e, each with a row at every point.
        seconds: time that is left; None takes `COLUMNS`, the same on every machine.
        memory: bytes for the linear systems; None for `MEMORY`, or what is free on an accelerator.
        device: on which they are solved.
    """
    if memory is None:
        is_card = hardware(device).prefers_few_launches
        memory = usable_memory(device) if is_card else MEMORY
    columns = (
        COLUMNS if seconds is None else int(_columns_in(HASTE * seconds / SOLVES, fields, device))
    )
    columns = min(columns, MOST_COLUMNS, _columns_within(memory))
    if columns < FEWEST_COLUMNS:
        return None
    return size_of(max(1, columns // fields), fields, equations)


def size_of(neurons: int, fields: int, equations: int) -> Size:
    """The sizes that go with a number of neurons."""
    return Size(neurons, round(ROWS_PER_COLUMN * neurons * fields / equations))


def _columns_in(seconds: float, fields: int, device: torch.device) -> float:
    """Columns of a linear solve that takes so long: C^2 (C + other) rows / columns = flops."""
    flops, other = seconds * _speed(device), ENTRIES + NEURONS / fields
    columns = 1.0
    for _ in range(60):  # a contraction: converges like Newton's method for the cube root
        columns = (flops / ROWS_PER_COLUMN / (1 + other / columns)) ** (1 / 3)
    return columns


def _columns_within(memory: int) -> int:
    """Columns for which Jacobian, Gram matrix and its factor fit: (rows per column + 2) C^2 numbers
    of 8 bytes.
    """
    return int((memory / 8 / (ROWS_PER_COLUMN + 2)) ** 0.5)


def _speed(device: torch.device) -> float:
    """Multiply-adds for a Gram matrix per second of computing, in this process now."""
    return _device_speed(device) if hardware(device).prefers_few_launches else _host_speed()


def _device_speed(device: torch.device) -> float:
    columns, rows = DEVICE_PROBE
    matrix = torch.ones(columns, rows, dtype=torch.float64, device=device)
    float((matrix @ matrix.T)[0, 0])  # the first call loads a library; a number read is waited for
    begun = time.monotonic()
    float((matrix @ matrix.T)[0, 0])
    return rows * columns**2 / (time.monotonic() - begun)


def _host_speed() -> float:
    from scipy.linalg import blas

    columns, rows = PROBE
    matrix = np.ones((columns, rows)).T
    blas.dsyrk(1.0, matrix, trans=1, lower=1)  # the first call starts threads and fills caches
    begun, count = time.thread_time(), 0
    while (spent := time.thread_time() - begun) < PROBE_SECONDS:
        blas.dsyrk(1.0, matrix, trans=1, lower=1)
        count += 1
    return count * rows * columns**2 / spent
