"""Normalisers: from logits to weights that are >= 0, each as an object.

`keys` is the number of keys of the whole call, of which a core may look at some only.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor


class Normaliser(Protocol):
    """A map of logits to attention weights, row by row."""

    def weights(self, logits: Tensor, allowed: Tensor | None, keys: int) -> Tensor:
        """Weights of the allowed keys, 0 for the others; a row without any is 0, its gradient too.

        Args:
            logits: shape (..., h, n, m).
            allowed: boolean, broadcast to the logits; None allows all.
            keys: number of keys of the whole call.

        Returns:
            Shape of the logits.
        """
        ...


class Softmax:
    """A_ij = exp(logits_ij) / sum_j exp(logits_ij), over the allowed keys; rows sum to 1.

    Forbidden logits become the lowest finite number, not -inf: a row of -inf would be nan, and a
    gradient through it as well. Their weights are then set to 0.

    Source: Vaswani et al. 2017, eq. 1.
    """

    def weights(self, logits: Tensor, allowed: Tensor | None, keys: int) -> Tensor:
        if allowed is None:
            return logits.softmax(-1)
        return torch.where(allowed, _lowered(logits, allowed).softmax(-1), 0.0)


class SoftmaxPlusOne:
    """A_ij = exp(logits_ij) / (1 + sum_j exp(logits_ij)): a query may attend to nothing.

    Without positions it is torch's add_zero_attn, one more key and value of zeros.

    Source: Miller 2023, "Attention is off by one".
    """

    def weights(self, logits: Tensor, allowed: Tensor | None, keys: int) -> Tensor:
        lowered = logits if allowed is None else _lowered(logits, allowed)
        beside = torch.cat([lowered, torch.zeros_like(lowered[..., :1])], -1)
        weights = beside.softmax(-1)[..., :-1]
        return weights if allowed is None else torch.where(allowed, weights, 0.0)


class Sigmoid:
    """A_ij = sigmoid(logits_ij - log m), m the number of keys: keys do not compete.

    Source: Ramapuram et al. 2024, section 2; the bias -log m is theirs.
    """

    def weights(self, logits: Tensor, allowed: Tensor | None, keys: int) -> Tensor:
        weights = torch.sigmoid(logits - math.log(keys))
        return weights if allowed is None else torch.where(allowed, weights, 0.0)


SOFTMAX = Softmax()


def _lowered(logits: Tensor, allowed: Tensor) -> Tensor:
    return torch.where(allowed, logits, torch.finfo(logits.dtype).min)
