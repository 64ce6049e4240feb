"""Relative heads: n - 1 heads that look at fixed distances (T2b i)."""

from __future__ import annotations

import math

import numpy as np

from theory.universal.construction.heads import Heads, Space


def relative_heads(tokens: int, width: int, beta: float = 1.0) -> Heads:
    """n - 1 heads, head h of token i looking at token i + h (mod n); token i is in the residual.

    With S = sum_j x_j and Z = e^beta + n - 1, head h gives u_h = ((e^beta - 1) x_(i+h) + S) / Z.
    Summing over h and using the residual x_i gives S, hence every x_(i+h): an exact affine
    read-out of the state, different for every token.

    Source: theorem T2b (i) of docs/theory/single-layer-theorem.md.
    """
    n, d = tokens, width
    count = max(n - 1, 1)
    space = Space(token=d, position=n, slot=count * d)
    w = space.width
    grown, total = math.expm1(beta), math.exp(beta) + n - 1
    query, key, value = (np.zeros((count, n if n > d else d, w)) for _ in range(3))
    scale = math.sqrt(query.shape[1])
    for h in range(count):
        for i in range(n):
            query[h, (i + h + 1) % n, space.at("position", i)] = beta * scale
            key[h, i, space.at("position", i)] = 1.0
        value[h, :d, space["token"]] = np.eye(d)
    inner = query.shape[1]
    output = np.zeros((w, count, inner))
    for h in range(count):
        output[space.block("slot", h, d), h, :d] = np.eye(d)
    positions = np.zeros((n, w))
    positions[:, space["position"]] = np.eye(n)
    decode = np.zeros((n, n * d, w))
    for i in range(n):
        # S = (Z sum_h u_h + (e^beta - 1) x_i) / (e^beta - 1 + n - 1)
        whole = np.zeros((d, w))
        whole[:, space["token"]] = grown * np.eye(d)
        for h in range(n - 1):
            whole[:, space.block("slot", h, d)] = total * np.eye(d)
        whole /= grown + n - 1
        decode[i, i * d : (i + 1) * d, space["token"]] = np.eye(d)
        for h in range(n - 1):
            j = (i + h + 1) % n
            rows = decode[i, j * d : (j + 1) * d]
            rows[:] = -whole
            rows[:, space.block("slot", h, d)] += total * np.eye(d)
            rows /= grown
    return Heads(
        name="relative",
        heads=count,
        embedding=space.basis("token"),
        positions=positions,
        query=query.reshape(-1, w),
        key=key.reshape(-1, w),
        value=value.reshape(-1, w),
        output=output.reshape(w, -1),
        decode=decode,
        offset=np.zeros((n, n * d)),
        gate=space["position"],
    )
