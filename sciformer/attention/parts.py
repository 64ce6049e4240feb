"""Attention over some of the keys, as a value that merges with attention over others: exactly.

A part is the logarithm of the mass of its keys, M = log sum_j exp(logits_j), and the output over
them alone. Parts of any split of the keys, merged in any order, give attention over all keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sciformer.attention.arguments import scoring_of
from sciformer.attention.masks import Mask
from sciformer.attention.positions.base import Position
from sciformer.attention.scoring import Scoring
from sciformer.attention.weights import (
    gain_matrix,
    hide_unseen,
    scaled_query,
    scored_logits,
    within_reach,
)
from sciformer.errors import DomainError, ShapeError


@dataclass(frozen=True)
class Part:
    """Attention over some of the keys.

    Attributes:
        mass: log sum_j exp(logits_j), shape (..., h, n); finite, see `lowest_mass`.
        output: sum_j exp(logits_j - mass) gain_j v_j, shape (..., h, n, e); 0 without keys.
    """

    mass: Tensor
    output: Tensor

    def without(self, part: Part) -> Part:
        """The part without one of the parts that were merged into it.

        o' = (o - r o_p) / (1 - r),   r = exp(M_p - M)

        Raises:
            DomainError: the part holds all the mass of some query, up to rounding.

        Accuracy: eps / (1 - r).
        """
        share = (part.mass - self.mass).exp()
        if bool((share >= 1).any()):
            raise DomainError(
                "Part.without: the part holds all the mass of a query, so nothing is known of "
                "the rest; compute the rest with part()."
            )
        rest = 1 - share
        output = (self.output - share[..., None] * part.output) / rest[..., None]
        return Part(self.mass + torch.log(rest), output)


def lowest_mass(dtype: torch.dtype) -> float:
    """The logit of a forbidden key, and so about the mass of a part without keys.

    It is finite, because a mass of -inf has a first derivative, but its second is nan; and a
    quarter of the lowest number, so that sums of logits and differences of masses stay finite.
    """
    return torch.finfo(dtype).min / 4


def part(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    position: Position | None = None,
    mask: Mask | Tensor | None = None,
    query_start: int = 0,
    key_start: int = 0,
    scale: float | None = None,
) -> Part:
    """Attention over the given keys alone, to be merged with attention over others.

    Args: as `attend`; the mask refers to the given keys.

    Returns:
        Mass (..., h, n) and output (..., h, n, e). A gain acts on the output, not on the mass.

    Raises:
        ShapeError: as `attend`.
        DomainError: a scheme that cannot score a part of the keys.

    Examples:
        >>> import torch
        >>> from sciformer.attention import part
        >>> key, value = torch.ones(1, 2, 2), torch.tensor([[[1.0], [2.0]]])
        >>> found = part(torch.ones(1, 1, 2), key, value)  # equal keys, so the mean of the values
        >>> found.output.item(), round(found.mass.item(), 4)  # log(2 exp(sqrt 2))
        (1.5, 2.1074)
    """
    starts = query_start, key_start
    scoring = scoring_of("part", (query, key, value), position, mask, starts=starts)
    position = scoring.position
    if not position.splits_keys:
        raise DomainError(
            f"part: {type(position).__name__} needs all keys at once; use attend with all of them."
        )
    query = scaled_query(query, position, query_start, scale)
    return scored_part(query, position.rotate(key, key_start), value, scoring)


def scored_part(query: Tensor, key: Tensor, value: Tensor, scoring: Scoring) -> Part:
    """`part` of scaled and rotated queries and keys."""
    key, value, scoring = within_reach(key, value, scoring)
    key, value = hide_unseen(key, value, scoring)
    logits, weights = _logits_and_softmax(query, key, scoring)
    gain = gain_matrix(scoring)
    if gain is not None:
        weights = weights * gain.to(weights.dtype)
    output = weights @ value
    extra = scoring.position.values(weights, scoring.patch)
    return Part(logits.logsumexp(-1), output if extra is None else output + extra)


def _logits_and_softmax(query: Tensor, key: Tensor, scoring: Scoring) -> tuple[Tensor, Tensor]:
    """Logits of finite mass, and their softmax, which is 0 where nothing is allowed.

    The logits without a mask are made here and not handed over: up to Python 3.10 a caller keeps
    its arguments until the function returns, which would be one table of pairs more.
    """
    logits = scored_logits(query, key, scoring)
    allowed = scoring.allowed(query.device)
    if allowed is None:
        return logits, logits.softmax(-1)
    logits = torch.where(allowed, logits, lowest_mass(logits.dtype))
    return logits, torch.where(allowed, logits.softmax(-1), 0.0)


def merge(*parts: Part) -> Part:
    """Attention over the keys of all parts.

    M = log sum_p exp(M_p),   o = sum_p exp(M_p - M) o_p

    Associative and commutative up to rounding. (`torch.logaddexp` would have a second derivative
    of nan where two masses are 709 apart.)

    Raises:
        DomainError: no part.
        ShapeError: parts of other queries, or of values of other widths.

    Source: Dao et al. 2022 (FlashAttention), section 3.1, for the online softmax; Sanovar et al.
        2024 (Lean Attention) for splits of any kind.

    Examples:
        >>> import torch
        >>> from sciformer.attention import attend, merge, part
        >>> query, key, value = torch.randn(3, 1, 6, 4).double()
        >>> first = part(query, key[:, :2], value[:, :2])
        >>> rest = part(query, key[:, 2:], value[:, 2:], key_start=2)
        >>> torch.allclose(merge(rest, first).output, attend(query, key, value))
        True
    """
    if not parts:
        raise DomainError("merge: needs at least one part.")
    if len({(part.mass.shape, part.output.shape[-1]) for part in parts}) > 1:
        shapes = ", ".join(str(tuple(part.output.shape)) for part in parts)
        raise ShapeError(f"merge: parts have the same queries and values; got outputs {shapes}.")
    masses = torch.stack([part.mass for part in parts], -1)  # (..., h, n, parts)
    mass = masses.logsumexp(-1)
    shares = (masses - mass[..., None]).exp().unbind(-1)
    outputs = [share[..., None] * part.output for share, part in zip(shares, parts, strict=True)]
    return Part(mass, sum(outputs[1:], outputs[0]))


class Sharing(Protocol):
    """Processes that compute together; `sciformer.runs.processes` has such groups."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def total(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """Sums over all processes, in one message."""
        ...


def merge_shared(own: Part, sharing: Sharing) -> Part:
    """Attention over the keys of all processes, each of which has the part of its own keys.

    One message holds a place for each process, so that the sum of all messages is all parts and
    every process merges the same numbers in the same order.

    Args:
        own: the part of this process; all have the same queries.
        sharing: the processes.

    Returns:
        The whole, bit for bit the same everywhere. Gradients do not pass between processes.
    """
    masses = own.mass.new_zeros(sharing.size, *own.mass.shape)
    outputs = own.output.new_zeros(sharing.size, *own.output.shape)
    masses[sharing.rank], outputs[sharing.rank] = own.mass.detach(), own.output.detach()
    masses, outputs = sharing.total(masses, outputs)
    return merge(*(Part(*pair) for pair in zip(masses, outputs, strict=True)))
