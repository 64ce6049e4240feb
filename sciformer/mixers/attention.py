"""Softmax attention as a token mixer; its state is the keys and values it has seen."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.attention import (
    Causal,
    Core,
    Mask,
    MultiheadAttention,
    Padding,
    Patch,
    Position,
    Scoring,
    Softmax,
    Window,
    merge,
    part,
)
from sciformer.attention.cores import Automatic
from sciformer.errors import DomainError
from sciformer.mixers.cache import LEVELS, Cached, blocks_of, in_blocks, state_of, with_token
from sciformer.mixers.protocol import (
    OpCount,
    State,
    TokenMixer,
    check_causal,
    check_sequence,
    masked,
)
from sciformer.mixers.synapses import Synapses, layers_of_children


class Attention(TokenMixer):
    """Multi-head self-attention, with any position scheme; see `MultiheadAttention`.

    Args:
        width: width of the tokens.
        heads: number of heads.
        position: position scheme; `Universal(...)` gives URPE attention.
        causal: whether a token sees only itself and what came before.
        core: how attention is computed; by default the fastest core that is right.

    Cost: a step reads all earlier tokens, so a stream costs O(n^2) and O(n) memory; keys and
        values lie in blocks (see `mixers.cache`), over which attention is merged.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        position: Position | None = None,
        causal: bool = True,
        core: Core | None = None,
    ) -> None:
        super().__init__()
        self.width = width
        self.lookahead = 0 if causal else None
        self.attention = MultiheadAttention(width, heads, position=position, core=core)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        check_sequence("Attention", x, self.width, mask)
        check_causal("Attention", self, state)
        blocks = blocks_of(self.init_state(x.shape[0]) if state is None else state)
        start = sum(block.length for block in blocks)
        query, new = self._project(x, mask, start)
        whole = Cached.joined([*(block for block in blocks if block.length), new])
        visible: Mask = Causal() if self.causal else Mask()
        mixed = self.attention.attend(
            query,
            whole.key,
            whole.value,
            mask=_existing(visible, whole.seen),
            query_start=start,
        )
        return self.attention.merge(mixed), state_of(in_blocks(whole))

    def init_state(self, batch: int) -> State:
        """State before the first token: blocks of keys, values (b, h, 0, d/h), presence (b, 0)."""
        heads = self.attention.heads
        empty = self._empty(batch, heads, 0, self.attention.key.out_features // heads)
        seen = torch.ones(batch, 0, dtype=torch.bool, device=empty.device)
        return tuple((empty, empty, seen) for _ in range(LEVELS + 1))

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        check_causal("Attention", self, state)
        layer, blocks = self.attention, blocks_of(state)
        if not self._merges:
            return super().step(x_t, state)
        start = sum(block.length for block in blocks)
        query, new = self._project(x_t.unsqueeze(1), None, start)
        found, place = [], 0
        *closed, opened = blocks
        for block in (*(one for one in closed if one.length), Cached.joined([opened, new])):
            found.append(
                part(
                    query,
                    block.key,
                    block.value,
                    position=layer.position,
                    mask=_existing(Mask(), block.seen),
                    query_start=start,
                    key_start=place,
                )
            )
            place += block.length
        mixed = found[0] if len(found) == 1 else merge(*found)
        y: Tensor = layer.merge(mixed.output)
        return y.squeeze(1), state_of(with_token(blocks, new))

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        """Operations for `length` tokens; what a position scheme adds is not counted."""
        inner = self.attention.query.out_features
        projections = OpCount.synapses(3 * length * self.width * inner, spikes=spikes)
        return projections + OpCount(
            macs=2 * self.pairs(length) * inner + length * inner * self.width
        )

    def layers(self, length: int) -> list[Synapses]:
        products = 2 * self.pairs(length) * self.attention.query.out_features
        pairs = Synapses("pairs", products, between_tokens=True)
        return [*layers_of_children(self, length), pairs]

    def pairs(self, length: int) -> int:
        """Pairs of tokens that meet: in a stream of `length` tokens, or in a whole sequence."""
        if self.causal:
            return length * (length + 1) // 2
        scoring = Scoring(Patch(length, length), length, self.attention.position)
        return self.attention.core.pairs(scoring)

    @property
    def _merges(self) -> bool:
        """Whether the blocks of the cache can be attended to one by one."""
        layer = self.attention
        return (
            isinstance(layer.normaliser, Softmax)
            and isinstance(layer.core, Automatic)
            and layer.position.splits_keys
        )

    def _project(self, x: Tensor, mask: Tensor | None, start: int) -> tuple[Tensor, Cached]:
        query, key, value = self.attention.project(masked(x, mask), query_start=start)
        present = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        return query, Cached(key, value, present if mask is None else mask)


class WindowAttention(Attention):
    """Attention to the last tokens only: a stream in constant memory; arguments as `Attention`.

    Args:
        before: tokens before the present one that it sees, >= 0.

    Raises:
        DomainError: before < 0, or not causal.

    Cost: a step reads `before` tokens; whole sequences visit n (before + block of rows) pairs.
    Source: Zhang et al. 2023 (MASFormer), section 3.1, for mixing such layers with full ones.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        before: int,
        *,
        position: Position | None = None,
        core: Core | None = None,
    ) -> None:
        super().__init__(width, heads, position=position, core=core)
        if before < 0 or before % 1:
            raise DomainError(
                f"WindowAttention: before must be a whole number of tokens >= 0; got {before}."
            )
        self.before = int(before)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        check_sequence("WindowAttention", x, self.width, mask)
        block, count = self._opened(self.init_state(x.shape[0]) if state is None else state)
        start = 0 if state is None else int(count[0])  # an exported program knows no count
        query, new = self._project(x, mask, start)
        held = Cached.joined([block, new])
        mixed = self.attention.attend(
            query,
            held.key,
            held.value,
            mask=_existing(Window(self.before), held.seen),
            query_start=start,
            key_start=start - block.length,
        )
        kept = held.cut(max(held.length - self.before, 0), None)
        return self.attention.merge(mixed), (*state_of([kept]), count + x.shape[1])

    def init_state(self, batch: int) -> State:
        """State before the first token: one block, and the number of tokens so far, (b,)."""
        block = super().init_state(batch)[0]
        return block, torch.zeros(batch, dtype=torch.int64, device=self._empty(0).device)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self(x_t.unsqueeze(1), state=state)
        return y.squeeze(1), state

    def pairs(self, length: int) -> int:
        ramp = min(length, self.before + 1)
        return ramp * (ramp + 1) // 2 + (length - ramp) * (self.before + 1)

    @staticmethod
    def _opened(state: State) -> tuple[Cached, Tensor]:
        (block,), count = blocks_of(state[:1]), state[1]
        assert isinstance(count, Tensor)
        return block, count


def _existing(mask: Mask, seen: Tensor) -> Mask:
    """The mask, and hidden tokens that do not exist, if there are any.

    A program that is exported holds for tokens of any presence, so it cannot ask whether all exist.
    """
    is_traced = torch.compiler.is_compiling()
    return mask if not is_traced and bool(seen.all()) else mask & Padding(seen)
