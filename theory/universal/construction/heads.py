"""Attention by construction: the features that every token has of the sequence after one layer.

Each construction is a set of weights and, for every token, an affine read-out of its state that
gives the features the hidden layer works on: the whole sequence, and tilted means if there are any.
"""

from __future__ import annotations

import math
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


class Space:
    """The coordinates of a state by name, so that a wrong direction fails by its name.

    Args:
        sizes: the number of coordinates of each named part, in order.
    """

    def __init__(self, **sizes: int) -> None:
        self.parts: dict[str, slice] = {}
        self.width = 0
        for name, size in sizes.items():
            self.parts[name] = slice(self.width, self.width + size)
            self.width += size

    def __getitem__(self, name: str) -> slice:
        """The coordinates of a part."""
        return self.parts[name]

    def at(self, name: str, index: int) -> int:
        """One coordinate of a part; an index outside it is a mistake of a construction."""
        part = self.parts[name]
        assert 0 <= index < part.stop - part.start, f"{name} has no coordinate {index}"
        return int(part.start) + index

    def block(self, name: str, index: int, size: int) -> slice:
        """The `index`-th run of `size` coordinates of a part."""
        start = self.at(name, index * size)
        self.at(name, (index + 1) * size - 1)
        return slice(start, start + size)

    def basis(self, name: str) -> Array:
        """Unit vectors of a part as columns, (width, size)."""
        return np.asarray(np.eye(self.width)[:, self.parts[name]].copy())
