"""Approximate attention with a bound of each row's distance from full attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from sciformer.attention.arguments import scoring_of
from sciformer.attention.masks import Mask
from sciformer.attention.positions.base import Position
from sciformer.attention.scoring import Scoring
from sciformer.attention.weights import scaled_query
from sciformer.errors import UsageError


@runtime_checkable
class Certifying(Protocol):
    """A core that bounds its distance from full attention."""

    def check(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> None: ...

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor: ...

    def bound(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Tensor:
        """Bound of every row's distance in the Euclidean norm, shape (..., h, n)."""
        ...


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
    core: Certifying,
    position: Position | None = None,
    mask: Mask | None = None,
    scale: float | None = None,
) -> Certified:
    """Attention by a core that summarises keys, with its error bound.

    Args:
        query: shape (..., h, n, d).
        key: shape (..., h, m, d).
        value: shape (..., h, m, e).
        core: `cores.Cells()`, or `cores.Regions(block)` for self-attention.
        position: none, or a scheme that changes tokens, queries and keys only.
        mask: `Padding`, `Mass` and what `&` makes of them; for regions `Causal` too.
        scale: factor of the logits; 1 / sqrt(d) by default.

    Returns:
        Output and bound, see the core.

    Raises:
        ShapeError: shapes that do not fit together.
        UsageError: a core without a bound.
        DomainError: a scheme or mask that tells keys apart that the core takes together.

    Examples:
        >>> import torch
        >>> from sciformer.attention import attend, certified_attend
        >>> from sciformer.attention.cores import Cells
        >>> tokens = torch.linspace(0, 1, 64, dtype=torch.float64)[None, :, None]
        >>> found = certified_attend(tokens, tokens, tokens, core=Cells(8))
        >>> error = (found.output - attend(tokens, tokens, tokens)).norm(dim=-1)
        >>> f"{error.max():.0e} <= {found.bound.max():.0e}"
        '1e-08 <= 8e-05'
    """
    scoring = scoring_of("certified_attend", (query, key, value), position, mask)
    position = scoring.position
    if not isinstance(core, Certifying):
        raise UsageError(
            "certified_attend: a core with a bound is an object such as Cells() or Regions(16); "
            f"got {core}."
        )
    asking = scaled_query(query, position, 0, scale)
    answering = position.rotate(key, 0)
    core.check(asking, answering, value, scoring)
    return Certified(
        core.attend(asking, answering, value, scoring),
        core.bound(asking, answering, value, scoring),
    )
