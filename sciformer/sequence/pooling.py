"""Pooling of the tokens of a sequence into the one vector that the head reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

import torch
from torch import Tensor

from sciformer.mixers import TokenMixer

# A program that is exported keeps its count in a tensor.
Number = TypeVar("Number", float, Tensor)


class Pooling(ABC):
    """Pooling of tokens into a vector, for whole sequences and for streams."""

    @abstractmethod
    def whole(self, body: TokenMixer, x: Tensor, mask: Tensor | None) -> Tensor:
        """The vector (b, d) of whole sequences x (b, n, c); mask as in `TokenMixer.forward`."""

    @abstractmethod
    def beginnings(self, tokens: Tensor) -> Tensor:
        """The vector after each token: (b, n, d) -> (b, n, d)."""

    @abstractmethod
    def share(self, count: Number) -> Number:
        """Share of the newest of `count` tokens in a stream: p <- p + share (token - p)."""


class Mean(Pooling):
    """The mean of all tokens so far."""

    def whole(self, body: TokenMixer, x: Tensor, mask: Tensor | None) -> Tensor:
        tokens: Tensor = body(x, mask=mask)[0]
        if mask is None:
            return tokens.mean(1)
        present = mask.unsqueeze(-1).to(tokens.dtype)
        return (tokens * present).sum(1) / present.sum(1).clamp(min=1)

    def beginnings(self, tokens: Tensor) -> Tensor:
        counts = torch.arange(1, tokens.shape[1] + 1, dtype=tokens.dtype, device=tokens.device)
        return tokens.cumsum(1) / counts[:, None]

    def share(self, count: Number) -> Number:
        return 1 / count


class Last(Pooling):
    """The last token; for whole sequences no other token is computed."""

    def whole(self, body: TokenMixer, x: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None:
            return body.last_token(x)
        tokens: Tensor = body(x, mask=mask)[0]
        ends = mask.shape[1] - 1 - mask.flip(1).to(torch.uint8).argmax(1)
        return tokens[torch.arange(len(ends), device=ends.device), ends]

    def beginnings(self, tokens: Tensor) -> Tensor:
        return tokens

    def share(self, count: Number) -> Number:
        return count / count
