"""The product rule of two jets as steps, forward and reverse."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from pinn.jets.kernels.launching import KEPT

if TYPE_CHECKING:
    from pinn.jets.algebra import Operators

Channels = int | slice
Table = tuple[tuple[int, int, int, float], ...]  # out, left, right, weight

_ALL = slice(None)
_DERIVATIVES = slice(1, None)


class Step(NamedTuple):
    """z_out += weight * B(x_left, y_right), for one channel or for several at once."""

    out: Channels
    left: Channels
    right: Channels
    weight: float = 1.0


class ProductRule:
    """z_c = sum over (c, a, b, weight) of weight * B(x_a, y_b).

    Args:
        first: gives every channel of z.
        others: what is added to them.
        count: number of channels.

    Attributes:
        table: the same channel by channel.
    """

    def __init__(self, first: Step, others: list[Step], count: int) -> None:
        self.first, self.others = first, others
        self.table: Table = tuple(
            row for step in (first, *others) for row in _channel_by_channel(step, count)
        )


@functools.lru_cache(KEPT)
def product_rules(operators: Operators) -> tuple[ProductRule, ProductRule, ProductRule]:
    """The rules of z = B(x, y), and of the cotangents of x from (g, y) and of y from (x, g)."""
    count = len(operators)
    both = [Step(0, c, c) for c in range(1, count)]
    rest = [Step(_DERIVATIVES, 0, _DERIVATIVES)] if count > 1 else []
    cross = operators.cross
    return (
        ProductRule(
            Step(_ALL, _ALL, 0), [*rest, *(Step(c, a, b, w) for c, a, b, w in cross)], count
        ),
        ProductRule(
            Step(_ALL, _ALL, 0), [*both, *(Step(a, c, b, w) for c, a, b, w in cross)], count
        ),
        ProductRule(
            Step(_ALL, 0, _ALL), [*both, *(Step(b, a, c, w) for c, a, b, w in cross)], count
        ),
    )


def _channel_by_channel(step: Step, count: int) -> Table:
    every = range(count)
    sides = [
        every[part] if isinstance(part, slice) else (part,)
        for part in (step.out, step.left, step.right)
    ]
    longest = max(map(len, sides))
    spread = (side if len(side) == longest else tuple(side) * longest for side in sides)
    return tuple((*row, step.weight) for row in zip(*spread, strict=True))
