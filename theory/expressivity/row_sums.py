"""Conditions on the gain C under which uniform attention tells the positions apart.

Under uniform attention the row sums of A∘C are linear in the table of C: v = M c, where row i of M
holds 1/n at the n offsets that occur in that row. Everything here follows from M M^T = K / n^2 with
K_ij = n - |i - j|, whose inverse is tridiagonal but for two corners.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.errors import DomainError


def row_sum_map(n: int) -> Tensor:
    """The matrix M from the table of C to the row sums of (uniform attention)∘C.

    (M c)_i = (1/n) sum of c[k] over the offsets k = -i .. n - 1 - i,   i = 0 .. n - 1

    Args:
        n: sequence length, >= 1.

    Returns:
        Shape (n, 2n - 1), float64.
    """
    offsets = torch.arange(1 - n, n)
    rows = torch.arange(n)[:, None]
    return ((offsets >= -rows) & (offsets < n - rows)).double() / n


def overlap_matrix(n: int) -> Tensor:
    """K_ij = n - |i - j|: how many offsets rows i and j share; shape (n, n), float64."""
    rows = torch.arange(n, dtype=torch.float64)
    return n - (rows[:, None] - rows).abs()


def overlap_inverse(n: int) -> Tensor:
    """The inverse of `overlap_matrix`: tridiagonal but for its corners.

    1 on the diagonal (1/2 at its ends) and -1/2 beside it; 1/(2(n+1)) is added in all four corners.

    Returns:
        Shape (n, n), float64.
    """
    beside = torch.full((n - 1,), -0.5, dtype=torch.float64)
    inverse = torch.eye(n, dtype=torch.float64) + beside.diag(1) + beside.diag(-1)
    corner = 1 / (2 * (n + 1))
    for row in (0, -1):
        inverse[row, row] -= 0.5
        inverse[row, row] += corner
        inverse[row, -1 - row] += corner
    return inverse


def minimal_gain(row_sums: Tensor) -> Tensor:
    """The smallest table of C, in Euclidean norm, with given row sums under uniform attention.

    c = M^T (M M^T)^-1 v = n^2 M^T K^-1 v

    For v_i = i (counted from 1) it is n at offsets <= 0 and 0 elsewhere, of squared norm n^3; for
    the centred index it is (n/2) sign(i - j).

    Args:
        row_sums: the wanted row sums v, shape (n,), n >= 1.

    Returns:
        Shape (2n - 1,), float64, by offset 1 - n .. n - 1.

    Accuracy: exact for the index; otherwise the row sums are met to n eps max|v|.
    Source: our own; the condition that v be distinct is Luo et al. 2022 (position-aware).
    """
    n, targets = len(row_sums), row_sums.double()
    if n == 1:
        return targets
    # K^-1 v written as differences, which are exact where a product of matrices would round.
    ends = (targets[0] + targets[-1]) / (2 * (n + 1))
    steps = targets.diff() / 2
    solved = torch.cat([ends - steps[:1], steps[:-1] - steps[1:], ends + steps[-1:]])
    return n * ((row_sum_map(n) > 0).double().T @ solved)


def least_departure(n: int, gap: float) -> float:
    """The least max|C - 1| that separates neighbouring row sums by `gap` under uniform attention.

    Neighbouring rows share all offsets but one: v_{i+1} - v_i = (c[-i-1] - c[n-1-i]) / n, so some
    entry is n gap / 2 away from 1, and C = 1 ± n gap / 2 attains it.

    Args:
        n: sequence length, >= 2.
        gap: wanted distance of neighbouring row sums, >= 0.

    Raises:
        DomainError: n < 2 or gap < 0.
    """
    if n < 2 or gap < 0:
        raise DomainError(
            f"least_departure: n must be >= 2 and the gap >= 0; got n={n}, gap={gap}."
        )
    return n * gap / 2


def clipped_rank(n: int, clip: int) -> int:
    """The dimension of the row sums that a C clipped at +-clip reaches: min(n, 2 clip)."""
    tie = (torch.arange(1 - n, n).clamp(-clip, clip) + clip)[:, None] == torch.arange(2 * clip + 1)
    return int(torch.linalg.matrix_rank(row_sum_map(n) @ tie.double()))


def symmetric_rank(n: int) -> int:
    """The dimension of the row sums that a C of |j - i| alone reaches: ceil(n / 2)."""
    tie = torch.arange(1 - n, n).abs()[:, None] == torch.arange(n)
    return int(torch.linalg.matrix_rank(row_sum_map(n) @ tie.double()))
