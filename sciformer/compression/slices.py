"""Removal of units from the modules that write, pass on and read them."""

from __future__ import annotations

import functools

from torch import Tensor, nn

from sciformer.mixers import LMU, Convolution, Pipeline
from sciformer.mixers.normalisation import BatchNorm

# What maps numbers one by one, so that units pass it side by side.
ELEMENTWISE = (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Identity, nn.Dropout)


def is_elementwise(module: nn.Module) -> bool:
    """Whether a module maps numbers one by one, by its class or as its `elementwise` says."""
    return isinstance(module, ELEMENTWISE) or bool(getattr(module, "elementwise", False))


@functools.singledispatch
def keep_written(module: nn.Module, keep: Tensor) -> None:
    """Leaves a map only the outputs of some indices."""
    raise TypeError(f"keep_written: does not support {type(module).__name__}.")


@keep_written.register
def _(module: nn.Linear, keep: Tensor) -> None:
    module.weight = _some(module.weight, 0, keep)
    module.bias = None if module.bias is None else _some(module.bias, 0, keep)
    module.out_features = len(keep)


@keep_written.register
def _(module: Convolution, keep: Tensor) -> None:
    module.weight = _some(module.weight, 0, keep)
    module.bias = None if module.bias is None else _some(module.bias, 0, keep)
    module.outputs = len(keep)


@keep_written.register
def _(module: LMU, keep: Tensor) -> None:
    keep_written(module.readout, keep)
    keep_written(module.direct, keep)


@functools.singledispatch
def keep_read(module: nn.Module, keep: Tensor) -> None:
    """Leaves a map only the inputs of some indices."""
    raise TypeError(f"keep_read: does not support {type(module).__name__}.")


@keep_read.register
def _(module: nn.Linear, keep: Tensor) -> None:
    module.weight = _some(module.weight, 1, keep)
    module.in_features = len(keep)


@keep_read.register
def _(module: Convolution, keep: Tensor) -> None:
    module.weight = _some(module.weight, 2, keep)
    module.inputs = len(keep)


@functools.singledispatch
def keep_passed(module: nn.Module, keep: Tensor) -> None:
    """Leaves a normalisation or neurons only the channels of some indices."""
    assert is_elementwise(module), f"{type(module).__name__} passes no units on"


@keep_passed.register
def _(module: BatchNorm, keep: Tensor) -> None:
    assert module.running_mean is not None
    assert module.running_var is not None
    module.weight, module.bias = _some(module.weight, 0, keep), _some(module.bias, 0, keep)
    module.running_mean, module.running_var = module.running_mean[keep], module.running_var[keep]
    module.num_features = len(keep)


@keep_passed.register
def _(module: Pipeline, keep: Tensor) -> None:
    for stage in module.stages:
        keep_passed(stage, keep)


@functools.singledispatch
def keep_channels(module: nn.Module, units: Tensor, members: Tensor) -> None:
    """Leaves a memory only the channels of some indices, and their coefficients (`members`)."""
    raise TypeError(f"keep_channels: does not support {type(module).__name__}.")


@keep_channels.register
def _(module: LMU, units: Tensor, members: Tensor) -> None:
    keep_written(module.signal, units)
    keep_read(module.readout, members)


def _some(parameter: Tensor, axis: int, keep: Tensor) -> nn.Parameter:
    chosen = parameter.detach().index_select(axis, keep.to(parameter.device))
    return nn.Parameter(chosen.clone())
