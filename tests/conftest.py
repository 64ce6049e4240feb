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

from sciformer.cli.arguments import DEVICES
from tests import stand_in

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


# Before any test: torch starts the threads of reverse passes for the devices that it knows when
# the first of them runs.
if stand_in.is_possible():
    stand_in.stand_in()

CARDS = [
    *([stand_in.NAME] if stand_in.is_possible() else []),
    *(["cuda"] if torch.cuda.is_available() else []),
]


def _placed(name: str, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    if name != stand_in.NAME:
        return torch.device(name)
    monkeypatch.setattr("sciformer.cli.arguments.DEVICES", (*DEVICES, name))
    return stand_in.stand_in()


@pytest.fixture(params=["cpu", *CARDS])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Every kind of device: the CPU, the strict stand-in for a card, and a card if there is one."""
    return _placed(request.param, monkeypatch)


@pytest.fixture(params=CARDS)
def card(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Every device but the CPU."""
    return _placed(request.param, monkeypatch)
