"""Attention layers by construction: what every token knows of the sequence after one layer.

Each construction is a set of weights and, for every token, an affine read-out of its state that
gives the features the hidden layer works on: the whole sequence, and tilted means if there are any.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.universal.arrays import Array


@dataclass(frozen=True)
class Heads:
    """One attention layer and how to read it.

    Args:
        name: the construction, for people.
        heads: number of heads h.
        embedding: (w, d).
        positions: (n, w).
        query, key, value: (h * head_width, w).
        output: (w, h * head_width).
        decode: (n, features, w): state of token i -> features.
        offset: (n, features), added to the features.
        gate: coordinates of the state that hold the one-hot position; None without positions.
    """

    name: str
    heads: int
    embedding: Array
    positions: Array
    query: Array
    key: Array
    value: Array
    output: Array
    decode: Array
    offset: Array
    gate: slice | None

    def features(self, sequences: Array, token: int) -> Array:
        """Features (p, f) that one token can read from sequences (p, n, d), in plain float64."""
        tokens = sequences @ self.embedding.T + self.positions
        shape = (len(tokens), tokens.shape[1], self.heads, -1)
        query = (tokens[:, token] @ self.query.T).reshape(len(tokens), self.heads, -1)
        key, value = ((tokens @ w.T).reshape(shape).swapaxes(1, 2) for w in (self.key, self.value))
        scores = (key @ query[..., None])[..., 0] / math.sqrt(query.shape[-1])  # (p, h, n)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights[:, :, None] @ value)[:, :, 0].reshape(len(tokens), -1)
        state = tokens[:, token] + mixed @ self.output.T
        return np.asarray(state @ self.decode[token].T + self.offset[token])


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
    slots = d + n
    w = slots + n * d + extra
    basis = np.eye(w)
    count = copies + extra
    query, key, value = (np.zeros((count, d, w)) for _ in range(3))
    scale = math.sqrt(d)
    for k in range(copies):
        query[k, 0, d : d + n] = beta * scale
        key[k, 0, d + k] = 1.0
        value[k, :, :d] = np.eye(d)
    output = np.zeros((w, count, d))
    unmix = ((math.exp(beta) + n - 1) * np.eye(n) - np.ones((n, n))) / math.expm1(beta)
    output[slots : slots + n * d, :copies] = np.kron(unmix, np.eye(d)).reshape(n * d, n, d)
    for index in range(extra):
        tilt, channel = tilts[index // d], index % d
        query[copies + index, 0, d : d + n] = tilt * scale
        key[copies + index, 0, channel] = 1.0
        value[copies + index, 0, channel] = 1.0
        output[slots + n * d + index, copies + index, 0] = 1.0
    positions = np.zeros((n, w))
    positions[:, d : d + n] = np.eye(n)
    decode = np.broadcast_to(basis[slots:], (n, n * d + extra, w))
    return Heads(
        name="copy" if not tilts else "hybrid",
        heads=count,
        embedding=basis[:, :d].copy(),
        positions=positions,
        query=query.reshape(count * d, w),
        key=key.reshape(count * d, w),
        value=value.reshape(count * d, w),
        output=output.reshape(w, count * d),
        decode=decode,
        offset=np.zeros((n, n * d + extra)),
        gate=slice(d, d + n),
    )
