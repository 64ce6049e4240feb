"""Softmax attention as a token mixer; its state is the keys and values it has seen."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.attention import Causal, Mask, MultiheadAttention, Padding, Position
from sciformer.mixers.protocol import OpCount, State, TokenMixer, check_causal, check_sequence


class Attention(TokenMixer):
    """Multi-head self-attention, with any position scheme; see `MultiheadAttention`.

    Args:
        width: width of the tokens.
        heads: number of heads.
        position: position scheme; `Universal(...)` gives URPE attention.
        causal: whether a token sees only itself and what came before.

    Cost: a step reads all earlier tokens, so a stream costs O(n^2) and O(n) memory.
    """

    def __init__(
        self, width: int, heads: int, *, position: Position | None = None, causal: bool = True
    ) -> None:
        super().__init__()
        self.width = width
        self.lookahead = 0 if causal else None
        self.attention = MultiheadAttention(width, heads, position=position)

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """See `TokenMixer.forward`."""
        check_sequence("Attention", x, self.width)
        check_causal("Attention", self, state)
        b, n, _ = x.shape
        present = torch.ones(b, n, dtype=torch.bool, device=x.device) if mask is None else mask
        keys, values, seen = _cache(self.init_state(b) if state is None else state)
        start = keys.shape[-2]
        query, key, value = self.attention.project(x, query_start=start)
        key, value = torch.cat([keys, key], -2), torch.cat([values, value], -2)
        seen = torch.cat([seen, present], 1)
        visible: Mask = Causal() if self.causal else Mask()
        if not bool(seen.all()):
            visible = visible & Padding(seen)
        mixed = self.attention.attend(query, key, value, mask=visible, query_start=start)
        return self.attention.merge(mixed), (key, value, seen)

    def init_state(self, batch: int) -> State:
        """See `TokenMixer.init_state`; keys and values (b, h, 0, d/h), presence (b, 0)."""
        heads = self.attention.heads
        empty = self._empty(batch, heads, 0, self.attention.key.out_features // heads)
        return empty, empty, torch.ones(batch, 0, dtype=torch.bool, device=empty.device)

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        """See `TokenMixer.operations`; what a position scheme adds is not counted."""
        inner = self.attention.query.out_features
        pairs = length * (length + 1) // 2 if self.causal else length * length
        projections = OpCount.synapses(3 * length * self.width * inner, spikes=spikes)
        return projections + OpCount(macs=2 * pairs * inner + length * inner * self.width)


def _cache(state: State) -> tuple[Tensor, Tensor, Tensor]:
    keys, values, seen = state
    assert isinstance(keys, Tensor)
    assert isinstance(values, Tensor)
    assert isinstance(seen, Tensor)
    return keys, values, seen
