"""The weights of one layer from attention and ridge functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from theory.universal.arrays import Array
from theory.universal.construction.heads import Heads
from theory.universal.fitting.ridge import Ridges
from theory.universal.layer import LayerWeights

_ROOM = 1.02
"""Features exceed the largest coordinate by the decoding error of linear heads, 2.5 gamma; gates
that are too weak do no harm: the certifier rejects them."""


def assemble(heads: Heads, parts: Sequence[Sequence[Ridges]], limit: float) -> LayerWeights:
    """Writes the ridge functions of every token and output into one hidden layer.

    The hidden layer is shared by all tokens. A unit meant for token i alone gets -G (1 - pos_i),
    with G so large that it is dead at every other token; a unit meant for all tokens gets no gate.
    The affine part of an entry travels through one unit that is active on the whole domain.

    Args:
        heads: the attention.
        parts: rows of functions of the features, one row a token; a single row serves all tokens.
        limit: largest |feature| on the domain.
    """
    outputs = len(parts[0])
    rows: list[Array] = []
    biases: list[float] = []
    readout: list[Array] = []
    bias = np.zeros(outputs)
    gated = len(parts) > 1
    assert heads.gate is not None or not gated, "gates need positions"

    def add(token: int, direction: Array, offset: float, output: int, weight: float) -> None:
        row = direction @ heads.decode[token]
        if gated and heads.gate is not None:
            gate = _ROOM * limit * float(np.abs(direction).sum()) + abs(offset) + 1.0
            row[heads.gate] -= gate
            row[heads.gate.start + token] += gate
        rows.append(row)
        biases.append(offset + float(direction @ heads.offset[token]))
        readout.append(weight * np.eye(outputs)[output])

    for output in range(outputs):
        column = [row[output] for row in parts]
        lift = _lift(column, limit)
        bias[output] = column[0].constant - lift
        for token, part in enumerate(column):
            for direction, offset, weight in zip(
                part.directions, part.offsets, part.weights, strict=True
            ):
                add(token, direction, float(offset), output, float(weight))
            if lift:
                shift = part.constant - bias[output]
                add(token, part.slope, shift, output, 1.0)
    width = heads.embedding.shape[0]
    if not rows:  # a constant output: one unit that nobody reads, so that no matrix is empty
        rows, biases, readout = [np.zeros(width)], [0.0], [np.zeros(outputs)]
    return LayerWeights(
        heads=heads.heads,
        embedding=heads.embedding,
        positions=heads.positions,
        query=heads.query,
        key=heads.key,
        value=heads.value,
        output=heads.output,
        hidden=np.array(rows).reshape(len(rows), width),
        hidden_bias=np.array(biases),
        readout=np.array(readout).reshape(len(rows), outputs).T.copy(),
        readout_bias=bias,
    )


def _lift(column: Sequence[Ridges], limit: float) -> float:
    """The constant that makes every affine part of one output positive; 0 if all are the same
    constant.
    """
    same = all(p.constant == column[0].constant for p in column)
    if same and not any(np.any(p.slope) for p in column):
        return 0.0
    drift = max(abs(p.constant - column[0].constant) for p in column)
    return drift + _ROOM * limit * max(float(np.abs(p.slope).sum()) for p in column) + 1.0
