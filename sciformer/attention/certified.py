"""Attention by regions, with a bound of each row's distance from full attention."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sciformer.attention.arguments import scoring_of
from sciformer.attention.cores.regions import Regions
from sciformer.attention.masks import Mask
from sciformer.attention.positions.base import Position
from sciformer.attention.weights import scaled_query


@dataclass(frozen=True)
class Certified:
    """An output and the bound of its error.

    Attributes:
        output: shape (..., h, n, e).
        bound: shape (..., h, n); |output - full attention| of a row in the Euclidean norm is at
            most this, up to rounding.
    """

    output: Tensor
    bound: Tensor


def certified_attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    block: int,
    position: Position | None = None,
    mask: Mask | None = None,
    scale: float | None = None,
) -> Certified:
    """Self-attention to near keys one by one and to far ones by regions, with its error bound.

    Args:
        query: shape (..., h, n, d).
        key: shape (..., h, n, d).
        value: shape (..., h, n, e).
        block: keys in a region; near sqrt(n) is fastest.
        position: none, or a scheme that changes tokens, queries and keys only.
        mask: `Causal`, `Padding`, `Mass` and what `&` makes of them.
        scale: factor of the logits; 1 / sqrt(d) by default.

    Returns:
        Output and bound, see `cores.Regions`.

    Raises:
        ShapeError: shapes that do not fit together.
        DomainError: a scheme or mask that tells the keys of a region apart.

    Examples:
        >>> import torch
        >>> from sciformer.attention import attend, certified_attend
        >>> tokens = torch.linspace(0, 1, 64, dtype=torch.float64)[None, :, None]
        >>> found = certified_attend(tokens, tokens, tokens, block=8)
        >>> error = (found.output - attend(tokens, tokens, tokens)).norm(dim=-1)
        >>> f"{error.max():.0e} <= {found.bound.max():.0e}"
        '1e-03 <= 3e-02'
    """
    scoring = scoring_of("certified_attend", (query, key, value), position, mask)
    position = scoring.position
    core = Regions(block)
    asking = scaled_query(query, position, 0, scale)
    answering = position.rotate(key, 0)
    return Certified(
        core.attend(asking, answering, value, scoring),
        core.bound(asking, answering, value, scoring),
    )
