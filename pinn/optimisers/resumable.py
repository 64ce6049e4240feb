"""Test by trial of whether an optimiser resumes from its saved state bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sciformer.runs.encoding import plain
from sciformer.runs.state import pack, unpack

# Longer than the periods of the methods of the library that renew something every ten steps.
STEPS, STOPS = 24, (0, 3, 9, 10, 17)
# Those of the weights and biases of a network; products of matrices of four rows round alike
# however they lie in memory, those of twenty do not.
SHAPES = ((20, 2), (20,), (20, 20), (1, 20), (1,))


class Stored(Protocol):
    """An optimiser with all that it keeps between steps."""

    def step(self, objective: Any) -> Any: ...

    def full_state(self) -> Any: ...

    def restore_full(self, state: Any) -> None: ...


def resumes_exactly(make: Callable[[], Stored]) -> bool:
    """Trains a small least squares twice, once in pieces, and compares every bit.

    The pieces see another random state, as a new process would.

    Args:
        make: a fresh optimiser.

    Returns:
        False as well if a state cannot be written or read.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        whole = _trained(make, ())
        torch.manual_seed(1)
        try:
            pieces = _trained(make, STOPS)
        except (TypeError, ValueError, KeyError, AttributeError, RuntimeError, IndexError):
            return False
    return all(torch.equal(a, b) for a, b in zip(whole, pieces, strict=True))


class _Parameters:
    def __init__(self, tensors: Sequence[nn.Parameter]) -> None:
        self.tensors = list(tensors)


class _Trial:
    """sum |w - target|^2 weighed differently at every step, as resampled points do."""

    def __init__(self, tensors: Sequence[nn.Parameter], step: int) -> None:
        self.parameters, self._step = _Parameters(tensors), step

    def value_and_gradient(self) -> tuple[float, Tensor]:
        flat = torch.cat([p.detach().reshape(-1) for p in self.parameters.tensors])
        place = torch.arange(len(flat), dtype=flat.dtype)
        weights = 1.5 + torch.sin(place * (self._step + 1))
        noise = torch.randn(len(flat), generator=torch.Generator().manual_seed(self._step)).double()
        gap = flat - torch.cos(place) + noise
        return float((weights * gap * gap).mean()), 2 * weights * gap / len(gap)


def _trained(make: Callable[[], Stored], stops: Sequence[int]) -> list[Tensor]:
    tensors = [
        nn.Parameter(torch.linspace(-1, 1, torch.Size(shape).numel()).double().view(shape))
        for shape in SHAPES
    ]
    optimiser = make()
    for step in range(STEPS):
        if step in stops:
            state = _written_and_read(optimiser.full_state())
            tensors = [nn.Parameter(tensor.detach().clone()) for tensor in tensors]
            optimiser = make()
            optimiser.restore_full(state)
        optimiser.step(_Trial(tensors, step))
    return [tensor.detach() for tensor in tensors]


def _written_and_read(state: Any) -> Any:
    tensors, rest = pack(state)
    return unpack(tensors, json.loads(json.dumps(plain(rest))))
