"""The certifier's reading of the weights: the hidden pre-activations of one token as a function.

u(x) = slope x + offset + mix m(x),   m(x) = outputs of the heads whose scores depend on x

Heads with constant scores are constant matrices and go into `slope` and `offset`. Everything is an
enclosure of the exact numbers that the weights stand for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.universal.certifier.softmax import ContentHeads
from theory.universal.enclosure.balls import UNIT, Ball
from theory.universal.enclosure.intervals import Interval
from theory.universal.layer import LayerWeights


@dataclass(frozen=True)
class Collapsed:
    """Hidden pre-activations of one token.

    Shapes: slope (units, n d), offset (units,), mix (units, features) for the outputs of `heads`.
    """

    slope: Ball
    offset: Ball
    mix: Ball
    heads: ContentHeads | None


def collapse(weights: LayerWeights, token: int, limit: float) -> Collapsed:
    """Folds embedding, heads with constant scores and hidden layer of one token into one map.

    Args:
        weights: the layer.
        token: i, from 0.
        limit: largest |x| of the domain, for the rounding terms of the other heads.
    """
    n, d = weights.tokens, weights.width
    hidden, embedding = Ball.exact(weights.hidden), Ball.exact(weights.embedding)
    positions = Ball.exact(weights.positions)
    own = hidden @ embedding
    slope = _place(own, token, n)
    offset = hidden @ Ball.exact(weights.positions[token]) + Ball.exact(weights.hidden_bias)
    content: list[int] = []
    for head in range(weights.heads):
        rows = slice(head * weights.head_width, (head + 1) * weights.head_width)
        if _depends(weights, rows):
            content.append(head)
            continue
        shares = constant_weights(weights, rows, token)
        value = hidden @ (Ball.exact(weights.output[:, rows]) @ Ball.exact(weights.value[rows]))
        passed = value @ embedding
        for j in range(n):
            share = Ball(shares.middle[j : j + 1, None], shares.radius[j : j + 1, None])
            slope = slope + _place(passed * share, j, n)
        offset = offset + value @ (shares @ positions)
    assert slope.middle.shape[1] == n * d, "one column a coordinate"
    if not content:
        return Collapsed(slope, offset, Ball.exact(np.zeros((len(offset.middle), 0))), None)
    columns = [c for h in content for c in _rows_of(weights, h)]
    mix = hidden @ Ball.exact(weights.output[:, columns])
    return Collapsed(slope, offset, mix, ContentHeads(weights, token, tuple(content), limit))


def _rows_of(weights: LayerWeights, head: int) -> range:
    return range(head * weights.head_width, (head + 1) * weights.head_width)


def _depends(weights: LayerWeights, rows: slice) -> bool:
    """Whether the scores may depend on x: weights that are not 0 meet, whatever their product."""
    embedding = (weights.embedding != 0).astype(np.float64)
    return any(
        bool(np.any((matrix[rows] != 0).astype(np.float64) @ embedding))
        for matrix in (weights.query, weights.key)
    )


def _place(block: Ball, token: int, tokens: int) -> Ball:
    """`block` (units, d) in the columns of one token, zeros elsewhere."""
    d = block.middle.shape[1]
    arrays = []
    for part in (block.middle, block.radius):
        wide = np.zeros((len(part), tokens * d))
        wide[:, token * d : (token + 1) * d] = part
        arrays.append(wide)
    return Ball(*arrays)


def constant_weights(weights: LayerWeights, rows: slice, token: int) -> Ball:
    """Softmax weights (n,) of one token, for a head whose scores do not depend on x."""
    positions = Ball.exact(weights.positions)
    query = positions @ Ball.exact(weights.query[rows].T)
    key = positions @ Ball.exact(weights.key[rows].T)
    own = Ball(query.middle[token], query.radius[token])
    scores = (key @ own) * score_scale(weights)
    terms = scores.interval
    total: Interval | None = None
    for j in range(weights.tokens):
        term = Interval(terms.lower[j : j + 1], terms.upper[j : j + 1])
        ratio = _ratio(term - terms)  # (n,): exp(s_j - s_k), for every k
        total = ratio if total is None else total + ratio
    assert total is not None, "there is at least one token"
    shares = total.reciprocal()
    return Ball.around(Interval(np.maximum(shares.lower, 0.0), shares.upper))


_STEEPEST = 700.0
"""exp(700) = 1e304: a thousand of them can be added in float64."""


def _ratio(difference: Interval) -> Interval:
    """exp of score differences: a lower end that can be added up, an upper end that is infinite."""
    small = Interval(
        np.minimum(difference.lower, _STEEPEST), np.minimum(difference.upper, _STEEPEST)
    ).exp()
    return Interval(small.lower, np.where(difference.upper > _STEEPEST, np.inf, small.upper))


def score_scale(weights: LayerWeights) -> Ball:
    """1 / sqrt(head width), exact for width 1."""
    scale = np.asarray(1.0 / np.sqrt(weights.head_width))
    exact = weights.head_width == 1
    return Ball(scale, np.zeros(()) if exact else 4 * UNIT * scale)
