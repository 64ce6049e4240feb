"""Mixers of the tokens of a pseudo-sequence, all of them smooth, so that jets go through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import nn

from sciformer.attention import MultiheadAttention, NoPosition, Universal
from sciformer.mixers import MixerSizes, Parallel, find_mixer

if TYPE_CHECKING:
    from collections.abc import Callable


def attention(width: int, heads: int, steps: int) -> nn.Module:
    """Multi-head self-attention without positions, the default of a PhysicsFormer."""
    return MultiheadAttention(width, heads)


def universal(width: int, heads: int, steps: int) -> nn.Module:
    """Multi-head self-attention with a gain on the weights for each offset (Luo et al. 2022)."""
    return MultiheadAttention(width, heads, position=Universal(NoPosition(), heads, steps))


@dataclass(frozen=True)
class Shared:
    """A token mixer of `sciformer.mixers`, or of another package, by its name.

    As many latents as tokens; every mixer is made in its smooth form and may read later tokens.

    Args:
        mixer: its name.
        who: who asks, for messages.

    Raises:
        UnknownNameError: no such mixer; the sentence holds the nearest name.
    """

    mixer: str
    who: str = field(default="PhysicsFormer", repr=False, compare=False)

    def __post_init__(self) -> None:
        find_mixer(self.who, self.mixer)

    def __call__(self, width: int, heads: int, steps: int) -> nn.Module:
        """The mixer of `steps` tokens of a width, which `heads` divide."""
        make = find_mixer(self.who, self.mixer)
        sizes = MixerSizes(
            width, heads, steps, latents=steps, block=2, is_causal=False, is_smooth=True
        )
        return Parallel(make(sizes))


OWN: dict[str, Callable[[int, int, int], nn.Module]] = {
    "attention": attention,
    "urpe": universal,
}


def named(who: str, name: str) -> Callable[[int, int, int], nn.Module]:
    """The maker of a mixer by name, from width, heads and number of tokens.

    Raises:
        UnknownNameError: no such mixer; the sentence holds the nearest name.
    """
    return OWN[name] if name in OWN else Shared(name, who)


MIXERS: dict[str, Callable[[int, int, int], nn.Module]] = {
    name: named("PhysicsFormer", name)
    for name in ("attention", "urpe", "lmu", "linear", "latents", "slices")
}
