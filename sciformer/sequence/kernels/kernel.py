"""Protocol of kernels, and the search for the kernel of a stage."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from sciformer.mixers import State, TokenMixer

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


class Kernel(ABC):
    """One stage of one stream.

    A kernel writes into buffers of its own only; its result is overwritten by its next call.
    `state` and `restore` use the same values as the `TokenMixer` it was made from.
    """

    @abstractmethod
    def __call__(self, x: Array) -> Array:
        """The stage's vector for the vector x, and the state one token on."""

    @property
    def state(self) -> State:
        """A copy of the state, batch 1."""
        return ()

    def restore(self, state: State) -> None:
        """Takes over a copy of a state."""
        assert state == ()


@functools.singledispatch
def kernel(stage: nn.Module) -> Kernel:
    """The kernel of a stage in evaluation mode; one without a kernel of its own runs as it is."""
    return ModulesKernel(stage)


class ModulesKernel(Kernel):
    """The kernel of any stage, by the stage's own step."""

    def __init__(self, stage: nn.Module) -> None:
        self._stage = stage
        self._state = stage.init_state(1) if isinstance(stage, TokenMixer) else ()

    def __call__(self, x: Array) -> Array:
        token = torch.from_numpy(x).unsqueeze(0)
        if isinstance(self._stage, TokenMixer):
            token, self._state = self._stage.step(token, self._state)
        else:
            token = self._stage(token)
        return np.array(array_of(token.squeeze(0)))  # a copy: it may be another kernel's buffer

    @property
    def state(self) -> State:
        return self._state

    def restore(self, state: State) -> None:
        self._state = state


def array_of(tensor: Tensor) -> Array:
    """The numbers of a tensor, without its gradient."""
    array: Array = tensor.detach().contiguous().numpy()
    return array


def only(state: State) -> Array:
    """The numbers of a state of one tensor."""
    (part,) = state
    assert isinstance(part, Tensor)
    return array_of(part)
