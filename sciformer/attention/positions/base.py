"""Position schemes: hooks into attention, which do nothing by default."""

from __future__ import annotations

from torch import Tensor, nn

from sciformer.attention.patch import Patch


class Position(nn.Module):
    """A position scheme; subclasses override the hooks they need.

    A = softmax(rotate(q) rotate(k)^T + content(q) + relative[j - i]) * gain[j - i]
    out_i = sum_j A_ij v_j + values(A)_i

    `heads`, `width` (of the tokens), `head_width` and `length` (of the longest sequence) are what
    the scheme was made for, None where it does not care. `is_toeplitz` says that content() and
    values() do nothing, so that two tables by offset are all that attention itself needs to know.
    `splits_keys` says that a part of the keys can be scored without the others.

    Examples:
        >>> import torch
        >>> from sciformer.attention import Position, attend
        >>> class Recency(Position):
        ...     def relative(self, patch):
        ...         offsets = torch.arange(patch.lowest, patch.highest + 1)
        ...         return -offsets.abs()[None].float()
        >>> tokens, values = torch.ones(1, 3, 2), torch.tensor([[[1.0], [0.0], [0.0]]])
        >>> attend(tokens, tokens, values, position=Recency()).flatten()
        tensor([0.6652, 0.2119, 0.0900])
    """

    heads: int | None = None
    width: int | None = None
    head_width: int | None = None
    length: int | None = None
    is_toeplitz: bool = True
    splits_keys: bool = True

    @property
    def sees_offsets_only(self) -> bool:
        """Whether all positions may be shifted together, because tokens() adds nothing."""
        return type(self).tokens is Position.tokens

    def tokens(self, tokens: Tensor, start: int) -> Tensor:
        """Tokens (..., n, width) at positions start, start + 1, ..., before the projections."""
        return tokens

    def rotate(self, heads: Tensor, start: int) -> Tensor:
        """Queries or keys (..., h, n, d) at positions start, start + 1, ...; same shape."""
        return heads

    def content(self, query: Tensor, patch: Patch) -> Tensor | None:
        """Logits (..., h, n, m) that depend on the scaled query (..., h, n, d)."""
        return None

    def relative(self, patch: Patch) -> Tensor | None:
        """Logits by offset, shape (h, n + m - 1) from patch.lowest to patch.highest; finite."""
        return None

    def gain(self, patch: Patch) -> Tensor | None:
        """Factors of the weights by offset, shape (h, n + m - 1), applied after the softmax."""
        return None

    def values(self, weights: Tensor, patch: Patch) -> Tensor | None:
        """Addition to the output, (..., h, n, e), from the weights (..., h, n, m)."""
        return None


class NoPosition(Position):
    """No position at all: attention sees its keys as a set."""
