"""What may mix the tokens of a pseudo-sequence; every choice is smooth, so that jets go through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from sciformer.attention import MultiheadAttention, NoPosition, Universal
from sciformer.mixers import LMU, Dense, Parallel, Window

if TYPE_CHECKING:
    from collections.abc import Callable

LEGENDRE_ORDER = 4


def attention(width: int, heads: int, steps: int) -> nn.Module:
    """Multi-head self-attention without positions: what a PhysicsFormer has by default."""
    return MultiheadAttention(width, heads)


def universal(width: int, heads: int, steps: int) -> nn.Module:
    """The same with a gain on the weights for each offset (Luo et al. 2022)."""
    return MultiheadAttention(width, heads, position=Universal(NoPosition(), heads, steps))


def legendre(width: int, heads: int, steps: int) -> nn.Module:
    """A Legendre memory as long as the sequence, one channel a head.

    Deviates: tanh where Chilkuri and Eliasmith (2021) have ReLU, whose second derivative is zero.
    """
    window = Window(LEGENDRE_ORDER, float(steps), channels=heads)
    memory = LMU(
        width, window, signal_activation=nn.Tanh(), activation=nn.Tanh(), evaluation=Dense()
    )
    return Parallel(memory)


MIXERS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "attention": attention,
    "urpe": universal,
    "lmu": legendre,
}
