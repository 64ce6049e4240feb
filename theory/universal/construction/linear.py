"""Linear heads: softmax in its linear range, decoded to first order (T2b ii)."""

from __future__ import annotations

import math

import numpy as np

from theory.universal.construction.heads import Heads, Space


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
    space = Space(token=d, position=n, slot=d * inner)
    w = space.width
    query, key, value = (np.zeros((d, inner, w)) for _ in range(3))
    for c in range(d):
        query[c, 0, space["position"]] = gamma * math.sqrt(inner)
        key[c, 0, space.at("token", c)] = 1.0
        value[c, :n, space["position"]] = np.eye(n)
        value[c, n:, space["token"]] = np.eye(d)
    output = np.zeros((w, d * inner))
    output[space["slot"]] = np.eye(d * inner)
    positions = np.zeros((n, w))
    positions[:, space["position"]] = np.eye(n)
    decode, offset = np.zeros((n * d, w)), np.full(n * d, -1.0 / gamma)
    for j in range(n):
        for c in range(d):
            decode[j * d + c, space.at("slot", c * inner + j)] = n / gamma
            decode[j * d + c, space.at("slot", c * inner + n + c)] = 1.0
    return Heads(
        name="linear",
        heads=d,
        embedding=space.basis("token"),
        positions=positions,
        query=query.reshape(-1, w),
        key=key.reshape(-1, w),
        value=value.reshape(-1, w),
        output=output,
        decode=np.broadcast_to(decode, (n, n * d, w)),
        offset=np.broadcast_to(offset, (n, n * d)),
        gate=space["position"],
    )
