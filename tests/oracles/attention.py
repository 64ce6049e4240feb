"""Attention by three loops, in the order in which a paper writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scheme:
    """A position scheme, pair by pair: head, query or key vector, and true positions."""

    token: Callable[[Tensor, int], Tensor] = lambda x, i: x
    turn: Callable[[Tensor, int], Tensor] = lambda x, i: x
    bias: Callable[[int, int, int], Tensor | float] = lambda head, i, j: 0.0
    key: Callable[[int, int], Tensor | float] = lambda i, j: 0.0
    value: Callable[[int, int], Tensor | float] = lambda i, j: 0.0
    gain: Callable[[int, int, int], Tensor | float] = lambda head, i, j: 1.0


@dataclass(frozen=True)
class Pairs:
    """Which pairs may meet, and where the counting of positions begins."""

    allowed: Callable[[int, int], bool] = lambda i, j: True
    query_start: int = 0
    key_start: int = 0


def attention(query: Tensor, key: Tensor, value: Tensor, scheme: Scheme, pairs: Pairs) -> Tensor:
    """Output (h, n, e) of queries (h, n, d), keys (h, m, d), values (h, m, e)."""
    heads, n, d = query.shape
    m, e = value.shape[1:]
    output = torch.zeros(heads, n, e, dtype=query.dtype)
    for h in range(heads):
        for i in range(n):
            at = i + pairs.query_start
            scores = {}
            for j in range(m):
                there = j + pairs.key_start
                if pairs.allowed(at, there):
                    product = scheme.turn(query[h, i], at) @ scheme.turn(key[h, j], there)
                    relative = (query[h, i] * scheme.key(at, there)).sum()
                    scores[j] = (product + relative) / d**0.5 + scheme.bias(h, at, there)
            if not scores:
                continue
            largest = max(float(score) for score in scores.values())
            total = sum((score - largest).exp() for score in scores.values())
            for j, score in scores.items():
                there = j + pairs.key_start
                weight = (score - largest).exp() / total * scheme.gain(h, at, there)
                output[h, i] += weight * (value[h, j] + scheme.value(at, there))
    return output


@dataclass(frozen=True)
class Projections:
    """The four affine maps of multi-head attention, each (weight, bias)."""

    query: tuple[Tensor, Tensor]
    key: tuple[Tensor, Tensor]
    value: tuple[Tensor, Tensor]
    output: tuple[Tensor, Tensor]


@torch.no_grad()
def multihead(
    tokens: Tensor, memory: Tensor, heads: int, maps: Projections, scheme: Scheme, pairs: Pairs
) -> Tensor:
    """Output (n, width) of tokens (n, width) that look at a memory (m, width)."""
    asking = torch.stack([scheme.token(x, i + pairs.query_start) for i, x in enumerate(tokens)])
    answering = torch.stack([scheme.token(x, j + pairs.key_start) for j, x in enumerate(memory)])

    def split(x: Tensor, weight_bias: tuple[Tensor, Tensor]) -> Tensor:
        projected = x @ weight_bias[0].T + weight_bias[1]
        return torch.stack(projected.split(projected.shape[-1] // heads, -1))

    found = attention(
        split(asking, maps.query),
        split(answering, maps.key),
        split(answering, maps.value),
        scheme,
        pairs,
    )
    return torch.cat(list(found), -1) @ maps.output[0].T + maps.output[1]
