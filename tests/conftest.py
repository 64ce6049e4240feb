"""Repeatable tests: one thread, seeds that Hypothesis controls, figures without a window."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"

import pytest
import torch
from hypothesis import register_random, settings

torch.set_num_threads(1)
# What a user's own runs are remembered in; no test writes into a home.
STATE = tempfile.TemporaryDirectory()
os.environ["XDG_STATE_HOME"] = STATE.name


class TorchRandom:
    """torch's global generator as Hypothesis wants it, so that a failing example fails again."""

    def seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def getstate(self) -> torch.Tensor:
        return torch.get_rng_state()

    def setstate(self, state: torch.Tensor) -> None:
        torch.set_rng_state(state)


TORCH_RANDOM = TorchRandom()  # kept by name because Hypothesis holds only a weak reference
register_random(TORCH_RANDOM)

settings.register_profile("sciformer", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("sciformer")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Every test starts from the same seed, whichever ran before it."""
    torch.manual_seed(0)
