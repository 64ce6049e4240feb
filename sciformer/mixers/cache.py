"""Keys and values that attention has seen, in blocks, as a value."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.mixers.protocol import State

# Tokens of the open block, which alone is copied at every step; the closed ones merge by twos, so
# that a stream of n tokens copies each about log2(n / BLOCK) times instead of n times.
BLOCK = 64
# Closed blocks of 64, 128, ... 64 * 2^9 tokens; the largest, behind which blocks of that size queue
# up, lies beyond any sequence that attention without a window is used for.
LEVELS = 10


@dataclass(frozen=True)
class Cached:
    """Keys (b, h, n, d), values (b, h, n, e) and which tokens exist, (b, n)."""

    key: Tensor
    value: Tensor
    seen: Tensor

    @property
    def length(self) -> int:
        """Number of tokens."""
        return self.key.shape[-2]

    def cut(self, start: int, stop: int | None) -> Cached:
        """Tokens start to stop."""
        return Cached(
            self.key[..., start:stop, :], self.value[..., start:stop, :], self.seen[:, start:stop]
        )

    @classmethod
    def joined(cls, parts: list[Cached]) -> Cached:
        """Parts one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            torch.cat([part.key for part in parts], -2),
            torch.cat([part.value for part in parts], -2),
            torch.cat([part.seen for part in parts], 1),
        )


def blocks_of(state: State) -> list[Cached]:
    """The blocks of a state, oldest first, those without tokens too."""
    found = []
    for block in state:
        assert isinstance(block, tuple)
        key, value, seen = block
        assert isinstance(key, Tensor)
        assert isinstance(value, Tensor)
        assert isinstance(seen, Tensor)
        found.append(Cached(key, value, seen))
    return found


def state_of(blocks: list[Cached]) -> State:
    """The state that holds these blocks."""
    return tuple((block.key, block.value, block.seen) for block in blocks)


def in_blocks(whole: Cached) -> list[Cached]:
    """All tokens in the blocks that steps would have made of them, oldest first."""
    blocks, start = [], 0
    closed = whole.length // BLOCK
    for level in reversed(range(LEVELS)):
        count = closed >> level if level == LEVELS - 1 else (closed >> level) & 1
        stop = start + (count << level) * BLOCK
        blocks.append(whole.cut(start, stop))
        start = stop
    return [*blocks, whole.cut(start, None)]


def with_token(blocks: list[Cached], token: Cached) -> list[Cached]:
    """The blocks after one more token: the open block takes it and is closed when it is full."""
    *closed, opened = blocks
    full = Cached.joined([opened, token])
    if full.length < BLOCK:
        return [*closed, full]
    carried = full
    for level in range(LEVELS):
        place = LEVELS - 1 - level
        held = closed[place]
        if level == LEVELS - 1 or held.length == 0:
            closed[place] = Cached.joined([held, carried]) if held.length else carried
            break
        carried, closed[place] = Cached.joined([held, carried]), held.cut(0, 0)
    return [*closed, full.cut(0, 0)]
