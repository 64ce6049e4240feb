"""Numbers of mixing matrices that content-free heads reach: dimensions of spans, and head counts.

A content-free head mixes by one matrix A. Sums of heads with signed outputs reach the span.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciformer.attention.toeplitz import toeplitz

Draw = Callable[[int, torch.Generator], Tensor]


@dataclass(frozen=True)
class Family:
    """A family of mixing matrices and the dimension of its span, which is proved.

    draw: one random member (n, n). dimension: of the span, as a function of n >= 2.
    """

    draw: Draw
    dimension: Callable[[int], int]


def _random(count: int, generator: torch.Generator) -> Tensor:
    return torch.randn(count, generator=generator, dtype=torch.float64)


def _bias(n: int, generator: torch.Generator) -> Tensor:
    return toeplitz(2 * _random(2 * n - 1, generator), n, n)


def _gain(n: int, generator: torch.Generator) -> Tensor:
    return toeplitz(_random(2 * n - 1, generator), n, n)


def _relative(n: int, generator: torch.Generator) -> Tensor:
    return _bias(n, generator).softmax(-1)


def _causal(n: int, generator: torch.Generator) -> Tensor:
    future = torch.ones(n, n, dtype=torch.bool).triu(1)
    return _bias(n, generator).masked_fill(future, -torch.inf).softmax(-1)


def _around(n: int) -> Tensor:
    return (torch.arange(n) - torch.arange(n)[:, None]) % n


def _circulant(n: int, generator: torch.Generator) -> Tensor:
    return (2 * _random(n, generator))[_around(n)].softmax(-1)


FAMILIES: dict[str, Family] = {
    # Rows sum to one number, n - 1 linear conditions on n^2 entries.
    "relative": Family(_relative, lambda n: n * n - n + 1),
    "universal": Family(lambda n, g: _relative(n, g) * _gain(n, g), lambda n: n * n),
    "causal relative": Family(_causal, lambda n: n * (n - 1) // 2 + 1),
    "causal universal": Family(
        lambda n, g: _causal(n, g) * _gain(n, g), lambda n: n * (n + 1) // 2
    ),
    # The first row determines the rest.
    "circulant relative": Family(_circulant, lambda n: n),
    "circulant universal": Family(
        lambda n, g: _circulant(n, g) * _random(n, g)[_around(n)], lambda n: n
    ),
    "gain alone": Family(lambda n, g: _gain(n, g) / n, lambda n: 2 * n - 1),
}


def span_dimension(draw: Draw, n: int, generator: torch.Generator) -> int:
    """The dimension of the span of a family, by the rank of 2 n^2 + 10 members.

    Args:
        draw: one random member (n, n) of the family.
        n: sequence length; up to 8 the singular values are clearly apart.
        generator: the source of the members.

    Returns:
        The number of singular values above 1e-10 of the largest; the members are scaled to norm 1.
    """
    members = torch.stack([draw(n, generator).flatten() for _ in range(2 * n * n + 10)])
    values = torch.linalg.svdvals(members / members.norm(dim=1, keepdim=True))
    return int((values > 1e-10 * values[0]).sum())


def heads_needed(mixing: Tensor) -> int:
    """A lower bound of the content-free heads, URPE or RPE, whose sum is a given mixing matrix.

    A head is A_ij = g_i t_{j-i}, so by row and offset it has rank 1. Where every offset k of a set
    is inside the sequence for every row i of a set, the numbers S[i, i+k] are all prescribed, and
    their rank is a bound. Such sets are best as intervals of rows with all offsets they share.

    Args:
        mixing: the matrix S, shape (n, n).

    Returns:
        The largest rank over intervals of rows. Even-token prediction needs n/2.

    Cost: n^2 / 2 ranks of matrices up to (n, n).
    """
    n = len(mixing)
    return max(
        int(torch.linalg.matrix_rank(_shared_offsets(mixing, first, last)))
        for first in range(n)
        for last in range(first, n)
    )


def _shared_offsets(mixing: Tensor, first: int, last: int) -> Tensor:
    """S[i, i + k] for rows first .. last and the offsets -first .. n - 1 - last they share."""
    rows = torch.arange(first, last + 1)[:, None]
    offsets = torch.arange(-first, len(mixing) - last)
    return mixing[rows, rows + offsets]
