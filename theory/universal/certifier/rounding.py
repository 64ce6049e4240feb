"""Bounds of the distance of the computed forward pass of a layer from the real numbers it stands
for.

Every quantity carries a bound of its size and of its error over the whole domain. A sum of k
products, taken in any order, with or without fused multiply-add, is off by at most
gamma_k sum |a b| + 2 k tiny: each product and each sum may lose up to `tiny` by underflow. A
processor that flushes subnormal results may also read subnormal operands as 0; then an input, an
intermediate number or a weight loses up to `tiny` before it is used.

Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, sections 3.1 and 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.universal.arrays import Array
from theory.universal.certifier.arithmetic import FLOAT64, Arithmetic
from theory.universal.enclosure.balls import padded
from theory.universal.enclosure.intervals import LIBM_ULPS
from theory.universal.layer import LayerWeights

_STEEPEST = 0.01
"""Error of a score up to which exp(2 w) - 1 <= 2.03 w, so that 2.2 w holds with a margin."""


@dataclass(frozen=True)
class _Bounded:
    """Bounds of |exact| and of |computed - exact|, elementwise."""

    size: Array
    error: Array


def forward_rounding(
    weights: LayerWeights, limit: float | Array, arithmetic: Arithmetic = FLOAT64
) -> Array:
    """Bounds |computed - exact| of every output over all |x| <= limit.

    exp is within `LIBM_ULPS` ulp; everything else is IEEE with rounding to nearest. Results and
    operands below the normal range may be taken for zero.

    Args:
        weights: the layer.
        limit: largest |coordinate| of the domain, one number or one a coordinate (n d,).
        arithmetic: of the forward pass.

    Returns:
        Shape (m,): the largest bound over the tokens, per output; infinite where a score may be
        off by more than a hundredth, or a number leave the range of the format.
    """
    n, heads, inner = weights.tokens, weights.heads, weights.head_width
    reach = np.broadcast_to(np.asarray(limit, dtype=np.float64), (n * weights.width,))
    inputs = reach.reshape(n, weights.width)
    with np.errstate(all="ignore"):
        given = _Bounded(inputs, np.zeros_like(inputs))
        state = _affine(given, weights.embedding, weights.positions, arithmetic)
        query, key, value = (
            _affine(state, matrix, np.zeros(()), arithmetic)
            for matrix in (weights.query, weights.key, weights.value)
        )
        mixed = []
        for h in range(heads):
            q, k, v = (_columns(whole, h, inner) for whole in (query, key, value))
            mixed.append(_head(q, k, v, arithmetic))
        outputs = _Bounded(
            np.concatenate([m.size for m in mixed], 1), np.concatenate([m.error for m in mixed], 1)
        )
        added = _affine(outputs, weights.output, np.zeros(()), arithmetic)
        size = state.size + added.size
        # Two operands and their sum may lie below the normal range.
        error = state.error + added.error + arithmetic.gamma(3) * size + 3.0 * arithmetic.tiny
        state = _Bounded(size, error)
        active = _affine(state, weights.hidden, weights.hidden_bias, arithmetic)
        result = _affine(active, weights.readout, weights.readout_bias, arithmetic)
        # Every sum above is over one of these axes, and none is passed more than 8 times.
        axes = weights.width + len(weights.embedding) + len(weights.query) + weights.hidden_units
        steps = 8 * (axes + n + 16)
        error = padded(result.error.max(0), steps)
    return np.where(np.isfinite(error), error, np.inf)


def _columns(whole: _Bounded, head: int, inner: int) -> _Bounded:
    part = slice(head * inner, (head + 1) * inner)
    return _Bounded(whole.size[:, part], whole.error[:, part])


def _affine(given: _Bounded, matrix: Array, offset: Array, arithmetic: Arithmetic) -> _Bounded:
    """matrix x + offset for every row x; infinite where a partial sum may leave the range."""
    terms = matrix.shape[1]
    steep = np.abs(matrix).T
    size = given.size @ steep + np.abs(offset)
    wrong = given.error + arithmetic.tiny
    unread, unread_offset = (
        np.where(size < arithmetic.tiny, size, 0.0) for size in (steep, np.abs(offset))
    )
    passed = wrong @ steep + (given.size + wrong) @ unread + unread_offset
    # One product and at most `terms` sums a term; as many results may underflow.
    own = arithmetic.gamma(terms + 4) * (size + passed) + (2 * terms + 4) * arithmetic.tiny
    return _in_range(_Bounded(size, passed + own), arithmetic)


def _in_range(quantity: _Bounded, arithmetic: Arithmetic) -> _Bounded:
    """No partial sum is larger than sum |a b| plus the errors; beyond the format nothing holds."""
    fits = quantity.size + quantity.error < arithmetic.largest / 2
    return _Bounded(quantity.size, np.where(fits, quantity.error, np.inf))


def _head(query: _Bounded, key: _Bounded, value: _Bounded, arithmetic: Arithmetic) -> _Bounded:
    """softmax(q k^T / sqrt(k)) v: the weights sum to 1, so sizes are those of the values."""
    inner, n = query.size.shape[1], len(key.size)
    query, key, value = (
        _Bounded(part.size, part.error + arithmetic.tiny) for part in (query, key, value)
    )
    # 1 / sqrt(k) <= 1 is left out of the sizes; it and max-subtraction cost 6 of the 12 roundings.
    scores = (query.size + query.error) @ (key.size + key.error).T
    own = arithmetic.gamma(inner + 12) * scores + (2 * inner + 8) * arithmetic.tiny * (
        1.0 + (key.size + key.error).max(initial=0.0)
    )
    error = query.error @ key.size.T + (query.size + query.error) @ key.error.T + own
    top, top_error = value.size.max(0), value.error.max(0)
    worst = error.max()
    fits = bool(worst <= _STEEPEST) and bool(scores.max() < arithmetic.largest / 4)
    # A softmax weight changes by exp(2 w), two exp by LIBM_ULPS ulp of at most 2 u, n sums and a
    # quotient: (n + 16) u. Counted are (2 n + 48) u; the room of n u and more also pays for the
    # factor 1 + relative < 1.1 by which the computed weights below may exceed a sum of 1.
    relative = 2.2 * worst + 2.0 * arithmetic.unit * (2 * LIBM_ULPS + n + 16)
    # Exponentials below the normal range are lost beside a sum of about 1; so are products.
    lost = 4.0 * (n + 1) * arithmetic.tiny * (1.0 + top + top_error)
    own = (relative + arithmetic.gamma(n + 4)) * (top + top_error) + lost
    total = own + (1.0 + relative) * top_error
    shape = (n, inner)
    bound = _Bounded(np.broadcast_to(top, shape), np.broadcast_to(total, shape))
    return bound if fits else _Bounded(bound.size, np.full(shape, np.inf))
