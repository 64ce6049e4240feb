"""Random layers and random boxes for the soundness tests, and a 60-digit forward pass."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

from theory.universal.arrays import Array
from theory.universal.layer import LayerWeights


def random_layer(
    tokens: int,
    width: int,
    seed: int,
    *,
    heads: int = 2,
    head_width: int = 2,
    units: int = 10,
    scale: float = 0.7,
    positions: bool = True,
) -> LayerWeights:
    """A generic layer with one output: all scores depend on the tokens."""
    rng = np.random.default_rng(seed)
    w, inner = width + 3, heads * head_width
    own = rng.normal(size=(tokens, w))
    return LayerWeights(
        heads=heads,
        embedding=rng.normal(size=(w, width)),
        positions=own if positions else np.repeat(own[:1], tokens, 0),
        query=rng.normal(size=(inner, w)) * scale,
        key=rng.normal(size=(inner, w)) * scale,
        value=rng.normal(size=(inner, w)),
        output=rng.normal(size=(w, inner)) * 0.5,
        hidden=rng.normal(size=(units, w)),
        hidden_bias=rng.normal(size=units),
        readout=rng.normal(size=(1, units)),
        readout_bias=rng.normal(size=1),
    )


def exact_forward(weights: LayerWeights, sequence: Array) -> list[list[Any]]:
    """The layer at one sequence (n, d) in mpmath numbers of the current precision."""

    def matrix(array: Array) -> Any:
        return mpmath.matrix(np.atleast_2d(array).tolist())

    n, inner = weights.tokens, weights.head_width
    states = [
        matrix(weights.embedding) * matrix(sequence[j]).T + matrix(weights.positions[j]).T
        for j in range(n)
    ]
    outputs = []
    for i in range(n):
        mixed: list[Any] = []
        for h in range(weights.heads):
            rows = slice(h * inner, (h + 1) * inner)
            query = matrix(weights.query[rows]) * states[i]
            scores = [
                (query.T * (matrix(weights.key[rows]) * s))[0] / mpmath.sqrt(inner) for s in states
            ]
            terms = [mpmath.exp(s) for s in scores]
            values = [matrix(weights.value[rows]) * s for s in states]
            for k in range(inner):
                total = sum(t * v[k] for t, v in zip(terms, values, strict=True))
                mixed.append(total / sum(terms))
        state = states[i] + matrix(weights.output) * mpmath.matrix(mixed)
        active = matrix(weights.hidden) * state + matrix(weights.hidden_bias).T
        active = mpmath.matrix([max(v, mpmath.mpf(0)) for v in active])
        outputs.append(list(matrix(weights.readout) * active + matrix(weights.readout_bias).T))
    return outputs


def boxes_inside(rng: np.random.Generator, count: int, dimension: int) -> tuple[Array, Array]:
    """Random boxes in [-1, 1]^D of sizes from 1e-3 to 1, corners included in the domain."""
    lower = rng.uniform(-1, 1, (count, dimension))
    size = 10 ** rng.uniform(-3, 0, (count, 1)) * rng.uniform(0.2, 1, (count, dimension))
    return lower, np.minimum(lower + size, 1.0)


def points_inside(rng: np.random.Generator, lower: Array, upper: Array, count: int) -> Array:
    """Random points of one box, a quarter of them at corners."""
    share = rng.uniform(size=(count, len(lower)))
    share[: count // 4] = np.round(share[: count // 4])
    return np.clip(lower + share * (upper - lower), lower, upper)
