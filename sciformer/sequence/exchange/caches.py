"""Caches of attention as a program can hold them: tensors of one size, or with one axis that grows.

A stream keeps its keys and values in blocks that close and merge, which depends on how many there
are. A program has no such choices, so its step keeps one block.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.attention import Causal, Padding, Window
from sciformer.errors import UsageError
from sciformer.mixers import TokenMixer
from sciformer.mixers.attention import Attention, WindowAttention
from sciformer.mixers.cache import Cached
from sciformer.mixers.protocol import OpCount, State


class _Cache(TokenMixer):
    """Causal attention with another state; frames of a stream all exist."""

    def __init__(self, mixer: Attention) -> None:
        super().__init__()
        self.attention, self._operations = mixer.attention, mixer.operations

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        return self._operations(length, spikes=spikes)

    def _zeros(self, batch: int, tokens: int) -> Tensor:
        heads = self.attention.heads
        return self._empty(batch, heads, tokens, self.attention.key.out_features // heads)


class Growing(_Cache):
    """Attention to all frames so far: keys and values (b, h, n, d) after n frames."""

    @property
    def most(self) -> int | None:
        """Frames that may lie before the present one; None for any number."""
        length = self.attention.position.length
        return None if length is None else length - 1

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        _refuse(mask)
        earlier_keys, earlier_values = _tensors(self.init_state(len(x)) if state is None else state)
        layer, start = self.attention, earlier_keys.shape[-2]
        query, key, value = layer.project(x, query_start=start)
        key = torch.cat([earlier_keys, key], -2)
        value = torch.cat([earlier_values, value], -2)
        found = layer.attend(query, key, value, mask=Causal(), query_start=start)
        return layer.merge(found), (key, value)

    def init_state(self, batch: int) -> State:
        return self._zeros(batch, 0), self._zeros(batch, 0)


class Sliding(_Cache):
    """Attention to the last frames: as many keys and values as the window holds, and which exist.

    The present frame stands at the end of the window whatever its number, so the scheme must see
    offsets alone.
    """

    def __init__(self, mixer: WindowAttention) -> None:
        super().__init__(mixer)
        self.before = mixer.before
        if not mixer.attention.position.sees_offsets_only:
            raise UsageError(
                f"export: {type(mixer.attention.position).__name__} adds to frames by their "
                "number, which a window of fixed size does not know; export the whole."
            )

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        _refuse(mask)
        before = Cached(*_tensors(self.init_state(len(x)) if state is None else state))
        layer = self.attention
        query, key, value = layer.project(x, query_start=self.before)
        present = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        held = Cached.joined([before, Cached(key, value, present)])
        visible = Window(self.before) & Padding(held.seen)
        found = layer.attend(query, held.key, held.value, mask=visible, query_start=self.before)
        kept = held.cut(x.shape[1], None)
        return layer.merge(found), (kept.key, kept.value, kept.seen)

    def init_state(self, batch: int) -> State:
        block = self._zeros(batch, self.before)
        seen = torch.zeros(batch, self.before, dtype=torch.bool, device=block.device)
        return block, block.clone(), seen


def with_program_caches(module: nn.Module) -> list[Growing]:
    """Exchanges the attention of a model, in place, for that with such a state.

    Returns:
        Those whose cache grows.

    Raises:
        UsageError: a window with a scheme that depends on more than offsets.
    """
    growing = []
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is WindowAttention:
                setattr(parent, name, Sliding(child))
            elif type(child) is Attention:
                growing.append(Growing(child))
                setattr(parent, name, growing[-1])
    return growing


def _tensors(state: State) -> list[Tensor]:
    return [part for part in state if isinstance(part, Tensor)]


def _refuse(mask: Tensor | None) -> None:
    if mask is not None:
        raise UsageError("export: every frame of a stream exists; leave out the mask.")
