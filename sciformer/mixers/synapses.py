"""Operations of a mixer's layers for a sequence, named by the mixer itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn


@dataclass(frozen=True)
class Synapses:
    """Multiplications of one layer over a whole sequence, and whose values they meet.

    Attributes:
        name: place of the layer, below the module that names it.
        count: products of a weight, or of two tokens, and a number.
        inputs_of: a module whose inputs they meet, to be observed for spikes.
        outputs_of: a module whose outputs they meet; neither: real numbers.
        between_tokens: whether the products are of pairs of tokens, so that their count a token
            grows with the length.
    """

    name: str
    count: int
    inputs_of: nn.Module | None = None
    outputs_of: nn.Module | None = None
    between_tokens: bool = False

    def below(self, name: str) -> Synapses:
        """The layer under its name in the module above."""
        return replace(self, name=f"{name}.{self.name}" if self.name else name)


def layers_of(module: nn.Module, length: int) -> list[Synapses]:
    """The layers of a module for `length` tokens: as it says itself, or those of its children."""
    if isinstance(module, nn.Linear):
        return [Synapses("", length * module.weight.numel(), inputs_of=module)]
    own = getattr(module, "layers", None)
    if callable(own):
        found: list[Synapses] = own(length)
        return found
    return layers_of_children(module, length)


def layers_of_children(module: nn.Module, length: int) -> list[Synapses]:
    """The layers of all direct children, in order."""
    return [
        layer.below(name)
        for name, child in module.named_children()
        for layer in layers_of(child, length)
    ]
