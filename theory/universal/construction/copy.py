"""Copy heads: a head for every position, un-mixed exactly at any temperature (T2, T3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from theory.universal.construction.heads import Heads, Space


def copy_heads(tokens: int, width: int, beta: float = 1.0) -> Heads:
    """n heads, head k looking at position k; exact linear un-mixing replaces a high temperature.

    Head k gives u_k = sum_j A_kj x_j with A = ((e^beta - 1) I + 1 1^T) / (e^beta + n - 1), and
    A^-1 = ((e^beta + n - 1) I - 1 1^T) / (e^beta - 1) goes into the output projection: slot k of
    every token is x_k at every beta > 0.

    Args:
        tokens: n.
        width: d.
        beta: score of the looked-at position over the others; > 0.

    Source: lemma 2 and theorem T2 of docs/theory/single-layer-theorem.md.
    """
    return tilted_copy_heads(tokens, width, (), beta)


def tilted_copy_heads(tokens: int, width: int, tilts: Sequence[float], beta: float = 1.0) -> Heads:
    """Copy heads, and for each tilt t one head a channel that gives sum x e^(t x) / sum e^(t x).

    A tilted mean is a soft maximum (t > 0) or minimum (t < 0): at most W((n - 1) / e) / t below the
    maximum. Features: x_1, ..., x_n, then the tilted means.
    """
    n, d = tokens, width
    copies, extra = n, len(tilts) * d
    space = Space(token=d, position=n, slot=n * d, mean=extra)
    w = space.width
    count = copies + extra
    query, key, value = (np.zeros((count, d, w)) for _ in range(3))
    scale = math.sqrt(d)
    for k in range(copies):
        query[k, 0, space["position"]] = beta * scale
        key[k, 0, space.at("position", k)] = 1.0
        value[k, :, space["token"]] = np.eye(d)
    output = np.zeros((w, count, d))
    unmix = ((math.exp(beta) + n - 1) * np.eye(n) - np.ones((n, n))) / math.expm1(beta)
    output[space["slot"], :copies] = np.kron(unmix, np.eye(d)).reshape(n * d, n, d)
    for index in range(extra):
        tilt, channel = tilts[index // d], index % d
        query[copies + index, 0, space["position"]] = tilt * scale
        key[copies + index, 0, space.at("token", channel)] = 1.0
        value[copies + index, 0, space.at("token", channel)] = 1.0
        output[space.at("mean", index), copies + index, 0] = 1.0
    positions = np.zeros((n, w))
    positions[:, space["position"]] = np.eye(n)
    read = np.concatenate([space.basis("slot"), space.basis("mean")], 1).T
    decode = np.broadcast_to(read, (n, n * d + extra, w))
    return Heads(
        name="copy" if not tilts else "hybrid",
        heads=count,
        embedding=space.basis("token"),
        positions=positions,
        query=query.reshape(count * d, w),
        key=key.reshape(count * d, w),
        value=value.reshape(count * d, w),
        output=output.reshape(w, count * d),
        decode=decode,
        offset=np.zeros((n, n * d + extra)),
        gate=space["position"],
    )
