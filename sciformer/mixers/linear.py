"""Linear attention as a token mixer: smooth, and a stream in constant memory."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from sciformer.errors import DomainError
from sciformer.mixers.protocol import (
    OpCount,
    State,
    TokenMixer,
    check_causal,
    check_sequence,
    masked,
)
from sciformer.mixers.synapses import Synapses, layers_of_children

CHUNK = 64  # tokens whose pairs are built; below it the products of matrices get small


class LinearAttention(TokenMixer):
    """Attention whose weights are products of positive features.

    out_i = sum_j (phi(q_i) . phi(k_j)) v_j / sum_j phi(q_i) . phi(k_j),   phi = softplus

    Its state is (sum_j phi(k_j) v_j^T, sum_j phi(k_j)). Softplus has derivatives of every order,
    where the usual elu + 1 has a kink in its second.

    Args:
        width: width of the tokens.
        heads: number of heads; divides the width.
        causal: whether a token sees only itself and what came before.

    Raises:
        DomainError: heads < 1, or heads that do not divide the width.

    Cost: a step costs 2 d e + d products a head and constant memory; sequences cost O(n).
    Source: Katharopoulos et al. 2020, eqs. 4-6 and 9; their phi is elu + 1.
    Deviates: softplus, and a scale of d^(-1/4) on queries and keys, as softmax attention has it.
    """

    def __init__(self, width: int, heads: int, *, causal: bool = True) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise DomainError(
                f"LinearAttention: heads must be >= 1 and divide the width; got width {width} "
                f"and heads {heads}."
            )
        self.width, self.heads, self.head_width = width, heads, width // heads
        self.lookahead = 0 if causal else None
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        check_sequence("LinearAttention", x, self.width, mask)
        check_causal("LinearAttention", self, state)
        x = masked(x, mask)
        query, key = self._features(self.query(x)), self._features(self.key(x))
        value = self._split(self.value(x))
        if mask is not None:
            present = mask[:, None, :, None]
            key, value = torch.where(present, key, 0.0), torch.where(present, value, 0.0)
        before = None if state is None else _tensors(state)
        outputs = []
        for start in range(0, x.shape[1], CHUNK if self.causal else x.shape[1]):
            stop = min(start + CHUNK, x.shape[1]) if self.causal else x.shape[1]
            cut = [part[..., start:stop, :] for part in (query, key, value)]
            found, before = self._chunk(cut[0], cut[1], cut[2], before)
            outputs.append(found)
        assert before is not None  # a sequence has at least one token
        mixed = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -2)
        return self._merge(mixed), before

    def init_state(self, batch: int) -> State:
        """State before the first token: (b, h, d, e) and (b, h, d)."""
        width = self.head_width
        return (
            self._empty(batch, self.heads, width, width),
            self._empty(batch, self.heads, width),
        )

    def operations(self, length: int, *, spikes: bool = False) -> OpCount:
        projection = length * self.width * self.heads * self.head_width
        inputs = OpCount.synapses(3 * projection, spikes=spikes)
        return inputs + OpCount(macs=projection + self._products(length))

    def layers(self, length: int) -> list[Synapses]:
        state = Synapses("state", self._products(length))
        return [*layers_of_children(self, length), state]

    def _products(self, length: int) -> int:
        """Number of products with the state: k v^T, q S and q z of every head."""
        width = self.head_width
        return length * self.heads * (2 * width * width + width)

    def _chunk(
        self, query: Tensor, key: Tensor, value: Tensor, before: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Outputs of one chunk, and the state after it."""
        n = query.shape[-2]
        turned = key.transpose(-2, -1)
        memory, total = turned @ value, key.sum(-2)
        after = memory, total
        if before is not None:
            after = before[0] + memory, before[1] + total
        if n == 1 or not self.causal:
            summed, normaliser = query @ after[0], query @ after[1].unsqueeze(-1)
            return summed / normaliser, after
        weights = (query @ turned) * torch.ones(n, n, dtype=query.dtype, device=query.device).tril()
        summed, normaliser = weights @ value, weights.sum(-1, keepdim=True)
        if before is not None:
            summed = summed + query @ before[0]
            normaliser = normaliser + query @ before[1].unsqueeze(-1)
        return summed / normaliser, after

    def _features(self, tokens: Tensor) -> Tensor:
        scale = self.head_width**-0.25
        return functional.softplus(self._split(tokens) * scale)

    def _split(self, tokens: Tensor) -> Tensor:
        return torch.unflatten(tokens, -1, (self.heads, -1)).transpose(1, 2)  # (b, h, n, d)

    def _merge(self, heads: Tensor) -> Tensor:
        merged: Tensor = self.output(heads.transpose(1, 2).flatten(-2))
        return merged


def _tensors(state: State) -> tuple[Tensor, Tensor]:
    memory, total = state
    assert isinstance(memory, Tensor)
    assert isinstance(total, Tensor)
    return memory, total
