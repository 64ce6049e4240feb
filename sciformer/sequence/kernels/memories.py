"""Kernels of Legendre memories and spiking neurons."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sciformer.mixers import LMU, State
from sciformer.sequence.kernels.kernel import Array, Kernel, array_of, kernel, only
from sciformer.sequence.kernels.layers import LinearKernel, joint
from sciformer.spiking import LIF, SpikingLMU


class LIFKernel(Kernel):
    """Leaky neurons; see `sciformer.spiking.LIF`."""

    def __init__(self, stage: LIF) -> None:
        assert isinstance(stage.rest, Tensor)
        self._membrane: Array = array_of(stage.rest).copy()
        self._spikes: Array = np.empty_like(self._membrane)
        self._fires = np.empty(self._membrane.shape, dtype=bool)
        self._leak = self._membrane.dtype.type(1 / stage.tau)
        self._threshold = np.full_like(self._membrane, stage.threshold)

    def __call__(self, x: Array) -> Array:
        np.subtract(x, self._membrane, out=self._spikes)
        self._spikes *= self._leak
        self._membrane += self._spikes
        np.greater_equal(self._membrane, self._threshold, out=self._fires)
        self._spikes[:] = self._fires
        self._membrane[self._fires] = 0
        return self._spikes

    @property
    def state(self) -> State:
        return (torch.from_numpy(self._membrane.copy()).unsqueeze(0),)

    def restore(self, state: State) -> None:
        self._membrane[:] = only(state)[0]


class Memory:
    """m <- [A_bar B_bar] [m; u], for c channels at once."""

    def __init__(self, stage: LMU | SpikingLMU) -> None:
        source = stage if isinstance(stage, LMU) else stage.window
        step = source.memory(stage.readout.weight).step
        self._step = array_of(step)  # (q, q + 1)
        channels, order = stage.window.channels, stage.window.order
        self._joined = np.zeros((channels, order + 1), self._step.dtype)  # m beside u
        self.memory = np.zeros((channels, order), self._step.dtype)

    def __call__(self, signal: Array) -> Array:
        """All memories after the signals (c,), as one vector (c q,)."""
        self._joined[:, :-1] = self.memory
        self._joined[:, -1] = signal
        if len(signal) == 1:  # a matrix times a vector, which BLAS does faster than a thin matrix
            np.dot(self._step, self._joined[0], out=self.memory[0])
        else:
            np.dot(self._joined, self._step.T, out=self.memory)
        return self.memory.reshape(-1)

    @property
    def state(self) -> Tensor:
        return torch.from_numpy(self.memory.copy()).unsqueeze(0)


class LMUKernel(Kernel):
    """Kernel of `sciformer.mixers.LMU`."""

    def __init__(self, stage: LMU) -> None:
        self._project, self._signals = joint(stage.signal, stage.direct), stage.window.channels
        self._signal_activation = kernel(stage.signal_activation)
        self._activation = kernel(stage.activation)
        self._memory = Memory(stage)
        self._readout = LinearKernel(stage.readout.weight, None)

    def __call__(self, x: Array) -> Array:
        projected = self._project(x)
        memory = self._memory(self._signal_activation(projected[: self._signals]))
        return self._activation(self._readout(memory) + projected[self._signals :])

    @property
    def state(self) -> State:
        return (self._memory.state,)

    def restore(self, state: State) -> None:
        self._memory.memory[:] = only(state)[0]


class SpikingLMUKernel(Kernel):
    """Kernel of `sciformer.spiking.SpikingLMU`."""

    def __init__(self, stage: SpikingLMU) -> None:
        self._project, self._signals = joint(stage.signal, stage.direct), stage.window.channels
        self._memory = Memory(stage)
        self._readout = LinearKernel(stage.readout.weight, None)
        neurons = (stage.signal_neuron, stage.memory_neuron, stage.output_neuron)
        self._fire_signal, self._fire_memory, self._fire_output = map(kernel, neurons)

    def __call__(self, x: Array) -> Array:
        projected = self._project(x)
        memory = self._memory(self._fire_signal(projected[: self._signals]))
        recalled = self._readout(self._fire_memory(memory))
        return self._fire_output(recalled + projected[self._signals :])

    @property
    def state(self) -> State:
        return (
            self._fire_signal.state,
            self._memory.state,
            self._fire_memory.state,
            self._fire_output.state,
        )

    def restore(self, state: State) -> None:
        signal, memory, *others = state
        assert isinstance(memory, Tensor)
        self._memory.memory[:] = memory.numpy()[0]
        neurons = (self._fire_signal, self._fire_memory, self._fire_output)
        for neuron, part in zip(neurons, (signal, *others), strict=True):
            assert isinstance(part, tuple)
            neuron.restore(part)


kernel.register(LIF)(LIFKernel)
kernel.register(LMU)(LMUKernel)
kernel.register(SpikingLMU)(SpikingLMUKernel)
