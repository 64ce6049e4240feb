"""Removal of units from spiking neurons and spiking memories; importing the module suffices."""

from __future__ import annotations

from torch import Tensor

from sciformer.compression.sites import MEMORIES, PASSERS
from sciformer.compression.slices import keep_channels, keep_passed, keep_read, keep_written
from sciformer.spiking import LIF, SpikingLMU


@keep_written.register
def _(module: SpikingLMU, keep: Tensor) -> None:
    keep_written(module.readout, keep)
    keep_written(module.direct, keep)
    keep_passed(module.output_neuron, keep)


@keep_passed.register
def _(module: LIF, keep: Tensor) -> None:
    assert isinstance(module.rest, Tensor)
    module.rest, module.width = module.rest[keep], len(keep)


@keep_channels.register
def _(module: SpikingLMU, units: Tensor, members: Tensor) -> None:
    keep_written(module.signal, units)
    keep_passed(module.signal_neuron, units)
    keep_passed(module.memory_neuron, members)
    keep_read(module.readout, members)


MEMORIES.append(SpikingLMU)
PASSERS.append(LIF)
