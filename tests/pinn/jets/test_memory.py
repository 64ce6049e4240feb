"""What a step frees serves the next step."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource
import torch
import pinn.jets

def step():
    kept = [torch.ones(1 << 17, dtype=torch.float64) for _ in range(30)]  # 1 MB each

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a habit of glibc")
def test_thirty_megabytes_are_cleared_once() -> None:
    """Four steps of 30 MB ask for at most a twentieth of their 30,720 pages again.

    Kills: the block left out, or larger than glibc learns from.
    """
    shown = subprocess.run(
        [sys.executable, "-c", STEPS], capture_output=True, text=True, check=True
    )
    assert int(shown.stdout) < 4 * 30 * 256 / 20
