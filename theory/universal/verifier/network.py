"""The verifier's reading of the weights: hidden pre-activations as functions of the input.

u(x) = slope x + offset + mix m(x),   m(x) = outputs of the heads whose scores depend on x

Every number is enclosed: it stands for the real number that the float64 weights define.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.universal.layer import LayerWeights
from theory.universal.verifier.matrices import Near
from theory.universal.verifier.ranges import LIBRARY
from theory.universal.verifier.rounded import TINY, above


@dataclass(frozen=True)
class TokenMap:
    """Pre-activations of one token: slope (units, n d), offset (units,), mix (units, features)."""

    slope: Near
    offset: Near
    mix: Near


class Network:
    """All parts of a layer that do not depend on the formula.

    Heads whose scores are constant are constant matrices and belong to slope and offset.

    Args:
        weights: the layer, float64.
    """

    def __init__(self, weights: LayerWeights) -> None:
        self.weights = weights
        content = [h for h in range(weights.heads) if self._depends(h)]
        self.content = tuple(content)
        self._last: tuple[int, TokenMap] | None = None
        self.constant = tuple(h for h in range(weights.heads) if h not in content)

    def rows(self, head: int) -> slice:
        """Rows of the query, key and value matrices that belong to a head."""
        width = self.weights.head_width
        return slice(head * width, (head + 1) * width)

    def _depends(self, head: int) -> bool:
        """Whether a score may depend on x: weights that are not 0 meet (no product underflows)."""
        weights, rows = self.weights, self.rows(head)
        used = (weights.embedding != 0).astype(float)
        meet = [(m[rows] != 0).astype(float) @ used for m in (weights.query, weights.key)]
        return any(bool(m.any()) for m in meet)

    @cached_property
    def _own(self) -> tuple[Near, Near]:
        """Pre-activations from the token itself: by its input and by its position."""
        weights = self.weights
        hidden = Near.exact(weights.hidden)
        by_position = hidden @ Near.exact(weights.positions.T.copy())
        return hidden @ Near.exact(weights.embedding), by_position

    @cached_property
    def _heads(self) -> list[tuple[Near, Near, Near]]:
        """Shares (n, n) of every constant head, and the additions of an input and a position."""
        weights = self.weights
        found = []
        for head in self.constant:
            rows = self.rows(head)
            passed = Near.exact(weights.hidden) @ (
                Near.exact(weights.output[:, rows]) @ Near.exact(weights.value[rows])
            )
            by_input = passed @ Near.exact(weights.embedding)
            by_position = passed @ Near.exact(weights.positions.T.copy())
            found.append((self._shares(head), by_input, by_position))
        return found

    def _shares(self, head: int) -> Near:
        """Softmax weights (query token, key token) of a head with constant scores."""
        weights, rows = self.weights, self.rows(head)
        positions = Near.exact(weights.positions)
        query = positions @ Near.exact(weights.query[rows].T.copy())
        key = positions @ Near.exact(weights.key[rows].T.copy())
        scores = (query @ Near(key.value.T, key.error.T)) * score_scale(weights.head_width)
        top = scores.value.max(1, keepdims=True)
        shifted = scores.value - top
        terms = np.exp(shifted)
        value = terms / terms.sum(1, keepdims=True)
        # Numerator and every term of the sum: the score's error and that of one subtraction in
        # the exponent, the library's; then the sum and the quotient. exp(a) - 1 <= 2 a to a = 1.
        doubt = (scores.error + 2.0**-52 * np.abs(shifted)).max(1, keepdims=True)
        relative = above(2.0 * (2.0 * doubt + 3.0 * LIBRARY + weights.tokens * 2.0**-50), 8)
        relative = np.where(relative < 1.0, relative, np.inf)
        return Near(value, above(value * relative + TINY, 4))

    def token(self, token: int) -> TokenMap:
        """The pre-activations of one token; the last one is kept for its other outputs."""
        if self._last is None or self._last[0] != token:
            self._last = token, self._token(token)
        return self._last[1]

    def _token(self, token: int) -> TokenMap:
        weights = self.weights
        n, d = weights.tokens, weights.width
        by_input, by_position = self._own
        slope = Near.exact(np.zeros((len(weights.hidden), n, d)))
        slope.value[:, token], slope.error[:, token] = by_input.value, by_input.error
        offset = by_position[:, token] + Near.exact(weights.hidden_bias)
        for shares, head_input, head_position in self._heads:
            share = shares[token]
            slope = slope + head_input[:, None, :] * share[None, :, None]
            offset = offset + head_position @ share
        columns = [c for h in self.content for c in range(self.rows(h).start, self.rows(h).stop)]
        mix = Near.exact(weights.hidden) @ Near.exact(weights.output[:, columns])
        units = len(weights.hidden)
        flat = Near(slope.value.reshape(units, n * d), slope.error.reshape(units, n * d))
        return TokenMap(flat, offset, mix)


def score_scale(head_width: int) -> Near:
    """1 / sqrt(k): two roundings, none for k = 1."""
    value = np.asarray(1.0 / np.sqrt(float(head_width)))
    return Near(value, np.asarray(0.0 if head_width == 1 else 4.0 * 2.0**-53 * float(value)))
