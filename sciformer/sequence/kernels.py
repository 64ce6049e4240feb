"""The stages of a folded model for one stream on a CPU, as in-place products of numpy arrays.

At batch 1 a frame is a row of matrix-vector products that wait for their weights; what modules,
their dispatch and their temporary tensors add costs several times as much. A kernel is a stage
made ready: weights as arrays, buffers allocated once, its state inside.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from sciformer.mixers import LMU, Convolution, Pipeline, Residual, State, TokenMixer
from sciformer.mixers.normalisation import Affine
from sciformer.spiking import LIF, SpikingLMU

_TAPE = 64  # windows on the tape of a convolution: what it costs to move back is spread over them

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


class Kernel(ABC):
    """One stage of one stream.

    A kernel writes into buffers of its own only; its result is overwritten by its next call.
    `state` and `restore` speak of the same values as the `TokenMixer` it was made from.
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
    return _Modules(stage)


class _Modules(Kernel):
    """Any stage, by its own step."""

    def __init__(self, stage: nn.Module) -> None:
        self._stage = stage
        self._state = stage.init_state(1) if isinstance(stage, TokenMixer) else ()

    def __call__(self, x: Array) -> Array:
        token = torch.from_numpy(x).unsqueeze(0)
        if isinstance(self._stage, TokenMixer):
            token, self._state = self._stage.step(token, self._state)
        else:
            token = self._stage(token)
        return np.array(_array(token.squeeze(0)))  # a copy: it may be another kernel's buffer

    @property
    def state(self) -> State:
        return self._state

    def restore(self, state: State) -> None:
        self._state = state


class _Linear(Kernel):
    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = _array(weight)
        self._bias = None if bias is None else _array(bias)
        self._out = np.empty_like(self._weight[:, 0])
        self.inputs, self.dtype = self._weight.shape[1], self._weight.dtype

    def __call__(self, x: Array) -> Array:
        np.dot(self._weight, x, out=self._out)
        if self._bias is not None:
            self._out += self._bias
        return self._out


class _Convolution(Kernel):
    """The window slides along a tape; at its end the last tokens move back to the beginning."""

    def __init__(self, stage: Convolution) -> None:
        self._linear = _Linear(stage.weight.flatten(1), stage.bias)
        self._inputs, self._length = stage.inputs, self._linear.inputs
        self._tape = np.zeros(_TAPE * self._length, self._linear.dtype)
        self._end = self._past = self._length - self._inputs  # entries so far, and those kept

    def __call__(self, x: Array) -> Array:
        if self._end == len(self._tape):
            self.restore(self.state)
        start, self._end = self._end, self._end + self._inputs
        self._tape[start : self._end] = x
        return self._linear(self._tape[self._end - self._length : self._end])

    @property
    def state(self) -> State:
        window = self._tape[self._end - self._past : self._end].reshape(1, -1, self._inputs)
        return (torch.from_numpy(window.copy()),)

    def restore(self, state: State) -> None:
        self._tape[: self._past] = _only(state).flatten()
        self._end = self._past


class _Affine(Kernel):
    def __init__(self, stage: Affine) -> None:
        self._scale, self._shift = _array(stage.scale), _array(stage.shift)
        self._out = np.empty_like(self._scale)

    def __call__(self, x: Array) -> Array:
        np.multiply(x, self._scale, out=self._out)
        return np.add(self._out, self._shift, out=self._out)


class _ReLU(Kernel):
    def __init__(self) -> None:
        self._zeros: Array = np.zeros(0)
        self._out: Array = np.zeros(0)

    def __call__(self, x: Array) -> Array:
        if self._zeros.shape != x.shape:  # an array of zeros costs half of what the number 0 does
            self._zeros, self._out = np.zeros_like(x), np.empty_like(x)
        return np.maximum(x, self._zeros, out=self._out)


class _GELU(Kernel):
    """x (1 + erf(x / sqrt 2)) / 2."""

    def __init__(self) -> None:
        from scipy.special import erf

        self._erf = erf

    def __call__(self, x: Array) -> Array:
        half = x * 0.5
        result: Array = self._erf(x * math.sqrt(0.5))
        result *= half
        result += half
        return result


class _LIF(Kernel):
    def __init__(self, stage: LIF) -> None:
        assert isinstance(stage.rest, Tensor)
        self._membrane: Array = _array(stage.rest).copy()
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
        self._membrane[:] = _only(state)[0]


class _Memory:
    """m <- [A_bar B_bar] [m; u], for c channels at once."""

    def __init__(self, stage: LMU | SpikingLMU) -> None:
        source = stage if isinstance(stage, LMU) else stage.window
        step = source.memory(stage.readout.weight).step
        self._step = _array(step)  # (q, q + 1)
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


class _LMU(Kernel):
    def __init__(self, stage: LMU) -> None:
        self._project, self._signals = _joint(stage.signal, stage.direct), stage.window.channels
        self._signal_activation = kernel(stage.signal_activation)
        self._activation = kernel(stage.activation)
        self._memory = _Memory(stage)
        self._readout = _Linear(stage.readout.weight, None)

    def __call__(self, x: Array) -> Array:
        projected = self._project(x)
        memory = self._memory(self._signal_activation(projected[: self._signals]))
        return self._activation(self._readout(memory) + projected[self._signals :])

    @property
    def state(self) -> State:
        return (self._memory.state,)

    def restore(self, state: State) -> None:
        self._memory.memory[:] = _only(state)[0]


class _SpikingLMU(Kernel):
    def __init__(self, stage: SpikingLMU) -> None:
        self._project, self._signals = _joint(stage.signal, stage.direct), stage.window.channels
        self._memory = _Memory(stage)
        self._readout = _Linear(stage.readout.weight, None)
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


class _Pipeline(Kernel):
    def __init__(self, stage: Pipeline) -> None:
        self._stages = [kernel(part) for part in stage.stages]

    def __call__(self, x: Array) -> Array:
        for stage in self._stages:
            x = stage(x)
        return x

    @property
    def state(self) -> State:
        return tuple(stage.state for stage in self._stages)

    def restore(self, state: State) -> None:
        for stage, part in zip(self._stages, state, strict=True):
            assert isinstance(part, tuple)
            stage.restore(part)


class _Residual(_Pipeline):
    def __call__(self, x: Array) -> Array:
        return x + super().__call__(x)


kernel.register(LMU)(_LMU)
kernel.register(SpikingLMU)(_SpikingLMU)
kernel.register(LIF)(_LIF)
kernel.register(Convolution)(_Convolution)
kernel.register(Pipeline)(_Pipeline)
kernel.register(Residual)(_Residual)
kernel.register(Affine)(_Affine)
kernel.register(nn.ReLU)(lambda _: _ReLU())
kernel.register(nn.Dropout)(lambda _: _Pipeline(Pipeline()))


@kernel.register
def _(stage: nn.Linear) -> Kernel:
    return _Linear(stage.weight, stage.bias)


@kernel.register
def _(stage: nn.GELU) -> Kernel:
    return _GELU() if stage.approximate == "none" else _Modules(stage)


def _joint(*layers: nn.Linear) -> _Linear:
    """Several layers of the same input in one product."""
    weight = torch.cat([layer.weight for layer in layers])
    return _Linear(weight, torch.cat([layer.bias for layer in layers]))


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().contiguous().numpy()
    return array


def _only(state: State) -> Array:
    (part,) = state
    assert isinstance(part, Tensor)
    return _array(part)
