"""Bounds of the distance of the computed forward pass from the real numbers that the weights
define.

A running error analysis in the verifier's own words: every quantity has a bound of its size and a
bound of its error, over the whole domain. Sums may be taken in any order, with or without fused
multiply-add; operands and results below the normal range may be taken for zero. Beyond the largest
number of the format nothing is known, so nothing is proven there.

Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, sections 3.1 and 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.universal.arrays import Array
from theory.universal.layer import LayerWeights
from theory.universal.verifier.rounded import above

_LIBRARY_ULPS = 4.0
"""What the assumptions of a certificate say of exp in the precision of the layer."""


@dataclass(frozen=True)
class Arithmetic:
    """A floating-point format.

    Args:
        name: what a certificate and torch call it.
        unit: relative error of one rounding to nearest.
        smallest: the smallest normal number; whatever an operand or a result loses below it is
            less.
        largest: the largest finite number.
    """

    name: str
    unit: float
    smallest: float
    largest: float

    def gamma(self, roundings: int) -> float:
        """k u / (1 - k u), rounded up; infinite where k u is no longer small."""
        product = roundings * self.unit
        return product / (1.0 - product) * (1.0 + 2.0**-50) if product < 0.25 else float("inf")

    def held(self, size: Array, error: Array) -> Array:
        """An error, or infinity where a number may overflow.

        A partial sum is at most (1 + gamma) (size + error), gamma < 1/3 for a known one; a quarter
        of the range leaves a margin for the difference of two such numbers, too.
        """
        return np.asarray(np.where(size + error < self.largest / 4.0, error, np.inf))

    def unread(self, numbers: Array) -> Array:
        """The loss of each of some sizes if those below the normal range are read as 0."""
        return np.asarray(np.where(numbers < self.smallest, numbers, 0.0))


ARITHMETICS = {
    "float64": Arithmetic("float64", 2.0**-53, 2.0**-1022, (2.0 - 2.0**-52) * 2.0**1023),
    "float32": Arithmetic("float32", 2.0**-24, 2.0**-126, (2.0 - 2.0**-23) * 2.0**127),
}


@dataclass(frozen=True)
class _Quantity:
    """Bounds of |exact| and of |computed - exact|, elementwise."""

    size: Array
    error: Array


def forward_errors(weights: LayerWeights, limit: Array, arithmetic: Arithmetic) -> Array:
    """Bounds |computed - exact| of every output of every token over the domain.

    Args:
        weights: the layer.
        limit: largest |x| of every coordinate, shape (n d,).
        arithmetic: of the forward pass.

    Returns:
        Shape (n, m); infinite where no bound is known.
    """
    heads, inner, width = weights.heads, weights.head_width, len(weights.embedding)
    x = limit.reshape(weights.tokens, weights.width)
    start = _Quantity(x, np.zeros_like(x))
    with np.errstate(all="ignore"):
        state = _affine(start, weights.embedding, weights.positions, arithmetic)
        query, key, value = (
            _affine(state, w, np.zeros(heads * inner), arithmetic)
            for w in (weights.query, weights.key, weights.value)
        )
        columns = []
        for head in range(heads):
            part = slice(head * inner, (head + 1) * inner)
            picked = [_Quantity(q.size[:, part], q.error[:, part]) for q in (query, key, value)]
            columns.append(_attention(picked[0], picked[1], picked[2], arithmetic))
        mixed = _Quantity(
            np.concatenate([c.size for c in columns], 1),
            np.concatenate([c.error for c in columns], 1),
        )
        added = _affine(mixed, weights.output, np.zeros(width), arithmetic)
        size = above(state.size + added.size, 1)
        # Both operands and the sum may lie below the normal range.
        lost = 3.0 * arithmetic.smallest
        error = above(state.error + added.error + 2.0 * arithmetic.unit * size + lost, 4)
        state = _Quantity(size, arithmetic.held(size, error))
        active = _affine(state, weights.hidden, weights.hidden_bias, arithmetic)
        output = _affine(active, weights.readout, weights.readout_bias, arithmetic)
    return np.asarray(np.where(np.isfinite(output.error), output.error, np.inf))


def _affine(inputs: _Quantity, matrix: Array, offset: Array, arithmetic: Arithmetic) -> _Quantity:
    """matrix x + offset, row by row of the inputs (tokens, terms)."""
    size, terms = np.abs(matrix), matrix.shape[1]
    reach = above(inputs.size @ size.T + np.abs(offset), terms + 2)
    # Inputs and weights below the normal range may be read as 0.
    wrong = inputs.error + arithmetic.smallest
    passed = wrong @ size.T + (inputs.size + wrong) @ arithmetic.unread(size).T
    passed = above(passed + arithmetic.unread(np.abs(offset)), 2 * terms + 5)
    # Every term: one product and at most `terms` sums; underflow: one product and one sum each.
    own = arithmetic.gamma(terms + 2) * (reach + passed)
    lost = 2.0 * (terms + 1) * arithmetic.smallest
    return _Quantity(reach, arithmetic.held(reach, above(passed + own + lost, 4)))


def _attention(
    query: _Quantity, key: _Quantity, value: _Quantity, arithmetic: Arithmetic
) -> _Quantity:
    """One head: softmax(query key^T / sqrt(k)) value, for every token.

    A score s and the computed one differ by e. The quotient of two exponentials then changes by a
    factor within exp(2 max e), and the computed one also by: the subtraction of the largest score
    (UNIT |difference|, twice), exp (twice), a sum of n terms, a quotient. An exponential that
    underflows is off by less than the smallest normal number, beside a sum of at least about 1.
    """
    inner, tokens = query.size.shape[1], len(key.size)
    unit, gamma = arithmetic.unit, arithmetic.gamma
    query, key, value = (
        _Quantity(part.size, part.error + arithmetic.smallest) for part in (query, key, value)
    )
    # The factor 1 / sqrt(k) <= 1 is dropped from sizes and errors; it costs three roundings.
    scores = above(query.size @ key.size.T, inner + 2)
    error = (
        query.error @ key.size.T
        + query.size @ key.error.T
        + query.error @ key.error.T
        + gamma(inner + 6) * ((query.size + query.error) @ (key.size + key.error).T)
        + 4.0 * (inner + 1) * arithmetic.smallest * (1.0 + (key.size + key.error).sum(1))
    )
    error = arithmetic.held(scores, above(error, 3 * inner + 10))
    worst = error.max(1, keepdims=True)
    largest = scores.max(1, keepdims=True)
    exponent = 2.0 * worst + 4.0 * unit * (largest + worst)
    relative = exponent + 4.0 * unit * _LIBRARY_ULPS + gamma(tokens + 8)
    # exp(a) - 1 <= 2 a up to a = 1; beyond it nothing useful is left.
    relative = np.where(relative < 1.0, 2.0 * relative, np.inf)
    top, top_error = value.size.max(0), value.error.max(0)
    reach = top + top_error
    lost = 4.0 * (tokens + 1) * arithmetic.smallest * (1.0 + reach)
    # The shares sum to 1, the computed ones to 1 + relative.
    own = (relative + 2.0 * gamma(tokens + 2)) * reach * (1.0 + relative)
    total = above(own + top_error * (1.0 + relative) + lost, tokens + 8)
    total = arithmetic.held(2.0 * reach, total)  # relative < 2, or total is infinite
    return _Quantity(np.broadcast_to(top, total.shape), total)
