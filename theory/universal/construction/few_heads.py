"""Attention with few heads: relative copying, softmax in its linear range, tilted means."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from theory.universal.construction.heads import Heads


def relative_heads(tokens: int, width: int, beta: float = 1.0) -> Heads:
    """n - 1 heads, head h of token i looking at token i + h (mod n); token i is in the residual.

    With S = sum_j x_j and Z = e^beta + n - 1, head h gives u_h = ((e^beta - 1) x_(i+h) + S) / Z.
    Summing over h and using the residual x_i gives S, hence every x_(i+h): an exact affine
    read-out of the state, different for every token.

    Source: theorem T2b (i) of docs/theory/single-layer-theorem.md.
    """
    n, d = tokens, width
    count = max(n - 1, 1)
    slots = d + n
    w = slots + count * d
    grown, total = math.expm1(beta), math.exp(beta) + n - 1
    query, key, value = (np.zeros((count, n if n > d else d, w)) for _ in range(3))
    scale = math.sqrt(query.shape[1])
    for h in range(count):
        for i in range(n):
            query[h, (i + h + 1) % n, d + i] = beta * scale
            key[h, i, d + i] = 1.0
        value[h, :d, :d] = np.eye(d)
    inner = query.shape[1]
    output = np.zeros((w, count, inner))
    for h in range(count):
        output[slots + h * d : slots + (h + 1) * d, h, :d] = np.eye(d)
    positions = np.zeros((n, w))
    positions[:, d : d + n] = np.eye(n)
    decode = np.zeros((n, n * d, w))
    for i in range(n):
        # S = (Z sum_h u_h + (e^beta - 1) x_i) / (e^beta - 1 + n - 1)
        whole = np.zeros((d, w))
        whole[:, :d] = grown * np.eye(d)
        for h in range(n - 1):
            whole[:, slots + h * d : slots + (h + 1) * d] = total * np.eye(d)
        whole /= grown + n - 1
        decode[i, i * d : (i + 1) * d, :d] = np.eye(d)
        for h in range(n - 1):
            j = (i + h + 1) % n
            rows = decode[i, j * d : (j + 1) * d]
            rows[:] = -whole
            rows[:, slots + h * d : slots + (h + 1) * d] += total * np.eye(d)
            rows /= grown
    return Heads(
        name="relative",
        heads=count,
        embedding=np.eye(w)[:, :d].copy(),
        positions=positions,
        query=query.reshape(-1, w),
        key=key.reshape(-1, w),
        value=value.reshape(-1, w),
        output=output.reshape(w, -1),
        decode=decode,
        offset=np.zeros((n, n * d)),
        gate=slice(d, d + n),
    )


def linear_heads(tokens: int, width: int, gamma: float = 1e-3) -> Heads:
    """d heads (one if d = 1): scores gamma x_jc, values (one-hot j, x_j), decoded to first order.

    With alpha = softmax(gamma x_.c) and m = sum_j alpha_j x_jc the feature
    y_j = (n / gamma) (alpha_j - 1/n) + m differs from x_jc by at most
    gamma (2 e^(2 gamma) + 1/2) for |x| <= 1.

    Args:
        tokens: n.
        width: d.
        gamma: > 0; rounding grows as n 2^-53 / gamma, the decoding error as 2.5 gamma.

    Source: lemma 3 and theorem T2b (ii) of docs/theory/single-layer-theorem.md.
    """
    n, d = tokens, width
    inner = n + d
    slots = d + n
    w = slots + d * inner
    query, key, value = (np.zeros((d, inner, w)) for _ in range(3))
    for c in range(d):
        query[c, 0, d : d + n] = gamma * math.sqrt(inner)
        key[c, 0, c] = 1.0
        value[c, :n, d : d + n] = np.eye(n)
        value[c, n:, :d] = np.eye(d)
    output = np.zeros((w, d * inner))
    output[slots:] = np.eye(d * inner)
    positions = np.zeros((n, w))
    positions[:, d : d + n] = np.eye(n)
    decode, offset = np.zeros((n * d, w)), np.full(n * d, -1.0 / gamma)
    for j in range(n):
        for c in range(d):
            decode[j * d + c, slots + c * inner + j] = n / gamma
            decode[j * d + c, slots + c * inner + n + c] = 1.0
    return Heads(
        name="linear",
        heads=d,
        embedding=np.eye(w)[:, :d].copy(),
        positions=positions,
        query=query.reshape(-1, w),
        key=key.reshape(-1, w),
        value=value.reshape(-1, w),
        output=output,
        decode=np.broadcast_to(decode, (n, n * d, w)),
        offset=np.broadcast_to(offset, (n, n * d)),
        gate=slice(d, d + n),
    )


def tilted_heads(tokens: int, tilts: Sequence[float]) -> Heads:
    """Tilted means sum x e^(t x) / sum e^(t x) of tokens of width 1, all p_j the same constant.

    Without positions the layer is exactly permutation-equivariant. Features: the own token, then
    the tilted means.

    Source: theorem T1 of docs/theory/single-layer-theorem.md.
    """
    count = len(tilts)
    w = 2 + count
    query, key, value = (np.zeros((count, w)) for _ in range(3))
    query[:, 1] = tilts
    key[:, 0] = value[:, 0] = 1.0
    positions = np.zeros((tokens, w))
    positions[:, 1] = 1.0
    output = np.zeros((w, count))
    output[2:] = np.eye(count)
    read = np.eye(w)[[0, *range(2, w)]]
    return Heads(
        name="tilted",
        heads=count,
        embedding=np.eye(w)[:, :1].copy(),
        positions=positions,
        query=query,
        key=key,
        value=value,
        output=output,
        decode=np.broadcast_to(read, (tokens, *read.shape)),
        offset=np.zeros((tokens, 1 + count)),
        gate=None,
    )
