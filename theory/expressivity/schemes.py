"""Every mechanism that the theory covers, by name, as a mixer to put into a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from sciformer.attention import (
    ALiBi,
    LearnedAbsolute,
    MultiheadAttention,
    NoPosition,
    Position,
    RelativeTable,
    Rotary,
    ShawKey,
    ShawKeyValue,
    Sigmoid,
    Sinusoidal,
    SoftmaxPlusOne,
    T5Buckets,
    Universal,
)
from sciformer.errors import unknown_name
from theory.expressivity.mechanisms import (
    BeginningOfSequence,
    Circulant,
    ConvolutionMixer,
    SinkAttention,
    ValueRotary,
)


@dataclass(frozen=True)
class Sizes:
    """Width of the tokens, number of heads, length of the sequence."""

    width: int = 16
    heads: int = 2
    length: int = 11

    @property
    def head_width(self) -> int:
        """Width of one head."""
        return self.width // self.heads


@dataclass(frozen=True)
class Mechanism:
    """One way to mix tokens, and the theory's statement on it.

    make: builds the mixer. is_blind: whether constant sequences stay constant, bidirectional and
    causal; None where there is no such form. is_symmetric: whether it commutes with reversal.
    """

    make: Callable[[Sizes], nn.Module]
    is_blind: tuple[bool, bool | None]
    is_symmetric: bool = False


def _scheme(make: Callable[[Sizes], Position]) -> Callable[[Sizes], nn.Module]:
    return lambda sizes: MultiheadAttention(sizes.width, sizes.heads, position=make(sizes))


def _table(sizes: Sizes) -> RelativeTable:
    """A table drawn with standard deviation 2: from 0 it does not learn to use position in good
    time.
    """
    table = RelativeTable(sizes.heads, sizes.length)
    nn.init.normal_(table.table, std=2.0)
    return table


def _universal(base: Callable[[Sizes], Position]) -> Callable[[Sizes], nn.Module]:
    return _scheme(lambda sizes: Universal(base(sizes), sizes.heads, sizes.length))


MECHANISMS: dict[str, Mechanism] = {
    "none": Mechanism(_scheme(lambda sizes: NoPosition()), (True, True), is_symmetric=True),
    "t5": Mechanism(_scheme(lambda sizes: T5Buckets(sizes.heads)), (True, True)),
    "alibi": Mechanism(_scheme(lambda sizes: ALiBi(sizes.heads)), (True, True), is_symmetric=True),
    "relative": Mechanism(_scheme(_table), (True, True)),
    "rotary": Mechanism(_scheme(lambda sizes: Rotary()), (True, True)),
    "shaw-key": Mechanism(_scheme(lambda sizes: ShawKey(sizes.head_width, 8)), (True, True)),
    "shaw-key-value": Mechanism(
        _scheme(lambda sizes: ShawKeyValue(sizes.head_width, 8)), (False, False)
    ),
    "absolute": Mechanism(
        _scheme(lambda sizes: LearnedAbsolute(sizes.width, sizes.length)), (False, False)
    ),
    "sinusoidal": Mechanism(_scheme(lambda sizes: Sinusoidal()), (False, False)),
    "urpe": Mechanism(
        _universal(lambda sizes: RelativeTable(sizes.heads, sizes.length)), (False, False)
    ),
    "urpe-rotary": Mechanism(_universal(lambda sizes: Rotary()), (False, False)),
    "circulant": Mechanism(
        _scheme(lambda sizes: Circulant(sizes.heads, sizes.length)), (True, False)
    ),
    "sigmoid": Mechanism(
        lambda sizes: MultiheadAttention(
            sizes.width, sizes.heads, position=_table(sizes), normaliser=Sigmoid()
        ),
        (False, False),
    ),
    "softmax-plus-one": Mechanism(
        lambda sizes: MultiheadAttention(
            sizes.width, sizes.heads, position=_table(sizes), normaliser=SoftmaxPlusOne()
        ),
        (False, False),
    ),
    "bias-kv": Mechanism(lambda sizes: SinkAttention(sizes.width, sizes.heads), (True, False)),
    "zero-attention": Mechanism(
        lambda sizes: MultiheadAttention(sizes.width, sizes.heads, normaliser=SoftmaxPlusOne()),
        (True, False),
    ),
    "value-rotary": Mechanism(lambda sizes: ValueRotary(sizes.width, sizes.heads), (False, False)),
    "bos-none": Mechanism(
        lambda sizes: BeginningOfSequence(
            MultiheadAttention(sizes.width, sizes.heads), sizes.width
        ),
        (True, False),
        is_symmetric=True,
    ),
    "bos-rotary": Mechanism(
        lambda sizes: BeginningOfSequence(
            MultiheadAttention(sizes.width, sizes.heads, position=Rotary()), sizes.width
        ),
        (False, False),
    ),
    "convolution-zeros": Mechanism(
        lambda sizes: ConvolutionMixer(sizes.width, "zeros"), (False, None)
    ),
    "convolution-replicate": Mechanism(
        lambda sizes: ConvolutionMixer(sizes.width, "replicate"), (True, None)
    ),
    "convolution-circular": Mechanism(
        lambda sizes: ConvolutionMixer(sizes.width, "circular"), (True, None)
    ),
}


def mechanism(name: str, who: str = "mechanism") -> Mechanism:
    """The mechanism of that name.

    Raises:
        UnknownNameError: no such mechanism; names the nearest and all known.
    """
    if name not in MECHANISMS:
        raise unknown_name(who, "position scheme", name, MECHANISMS)
    return MECHANISMS[name]
