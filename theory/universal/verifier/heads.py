"""Outputs of heads whose scores depend on the input, as first-order forms on boxes."""

from __future__ import annotations

import numpy as np

from theory.universal.arrays import Array
from theory.universal.verifier.forms import Form, Forms
from theory.universal.verifier.matrices import Near
from theory.universal.verifier.network import Network, score_scale
from theory.universal.verifier.ranges import Range
from theory.universal.verifier.rounded import above, gamma


class _Projection:
    """W (E x_j + p_j) of some heads: slope (h, k, d), offset (h, n, k)."""

    def __init__(self, network: Network, matrix: Array) -> None:
        weights, k = network.weights, network.weights.head_width
        rows = [r for h in network.content for r in range(h * k, (h + 1) * k)]
        picked = Near.exact(matrix[rows])
        slope = picked @ Near.exact(weights.embedding)
        offset = picked @ Near.exact(weights.positions.T.copy())
        heads, n = len(network.content), weights.tokens

        def by_token(array: Array) -> Array:
            return np.swapaxes(array.reshape(heads, k, n), 1, 2)

        shape = (heads, k, weights.width)
        self.slope = Near(slope.value.reshape(shape), slope.error.reshape(shape))
        self.offset = Near(by_token(offset.value), by_token(offset.error))


class ContentHeads:
    """m(x) of one token: sum_j share_j value_j for every content head.

    share_j = 1 / sum_l exp(s_l - s_j),   s_j = <query_i, key_j> / sqrt(k)

    Args:
        network: the layer.
        token: i, the token that asks.
        limit: largest |x| of every coordinate, shape (n d,).
    """

    def __init__(self, network: Network, token: int, limit: Array) -> None:
        weights = network.weights
        self.token, self.limit = token, limit
        self.tokens, self.width, self.heads = weights.tokens, weights.width, len(network.content)
        scale = score_scale(weights.head_width)
        reach = above(scale.error, 1)
        ends = sorted((float(scale.value - reach), float(scale.value + reach)))
        is_one = weights.head_width == 1
        self.scale = Range.point(1.0) if is_one else Range(*map(np.asarray, ends))
        self.query, self.key, self.value = (
            _Projection(network, m) for m in (weights.query, weights.key, weights.value)
        )

    @property
    def largest(self) -> Array:
        """max |m| over the domain, shape (features,): shares are positive and sum to 1."""
        slope, offset = self.value.slope, self.value.offset
        limit = self.limit.reshape(self.tokens, self.width)
        size = np.einsum("nd,hkd->hnk", limit, slope.size) + offset.size
        return np.asarray(above(size, self.width + 2).max(1).reshape(-1))

    def outputs(self, forms: Forms) -> Form:
        """The features as forms of shape (boxes, features)."""
        with np.errstate(all="ignore"):
            asked = self._project(forms, self.query)[:, :, self.token, None]
            key, value = (self._project(forms, p) for p in (self.key, self.value))
            scores = forms.total(forms.multiply(asked, key), 3)  # (boxes, h, n)
            scores = forms.scale(scores, self.scale)
            gaps = forms.subtract(scores[:, :, None, :], scores[:, :, :, None])
            sums = forms.total(forms.smooth("exp", gaps), 3)
            shares = forms.smooth("reciprocal", sums)[..., None]
            # The shares sum to 1, so any constant may be taken off the values: their mean is near.
            mean = Range.point(value.value.mean(2, keepdims=True))
            flat = np.zeros((*mean.lower.shape, forms.coordinates))
            centre = Form(mean.lower, flat, np.zeros_like(mean.lower), mean)
            moved = forms.multiply(shares, forms.subtract(value, centre))
            found = forms.add(forms.total(moved, 2), centre[:, :, 0])  # (boxes, h, k)
        return found.reshaped(len(forms.centre), -1)

    def _project(self, forms: Forms, projection: _Projection) -> Form:
        """An affine map of every token, shape (boxes, h, n, k)."""
        slope, offset = projection.slope, projection.offset
        x = forms.centre.reshape(-1, self.tokens, self.width)
        value = np.einsum("bnd,hkd->bhnk", x, slope.value) + offset.value
        gradient = np.zeros((*value.shape, self.tokens, self.width))
        for j in range(self.tokens):
            gradient[:, :, j, :, j] = slope.value
        limit = self.limit.reshape(self.tokens, self.width)
        size = np.einsum("nd,hkd->hnk", limit, slope.size) + offset.size
        radius = np.einsum("nd,hkd->hnk", limit, slope.error) + offset.error
        radius = above(radius + gamma(self.width + 2) * size, 2 * self.width + 8)
        radius = np.broadcast_to(radius, value.shape)
        flat = gradient.reshape(*value.shape, forms.coordinates)
        reach = above(forms.spread(flat, radius) + np.abs(value) * 2.0**-52, 3)
        return Form(value, flat, radius, Range(value - reach, value + reach))
