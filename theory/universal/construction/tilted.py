"""Tilted means without positions, for permutation-equivariant targets (T1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theory.universal.construction.heads import Heads, Space


def tilted_heads(tokens: int, tilts: Sequence[float]) -> Heads:
    """Tilted means sum x e^(t x) / sum e^(t x) of tokens of width 1, all p_j the same constant.

    Without positions the layer is exactly permutation-equivariant. Features: the own token, then
    the tilted means.

    Source: theorem T1 of docs/theory/single-layer-theorem.md.
    """
    count = len(tilts)
    space = Space(token=1, constant=1, mean=count)
    w = space.width
    query, key, value = (np.zeros((count, w)) for _ in range(3))
    query[:, space["constant"]] = np.reshape(tilts, (count, 1))
    key[:, space["token"]] = value[:, space["token"]] = 1.0
    positions = np.zeros((tokens, w))
    positions[:, space["constant"]] = 1.0
    output = np.zeros((w, count))
    output[space["mean"]] = np.eye(count)
    read = np.concatenate([space.basis("token"), space.basis("mean")], 1).T.copy()
    return Heads(
        name="tilted",
        heads=count,
        embedding=space.basis("token"),
        positions=positions,
        query=query,
        key=key,
        value=value,
        output=output,
        decode=np.broadcast_to(read, (tokens, *read.shape)),
        offset=np.zeros((tokens, 1 + count)),
        gate=None,
    )
