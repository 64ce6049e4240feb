"""Kernels of linear layers, convolutions, activations and their sequences."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from sciformer.mixers import Pipeline, Residual, State, WindowMap
from sciformer.mixers.normalisation import Affine
from sciformer.sequence.kernels.kernel import Array, Kernel, ModulesKernel, array_of, kernel, only

_TAPE = 64  # windows on the tape of a convolution: what it costs to move back is spread over them


class LinearKernel(Kernel):
    """weight x + bias."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = array_of(weight)
        self._bias = None if bias is None else array_of(bias)
        self._out = np.empty_like(self._weight[:, 0])
        self.inputs, self.dtype = self._weight.shape[1], self._weight.dtype

    def __call__(self, x: Array) -> Array:
        np.dot(self._weight, x, out=self._out)
        if self._bias is not None:
            self._out += self._bias
        return self._out


class ConvolutionKernel(Kernel):
    """The window slides along a tape; at its end the last tokens move back to the beginning."""

    def __init__(self, stage: WindowMap) -> None:
        self._linear = LinearKernel(stage.matrix, stage.bias)
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
        self._tape[: self._past] = only(state).flatten()
        self._end = self._past


class AffineKernel(Kernel):
    """scale x + shift."""

    def __init__(self, stage: Affine) -> None:
        self._scale, self._shift = array_of(stage.scale), array_of(stage.shift)
        self._out = np.empty_like(self._scale)

    def __call__(self, x: Array) -> Array:
        np.multiply(x, self._scale, out=self._out)
        return np.add(self._out, self._shift, out=self._out)


class ReLUKernel(Kernel):
    """max(x, 0)."""

    def __init__(self) -> None:
        self._zeros: Array = np.zeros(0)
        self._out: Array = np.zeros(0)

    def __call__(self, x: Array) -> Array:
        if self._zeros.shape != x.shape:  # an array of zeros costs half of what the number 0 does
            self._zeros, self._out = np.zeros_like(x), np.empty_like(x)
        return np.maximum(x, self._zeros, out=self._out)


class GELUKernel(Kernel):
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


class PipelineKernel(Kernel):
    """One stage after another."""

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


class ResidualKernel(PipelineKernel):
    """x + stages(x)."""

    def __call__(self, x: Array) -> Array:
        return x + super().__call__(x)


def joint(*layers: nn.Linear) -> LinearKernel:
    """Several layers of the same input in one product."""
    weight = torch.cat([layer.weight for layer in layers])
    return LinearKernel(weight, torch.cat([layer.bias for layer in layers]))


kernel.register(WindowMap)(ConvolutionKernel)
kernel.register(Pipeline)(PipelineKernel)
kernel.register(Residual)(ResidualKernel)
kernel.register(Affine)(AffineKernel)
kernel.register(nn.ReLU)(lambda _: ReLUKernel())
kernel.register(nn.Dropout)(lambda _: PipelineKernel(Pipeline()))


@kernel.register
def _(stage: nn.Linear) -> Kernel:
    return LinearKernel(stage.weight, stage.bias)


@kernel.register
def _(stage: nn.GELU) -> Kernel:
    return GELUKernel() if stage.approximate == "none" else ModulesKernel(stage)
