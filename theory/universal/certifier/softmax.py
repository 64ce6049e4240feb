"""Heads whose scores depend on the tokens: enclosures of their outputs and derivatives on boxes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from theory.universal.arrays import Array
from theory.universal.enclosure.balls import UNIT, padded
from theory.universal.enclosure.intervals import LIBM_ULPS
from theory.universal.layer import LayerWeights


@dataclass(frozen=True)
class _Maps:
    """query = a x_i + b, key_j = c x_j + e_j, value_j = v x_j + w_j; or bounds of their sizes."""

    query: Array  # (h, k, d)
    query_offset: Array  # (h, k)
    key: Array  # (h, k, d)
    key_offset: Array  # (h, n, k)
    value: Array  # (h, k, d)
    value_offset: Array  # (h, n, k)


def _maps(weights: LayerWeights, token: int, heads: tuple[int, ...], size: bool) -> _Maps:
    """The affine maps of the heads, or with `size` the same from absolute values.

    Sizes are rounded up, to 1e-300 at least: what a product of weights loses by underflow, 2^-1075,
    is less than one rounding of that.
    """
    part = np.abs if size else np.asarray
    shape = (weights.heads, weights.head_width, -1)
    query, key, value = (
        part(array).reshape(shape)[list(heads)]
        for array in (weights.query, weights.key, weights.value)
    )
    embedding, positions = part(weights.embedding), part(weights.positions)
    scale = 1.0 / np.sqrt(weights.head_width)
    maps = _Maps(
        query=scale * (query @ embedding),
        query_offset=scale * (query @ positions[token]),
        key=key @ embedding,
        key_offset=np.swapaxes(key @ positions.T, 1, 2),
        value=value @ embedding,
        value_offset=np.swapaxes(value @ positions.T, 1, 2),
    )
    if not size:
        return maps
    terms = len(weights.embedding) + 4
    return _Maps(**{f.name: padded(getattr(maps, f.name), terms) for f in fields(maps)})


class ContentHeads:
    """Outputs m(x) of some heads at one token, and their Jacobian, on boxes.

    Softmax weights are bounded by pairwise score differences,
    alpha_j in 1 / sum_l exp(range of (s_l - s_j)), and alpha' = alpha (s' - sum_l alpha_l s'_l).

    Args:
        weights: the layer.
        token: i, the token that asks.
        heads: which heads.
        limit: largest |x| of the domain.

    Accuracy: every step below is a sum of products of at most degree 5 in numbers bounded by
    `_maps(size=True)`; `output_slack` and `slope_slack` bound its rounding on the domain.
    """

    def __init__(
        self, weights: LayerWeights, token: int, heads: tuple[int, ...], limit: float
    ) -> None:
        self.token, self.tokens, self.width = token, weights.tokens, weights.width
        self.maps = _maps(weights, token, heads, size=False)
        self.features = len(heads) * weights.head_width
        size = _maps(weights, token, heads, size=True)
        query = size.query.sum(-1) * limit + size.query_offset  # (h, k)
        key = (size.key.sum(-1)[:, None] * limit + size.key_offset).max(1)
        value = (size.value.sum(-1)[:, None] * limit + size.value_offset).max(1)
        steps = 16 * (weights.embedding.size + weights.tokens * (weights.head_width + 4) + 64)
        rounding = steps * UNIT
        self.score_slack = padded(rounding * (query * key).sum(-1), steps)  # (h,)
        terms = weights.tokens + 16
        self.relative = 2.0 * UNIT * (LIBM_ULPS + terms)
        grown = 2.0 * self.score_slack + self.relative + rounding
        self.output_slack = padded(2.0 * grown[:, None] * value, 8).reshape(-1)
        steepness = (query[..., None] * size.key).sum(1) + (size.query * key[..., None]).sum(1)
        steepest = steepness.max(-1)[:, None]  # (h, 1)
        slope = 8.0 * weights.tokens * steepest * value + size.value.max(-1)
        self.slope_slack = padded(rounding * slope, steps).reshape(-1)

    def outputs(self, centres: Array) -> Array:
        """m at points (boxes, n d), as (boxes, features); exact up to `output_slack`."""
        query, key, value = self._projections(centres)
        scores = np.einsum("bhk,bhnk->bhn", query, key)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return np.asarray(np.einsum("bhn,bhnk->bhk", weights, value).reshape(len(centres), -1))

    def _projections(self, centres: Array) -> tuple[Array, Array, Array]:
        maps = self.maps
        x = centres.reshape(len(centres), self.tokens, self.width)
        query = np.einsum("hkd,bd->bhk", maps.query, x[:, self.token]) + maps.query_offset
        key = np.einsum("hkd,bnd->bhnk", maps.key, x) + maps.key_offset
        value = np.einsum("hkd,bnd->bhnk", maps.value, x) + maps.value_offset
        return query, key, value

    def jacobian(self, centres: Array, radii: Array) -> tuple[Array, Array]:
        """Middle and radius (boxes, features, n d) of the Jacobian of m on boxes."""
        query, key, value = self._projections(centres)
        slope, slope_radius = self._score_slopes(query, key, radii)  # (b, h, n, n d)
        scores = np.einsum("bhk,bhnk->bhn", query, key)
        share, share_radius = self._shares(scores, slope, slope_radius, radii)
        return self._output_slopes(value, (slope, slope_radius), (share, share_radius), radii)

    def _score_slopes(self, query: Array, key: Array, radii: Array) -> tuple[Array, Array]:
        """Gradients of the differences s_j - s_0, which are all that softmax sees."""
        maps, i, n, d = self.maps, self.token, self.tokens, self.width
        x = radii.reshape(len(radii), n, d)
        query_radius = np.einsum("hkd,bd->bhk", np.abs(maps.query), x[:, i])
        key_radius = np.einsum("hkd,bnd->bhnk", np.abs(maps.key), x)
        boxes, heads = query.shape[:2]
        slope = np.zeros((boxes, heads, n, n, d))
        radius = np.zeros_like(slope)
        by_key = np.einsum("bhk,hkd->bhd", query, maps.key)
        by_key_radius = np.einsum("bhk,hkd->bhd", query_radius, np.abs(maps.key))
        for j in range(1, n):
            slope[:, :, j, j] += by_key
            slope[:, :, j, 0] -= by_key
            radius[:, :, j, j] += by_key_radius
            radius[:, :, j, 0] += by_key_radius
        change = key - key[:, :, :1]
        slope[:, :, :, i] += np.einsum("hkd,bhnk->bhnd", maps.query, change)
        spread = key_radius + key_radius[:, :, :1]
        spread[:, :, 0] = 0.0
        radius[:, :, :, i] += np.einsum("hkd,bhnk->bhnd", np.abs(maps.query), spread)
        shape = (boxes, heads, n, n * d)
        return slope.reshape(shape), radius.reshape(shape)

    def _shares(
        self, scores: Array, slope: Array, radius: Array, radii: Array
    ) -> tuple[Array, Array]:
        """Middle and radius (b, h, n) of the softmax weights on boxes."""
        difference = scores[:, :, :, None] - scores[:, :, None]  # s_j - s_l
        steep = np.abs(slope[:, :, :, None] - slope[:, :, None]) + radius[:, :, :, None]
        reach = np.einsum("bhjlc,bc->bhjl", steep + radius[:, :, None], radii)
        reach = padded(reach, 64) + 2.0 * self.score_slack[:, None, None]
        reach[:, :, range(self.tokens), range(self.tokens)] = 0.0
        with np.errstate(over="ignore"):
            low = 1.0 / np.exp(reach - difference).sum(-1) * (1.0 - self.relative)
            high = 1.0 / np.exp(-difference - reach).sum(-1) * (1.0 + self.relative)
        high = np.minimum(high, 1.0)
        return (low + high) / 2, padded((high - low) / 2, 4) + UNIT

    def _output_slopes(
        self,
        value: Array,
        slopes: tuple[Array, Array],
        shares: tuple[Array, Array],
        radii: Array,
    ) -> tuple[Array, Array]:
        (slope, slope_radius), (share, share_radius) = slopes, shares
        n, d, boxes = self.tokens, self.width, len(radii)
        most = share + share_radius
        mean = np.einsum("bhl,bhlc->bhc", share, slope)
        mean_radius = np.einsum("bhl,bhlc->bhc", share_radius, np.abs(slope)) + np.einsum(
            "bhl,bhlc->bhc", most, slope_radius
        )
        turn = slope - mean[:, :, None]
        turn_radius = slope_radius + mean_radius[:, :, None]
        change = share[..., None] * turn
        change_radius = share_radius[..., None] * np.abs(turn) + most[..., None] * turn_radius
        # The weights sum to 1, so their derivatives sum to 0 and any constant may be taken off.
        centred = value - np.einsum("bhn,bhnk->bhk", share, value)[:, :, None]
        x = radii.reshape(boxes, n, d)
        value_radius = np.einsum("hkd,bnd->bhnk", np.abs(self.maps.value), x)
        middle = np.einsum("bhjc,bhjk->bhkc", change, centred)
        radius = np.einsum("bhjc,bhjk->bhkc", change_radius, np.abs(centred) + value_radius)
        radius += np.einsum("bhjc,bhjk->bhkc", np.abs(change), value_radius)
        passed = np.einsum("bhn,hkd->bhknd", share, self.maps.value)
        passed_radius = np.einsum("bhn,hkd->bhknd", share_radius, np.abs(self.maps.value))
        shape = (boxes, self.features, n * d)
        middle = middle.reshape(shape) + passed.reshape(shape)
        radius = radius.reshape(shape) + passed_radius.reshape(shape)
        return middle, padded(radius, 64) + self.slope_slack[:, None]
