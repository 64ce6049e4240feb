"""Token mixers and attention cores by name: ours, and those that other packages register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from torch import nn

from sciformer.attention import Core, Rotary, Universal
from sciformer.attention.cores import (
    Automatic,
    Flex,
    Fused,
    LearnedMass,
    Materialised,
    Regions,
    RowBlocks,
    SplitKeys,
    ToeplitzRows,
)
from sciformer.errors import DataError, unknown_name
from sciformer.mixers.attention import Attention, WindowAttention
from sciformer.mixers.latents import Latents, Slices
from sciformer.mixers.legendre.evaluation import Dense
from sciformer.mixers.legendre.lmu import LMU, Window
from sciformer.mixers.linear import LinearAttention
from sciformer.mixers.protocol import TokenMixer

MIXER_GROUP, CORE_GROUP = "sciformer.mixers", "sciformer.cores"


@dataclass(frozen=True)
class MixerSizes:
    """Sizes that a mixer made by name may need to know.

    Attributes:
        width: width of the tokens.
        heads: number of heads; divides the width.
        length: longest sequence in tokens.
        memory: what a Legendre memory remembers; None: order 4 over the length, a channel a head.
        before: tokens that a window reaches back.
        latents: number of latents or slices.
        block: tokens in a region.
        core: attention core; None chooses by size.
        is_causal: whether later tokens must not be read, where the mixer has the choice.
        is_smooth: whether derivatives of every order must exist, as for jets.
    """

    width: int
    heads: int
    length: int
    memory: Window | None = None
    before: int = 16
    latents: int = 32
    block: int = 16
    core: Core | None = None
    is_causal: bool = True
    is_smooth: bool = False


MakeMixer: TypeAlias = "Callable[[MixerSizes], TokenMixer]"


def lmu(sizes: MixerSizes) -> TokenMixer:
    """A Legendre memory; tanh instead of ReLU where derivatives of every order must exist."""
    default = Window(4, float(sizes.length), channels=sizes.heads)
    memory = default if sizes.memory is None else sizes.memory
    if not sizes.is_smooth:
        return LMU(sizes.width, memory)
    return LMU(
        sizes.width,
        memory,
        signal_activation=nn.Tanh(),
        activation=nn.Tanh(),
        evaluation=Dense(),
    )


def attention(sizes: MixerSizes) -> TokenMixer:
    """Softmax attention with rotary positions."""
    return Attention(
        sizes.width, sizes.heads, position=Rotary(), causal=sizes.is_causal, core=sizes.core
    )


def urpe(sizes: MixerSizes) -> TokenMixer:
    """Softmax attention with rotary positions and a gain for each offset (Luo et al. 2022)."""
    position = Universal(Rotary(), sizes.heads, sizes.length)
    return Attention(
        sizes.width, sizes.heads, position=position, causal=sizes.is_causal, core=sizes.core
    )


def window(sizes: MixerSizes) -> TokenMixer:
    """Softmax attention to the last tokens only, with rotary positions; always causal."""
    return WindowAttention(
        sizes.width, sizes.heads, sizes.before, position=Rotary(), core=sizes.core
    )


def linear(sizes: MixerSizes) -> TokenMixer:
    """Linear attention with softplus features: constant memory in a stream."""
    return LinearAttention(sizes.width, sizes.heads, causal=sizes.is_causal)


def latents(sizes: MixerSizes) -> TokenMixer:
    """Few learned latents that read all tokens, mix and write back; reads later tokens."""
    return Latents(sizes.width, sizes.heads, sizes.latents)


def slices(sizes: MixerSizes) -> TokenMixer:
    """Slices of tokens that attend to each other (Transolver); reads later tokens."""
    return Slices(sizes.width, sizes.heads, sizes.latents)


def regions(sizes: MixerSizes) -> TokenMixer:
    """Near tokens one by one, far ones by regions of a learned mass; reads later tokens."""
    core = Regions(sizes.block, LearnedMass(sizes.heads))
    return Attention(sizes.width, sizes.heads, position=Rotary(), causal=False, core=core)


MIXERS: dict[str, MakeMixer] = {
    make.__name__: make for make in (lmu, attention, urpe, window, linear, latents, slices, regions)
}
CORES: dict[str, Callable[[], Core]] = {
    "automatic": Automatic,
    "materialised": Materialised,
    "row-blocks": RowBlocks,
    "toeplitz-rows": ToeplitzRows,
    "flex": Flex,
    "fused": Fused,
    "split-keys": SplitKeys,
}


def find_mixer(who: str, name: str) -> MakeMixer:
    """The maker of a mixer: ours, or one registered under the entry points `sciformer.mixers`.

    Args:
        who: who asks, for the message.
        name: the name; ours come first.

    Raises:
        UnknownNameError: no such name; the sentence holds the nearest one.
        DataError: what is registered under the name is not callable.
    """
    make: MakeMixer = _find(who, "mixer", name, MIXERS, MIXER_GROUP)
    return make


def find_core(who: str, name: str) -> Core:
    """An attention core: ours, or one registered under the entry points `sciformer.cores`.

    Args, Raises: as `find_mixer`; a core that is registered is called without arguments.
    """
    core: Core = _find(who, "attention core", name, CORES, CORE_GROUP)()
    return core


def _find(who: str, kind: str, name: str, ours: dict[str, Any], group: str) -> Any:
    if name in ours:
        return ours[name]
    points = {point.name: point for point in entry_points(group=group)}
    if name not in points:
        raise unknown_name(who, kind, name, sorted({*ours, *points}))
    found = points[name].load()
    if not callable(found):
        raise DataError(
            f"{who}: the {kind} {name!r} is registered as {points[name].value}, which cannot be "
            f"called; let the entry point name a function."
        )
    return found
