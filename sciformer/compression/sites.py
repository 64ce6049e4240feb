"""Places where a model can be made smaller: groups of units that can go one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sciformer.attention import MultiheadAttention, Universal
from sciformer.attention.cores import LearnedMass, Regions
from sciformer.compression.slices import (
    is_elementwise,
    keep_channels,
    keep_passed,
    keep_read,
    keep_written,
)
from sciformer.mixers import (
    LMU,
    Attention,
    Convolution,
    Latents,
    LinearAttention,
    Pipeline,
    Slices,
)
from sciformer.mixers.normalisation import BatchNorm

READERS = (nn.Linear, Convolution)
# These classes themselves, for what others do to channels is theirs; `compression.spiking` adds its
# own, as it does to what passes units on.
MEMORIES: list[type[nn.Module]] = [LMU]
PASSERS: list[type[nn.Module]] = [BatchNorm]


@dataclass(frozen=True)
class Site(ABC):
    """Units of one kind in one place of a model.

    Attributes:
        name: the place and the kind; the same for every model of one architecture.
    """

    name: str

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of units."""

    @abstractmethod
    def keep(self, units: Tensor) -> None:
        """Removes, in place, all units but those of some indices; at least one stays."""

    @property
    @abstractmethod
    def reader(self) -> nn.Module:
        """The map through whose `weight` alone the units are read."""

    @property
    def reader_weight(self) -> Tensor:
        """The weight through which alone the units are read."""
        weight = self.reader.weight
        assert isinstance(weight, Tensor)
        return weight

    @abstractmethod
    def by_unit(self, weight: Tensor) -> Tensor:
        """A view of the reader's weight, or of its gradient, whose first axis counts the units."""

    def gate_gradient(self) -> Tensor:
        """Derivative of the loss by a factor of each unit, 1 as it is, after a backward pass."""
        weight = self.reader_weight
        assert weight.grad is not None
        products = self.by_unit(weight.detach()) * self.by_unit(weight.grad)
        return products.flatten(1).sum(1)


@dataclass(frozen=True)
class Units(Site):
    """Outputs of a map that only one other map reads.

    Attributes:
        writer: the map that makes them.
        passers: what stands between: normalisations, activations, neurons.
        read_by: the map that reads them.
    """

    writer: nn.Module
    passers: tuple[nn.Module, ...]
    read_by: nn.Module

    @property
    def count(self) -> int:
        return self.by_unit(self.reader_weight).shape[0]

    def keep(self, units: Tensor) -> None:
        keep_written(self.writer, units)
        for module in self.passers:
            keep_passed(module, units)
        keep_read(self.reader, units)

    @property
    def reader(self) -> nn.Module:
        return self.read_by

    def by_unit(self, weight: Tensor) -> Tensor:
        return weight.movedim(2 if isinstance(self.reader, Convolution) else 1, 0)


@dataclass(frozen=True)
class Channels(Site):
    """Signals that a Legendre memory remembers, each with a memory of its own.

    Attributes:
        lmu: the memory.
    """

    lmu: Any

    @property
    def count(self) -> int:
        channels: int = self.lmu.window.channels
        return channels

    def keep(self, units: Tensor) -> None:
        order = self.lmu.window.order
        members = _members(units, order)
        keep_channels(self.lmu, units, members)
        self.lmu.window = replace(self.lmu.window, channels=len(units))

    @property
    def reader(self) -> nn.Module:
        readout: nn.Module = self.lmu.readout
        return readout

    def by_unit(self, weight: Tensor) -> Tensor:
        return torch.unflatten(weight, 1, (self.count, -1)).movedim(1, 0)


@dataclass(frozen=True)
class Heads(Site):
    """Heads of attention, with a softmax or linear.

    Attributes:
        layer: what attends.
    """

    layer: MultiheadAttention | LinearAttention

    @property
    def count(self) -> int:
        return self.layer.heads

    def keep(self, units: Tensor) -> None:
        layer = self.layer
        members = _members(units, layer.query.out_features // layer.heads)
        for linear in (layer.query, layer.key, layer.value):
            keep_written(linear, members)
        keep_read(layer.output, members)
        layer.heads = len(units)
        if isinstance(layer, LinearAttention):
            return
        if isinstance(layer.position, Universal):
            layer.position.table = _rows(layer.position.table, units)
            layer.position.heads = len(units)
        if (mass := _learned_mass(layer)) is not None:
            mass.share = _rows(mass.share, units)

    @property
    def reader(self) -> nn.Module:
        return self.layer.output

    def by_unit(self, weight: Tensor) -> Tensor:
        return torch.unflatten(weight, 1, (self.count, -1)).movedim(1, 0)


def sites(model: nn.Module) -> list[Site]:
    """Every site of a model, in the order of its modules."""
    found: list[Site] = []
    for name, module in model.named_modules():
        if isinstance(module, Pipeline | nn.Sequential):
            found += _between(name, module)
        elif type(module) in MEMORIES:
            found.append(Channels(f"{name}:channels", module))
        elif isinstance(module, Attention) and _heads_are_alike(module.attention):
            found.append(Heads(f"{name}:heads", module.attention))
        elif type(module) is LinearAttention:
            found.append(Heads(f"{name}:heads", module))
        elif type(module) in (Latents, Slices):
            found += _heads_of_parts(name, module)
    return found


def _heads_of_parts(name: str, module: nn.Module) -> list[Site]:
    """Heads of every attention inside a mixer that reads, mixes and writes."""
    return [
        Heads(f"{name}.{part}:heads", layer)
        for part, layer in module.named_modules()
        if isinstance(layer, MultiheadAttention) and _heads_are_alike(layer)
    ]


def _heads_are_alike(layer: MultiheadAttention) -> bool:
    """Whether nothing but a gain of URPE and a share of masses of regions belongs to one head."""
    position = layer.position
    base = position.base if isinstance(position, Universal) else position
    of_core = any(name.startswith("core.") for name, _ in layer.named_parameters())
    return base.heads is None and (not of_core or _learned_mass(layer) is not None)


def _learned_mass(layer: MultiheadAttention) -> LearnedMass | None:
    mass = layer.core.mass if isinstance(layer.core, Regions) else None
    return mass if isinstance(mass, LearnedMass) else None


def _rows(parameter: Tensor, units: Tensor) -> nn.Parameter:
    return nn.Parameter(parameter.detach()[units.to(parameter.device)].clone())


def _between(name: str, pipeline: nn.Module) -> list[Site]:
    """Units between a map of a pipeline and the next one."""
    found: list[Site] = []
    writer: tuple[str, nn.Module] | None = None
    passers: list[nn.Module] = []
    for part, stage in pipeline.named_children():
        if writer is not None and (isinstance(stage, tuple(PASSERS)) or is_elementwise(stage)):
            passers.append(stage)
            continue
        if writer is not None and isinstance(stage, READERS):
            found.append(Units(f"{writer[0]}:units", writer[1], tuple(passers), stage))
        is_writer = isinstance(stage, READERS) or type(stage) in MEMORIES
        writer, passers = ((f"{name}.{part}", stage) if is_writer else None), []
    return found


def _members(units: Tensor, size: int) -> Tensor:
    """Indices of the numbers of some units that have `size` numbers each."""
    return (units[:, None] * size + torch.arange(size)).flatten()
