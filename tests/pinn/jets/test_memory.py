"""What a step frees serves the next step, and after a training belongs to the system again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource
import torch
from pinn.jets.memory import kept_memory

def step():
    kept = [torch.ones(1 << 17, dtype=torch.float64) for _ in range(30)]  # 1 MB each

with kept_memory():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PEAK = """
import torch
from pinn.jets.memory import kept_memory

with kept_memory():
    kept = [torch.ones(1 << 21) for _ in range(8)]  # 8 MB each
    del kept

def resident():  # without pages of files, which a system may drop and read again at any time
    status = open("/proc/self/status").read()
    return int(status.split("RssAnon:")[1].split()[0]) >> 10

before, small = resident(), []
for _ in range(50):  # as attention in blocks does: a large one goes, a small result stays
    large = torch.ones(1 << 21)
    small.append(torch.ones(1 << 10))
    del large
print(resident() - before)
"""
IMPORT = """
import ctypes
import torch
import resource

seen = []
empty = torch.empty
torch.empty = lambda *a, **k: seen.append(a) or empty(*a, **k)
import pinn.jets
assert not seen, seen
print(0)
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a habit of glibc")


def answer(program: str) -> int:
    """The number that a program of its own prints."""
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return int(shown.stdout)


@glibc
def test_thirty_megabytes_are_cleared_once() -> None:
    """Four steps of 30 MB ask for at most a tenth of their 30,720 pages again.

    The best of three programs counts, because pages of files that the system has dropped are asked
    for again too. Kills: thresholds left as they are, or below 30 MB.
    """
    assert min(answer(STEPS) for _ in range(3)) < 4 * 30 * 256 / 10


@glibc
def test_large_blocks_are_given_back_after_a_training() -> None:
    """Fifty blocks of 8 MB leave less than two of them, in the best of three programs: what is
    resident lags behind. Kills: thresholds that stay."""
    assert min(answer(PEAK) for _ in range(3)) < 16


def test_importing_the_jets_allocates_nothing() -> None:
    """Kills: the hint given at import."""
    assert answer(IMPORT) == 0
