"""Multi-head attention as a module: projections around `attend`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.attention.attend import AUTOMATIC, attend
from sciformer.attention.cores.core import Core
from sciformer.attention.masks import Mask, as_mask
from sciformer.attention.normalisers import SOFTMAX, Normaliser
from sciformer.attention.patch import Patch
from sciformer.attention.positions.base import NoPosition, Position
from sciformer.attention.scoring import Scoring
from sciformer.attention.weights import attention_weights, scaled_query
from sciformer.errors import DomainError, ShapeError


class MultiheadAttention(nn.Module):
    """Self-attention, or attention to a memory, with h heads.

    out = W_o concat_h attend(W_q x, W_k y, W_v y),   y = memory, or x itself

    Args:
        width: width of the queries and of the output.
        heads: number of heads; divides width unless head_width is given.
        position: position scheme; None means none.
        memory_width: width of the memory; `width` by default.
        head_width: width of one head; width / heads by default.
        bias: whether the four linear maps have a bias.
        normaliser: how logits become weights; a softmax by default.
        core: how attention is computed; by default the fastest core that is right.

    Raises:
        DomainError: heads < 1, or heads that do not divide the width.
        ShapeError: a position scheme for other widths or heads.

    Examples:
        >>> MultiheadAttention(16, 4)(torch.ones(2, 7, 16)).shape
        torch.Size([2, 7, 16])

    Source: Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        position: Position | None = None,
        memory_width: int | None = None,
        head_width: int | None = None,
        bias: bool = True,
        normaliser: Normaliser | None = None,
        core: Core | None = None,
    ) -> None:
        super().__init__()
        if heads < 1 or (head_width is None and width % heads):
            raise DomainError(
                "MultiheadAttention: heads must be at least 1 and divide the width, or head_width "
                f"must be given; got width {width} and heads {heads}."
            )
        inner = heads * (width // heads if head_width is None else head_width)
        memory_width = width if memory_width is None else memory_width
        self.heads = heads
        self.query = nn.Linear(width, inner, bias=bias)
        self.key = nn.Linear(memory_width, inner, bias=bias)
        self.value = nn.Linear(memory_width, inner, bias=bias)
        self.output = nn.Linear(inner, width, bias=bias)
        self.position = NoPosition() if position is None else position
        _check_position(self.position, width, heads, inner // heads)
        self.normaliser = SOFTMAX if normaliser is None else normaliser
        self.core = AUTOMATIC if core is None else core

    def forward(
        self,
        query: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Mask | Tensor | None = None,
        query_start: int = 0,
        key_start: int = 0,
    ) -> Tensor:
        """Attend from `query` (..., n, width) to `memory` (..., m, memory_width).

        Args:
            query: the tokens that ask, shape (..., n, width).
            memory: the tokens that answer; None means the query itself.
            mask: see `attend`.
            query_start: position of the first query.
            key_start: position of the first token of the memory.

        Returns:
            Shape (..., n, width).
        """
        heads = self.attend(
            *self.project(query, memory, query_start=query_start, key_start=key_start),
            mask=mask,
            query_start=query_start,
            key_start=key_start,
        )
        return self.merge(heads)

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        mask: Mask | Tensor | None = None,
        query_start: int = 0,
        key_start: int = 0,
    ) -> Tensor:
        """The function `attend` on projected heads, with this layer's position, normaliser, core.

        Returns:
            Shape (..., h, n, d).
        """
        return attend(
            query,
            key,
            value,
            position=self.position,
            mask=mask,
            query_start=query_start,
            key_start=key_start,
            normaliser=self.normaliser,
            core=self.core,
        )

    def project(
        self,
        query: Tensor,
        memory: Tensor | None = None,
        *,
        query_start: int = 0,
        key_start: int = 0,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values per head, as `attend` takes them.

        Returns:
            Shapes (..., h, n, d), (..., h, m, d) and (..., h, m, d).
        """
        asking = self.position.tokens(query, query_start)
        answering = asking if memory is None else self.position.tokens(memory, key_start)
        return self.project_placed(asking, answering)

    def project_placed(self, asking: Tensor, answering: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The projections of tokens to which the position scheme has made its addition.

        Raises:
            ShapeError: tokens of another width.
        """
        for tokens, linear in ((asking, self.query), (answering, self.key)):
            if tokens.shape[-1] != linear.in_features:
                raise ShapeError(
                    f"MultiheadAttention: tokens have the width {linear.in_features}; got "
                    f"{tuple(tokens.shape)}."
                )
        return (
            self._split(self.query(asking)),
            self._split(self.key(answering)),
            self._split(self.value(answering)),
        )

    def merge(self, heads: Tensor) -> Tensor:
        """The outputs of the heads, (..., h, n, d), as one output (..., n, width)."""
        output: Tensor = self.output(self.join(heads))
        return output

    def join(self, heads: Tensor) -> Tensor:
        """The outputs of the heads, (..., h, n, d), side by side, (..., n, h d)."""
        return heads.transpose(-3, -2).flatten(-2)

    def weights(
        self,
        query: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Mask | Tensor | None = None,
        query_start: int = 0,
        key_start: int = 0,
    ) -> Tensor:
        """The attention matrix, for reports; arguments as `forward`.

        Returns:
            Shape (..., h, n, m). Rows sum to 1 unless the scheme has a gain.
        """
        asking, answering, _ = self.project(
            query, memory, query_start=query_start, key_start=key_start
        )
        keys = answering.shape[-2]
        return attention_weights(
            scaled_query(asking, self.position, query_start, None),
            self.position.rotate(answering, key_start),
            Scoring(
                Patch(asking.shape[-2], keys, query_start, key_start),
                keys,
                self.position,
                None if mask is None else as_mask(mask),
                self.normaliser,
            ),
        )

    def _split(self, tokens: Tensor) -> Tensor:
        return torch.unflatten(tokens, -1, (self.heads, -1)).transpose(-3, -2)  # (..., h, n, d)


def _check_position(position: Position, width: int, heads: int, head_width: int) -> None:
    made_for = position.width, position.heads, position.head_width
    sizes = width, heads, head_width
    if any(own not in (None, size) for own, size in zip(made_for, sizes, strict=True)):
        raise ShapeError(
            f"MultiheadAttention: {type(position).__name__} is made for tokens of width "
            f"{made_for[0]}, {made_for[1]} heads of width {made_for[2]} (None means any); got "
            f"{sizes[0]}, {sizes[1]} and {sizes[2]}."
        )
