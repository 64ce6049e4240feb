"""How far the float64 forward pass of a layer may stray from the exact numbers it stands for."""

from __future__ import annotations

import numpy as np

from theory.universal.arrays import Array
from theory.universal.enclosure.balls import UNIT, gamma, padded
from theory.universal.enclosure.intervals import LIBM_ULPS
from theory.universal.layer import LayerWeights

_STEEPEST_SCORE_ERROR = 0.01


def forward_rounding(weights: LayerWeights, limit: float) -> Array:
    """Bounds |computed - exact| of every output over all |x| <= limit.

    Sums in any order, with or without fused multiply-add; exp within `LIBM_ULPS` ulp; everything
    else IEEE float64 with rounding to nearest.

    Args:
        weights: the layer.
        limit: largest |coordinate| of the domain.

    Returns:
        Shape (m,): the largest bound over the tokens, per output.
    """
    width, n, inner = len(weights.embedding), weights.tokens, weights.head_width
    state = np.abs(weights.embedding).sum(1) * limit + np.abs(weights.positions)  # (n, w)
    state_error = gamma(weights.width + 4) * state
    maps = [
        np.abs(w).reshape(weights.heads, inner, width)
        for w in (weights.query, weights.key, weights.value)
    ]
    sizes = [np.einsum("hkw,nw->hnk", m, state) for m in maps]
    errors = [
        np.einsum("hkw,nw->hnk", m, state_error) + gamma(width + 6) * size
        for m, size in zip(maps, sizes, strict=True)
    ]
    query, key, value = sizes
    query_error, key_error, value_error = errors
    scores = query @ np.swapaxes(key, 1, 2)  # (h, n, n), before the factor 1 / sqrt(k) <= 1
    score_error = query_error @ np.swapaxes(key, 1, 2) + (query + query_error) @ np.swapaxes(
        key_error, 1, 2
    )
    score_error = score_error + gamma(inner + 12) * scores
    worst = score_error.max(axis=(1, 2))  # (h,)
    if np.any(worst > _STEEPEST_SCORE_ERROR):
        return np.full(weights.outputs, np.inf)
    relative = 2.2 * worst + 2.0 * UNIT * (2 * LIBM_ULPS + n + 16)
    top, top_error = value.max(1), value_error.max(1)  # (h, k)
    head_error = (relative[:, None] + gamma(n + 4)) * top + 2.0 * top_error
    out = np.abs(weights.output)
    reach = state + out @ top.reshape(-1)
    reach_error = state_error + out @ head_error.reshape(-1) + gamma(len(top) * inner + 8) * reach
    hidden = np.abs(weights.hidden)
    active = reach @ hidden.T + np.abs(weights.hidden_bias)
    active_error = reach_error @ hidden.T + gamma(width + 6) * active
    readout = np.abs(weights.readout)
    error = active_error @ readout.T + gamma(weights.hidden_units + 6) * (
        active @ readout.T + np.abs(weights.readout_bias)
    )
    return padded(error.max(0), 8 * (width + weights.hidden_units + n + 16))
