"""The one Toeplitz primitive: a matrix that is constant along its diagonals, read by strides.

Reversing the rows of a Toeplitz matrix gives a Hankel matrix, and a Hankel matrix is a sliding
window over its table: two strides of one, no copy. The gradient is the adjoint, the sum along
each diagonal, which shears the matrix by strides instead of scattering. Each is the other's
derivative, so derivatives of every order exist.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from sciformer.errors import DomainError, ShapeError


def toeplitz(diagonals: Tensor, n: int, m: int) -> Tensor:
    """The Toeplitz matrix with given diagonals.

    T[i, j] = diagonals[j - i + n - 1],   0 <= i < n,   0 <= j < m

    Args:
        diagonals: shape (..., n + m - 1), from the lower left corner to the upper right one.
        n: rows, >= 1.
        m: columns, >= 1.

    Returns:
        Shape (..., n, m).

    Raises:
        ShapeError: the table does not have n + m - 1 entries.

    Accuracy: exact; the gradient is a sum over each diagonal.
    Cost: one copy of the matrix.
    """
    if torch.compiler.is_compiling():
        # A window over a table has a fixed width in a traced program; an index has not.
        rows = torch.arange(n, device=diagonals.device)[:, None]
        return diagonals[..., torch.arange(m, device=diagonals.device) - rows + n - 1]
    return hankel(diagonals, n, m).flip(-2)


def hankel(diagonals: Tensor, n: int, m: int) -> Tensor:
    """The Toeplitz matrix with its rows in reverse order, as a view of its table.

    H[r, j] = diagonals[r + j],   0 <= r < n,   0 <= j < m

    Args, Raises: as `toeplitz`.

    Returns:
        Shape (..., n, m), overlapping in memory: read it, never write to it.
    """
    if min(n, m) < 1 or diagonals.shape[-1] != n + m - 1:
        raise ShapeError(
            f"toeplitz: an n by m matrix has n + m - 1 diagonals; got n={n}, m={m} "
            f"and a table of shape {tuple(diagonals.shape)}."
        )
    view: Tensor = _Hankel.apply(diagonals, m)  # type: ignore[no-untyped-call]
    return view


def antidiagonal_sums(matrix: Tensor) -> Tensor:
    """The adjoint of `hankel`: the sum over each antidiagonal.

    s[k] = sum of matrix[r, j] over r + j = k

    Args:
        matrix: shape (..., n, m).

    Returns:
        Shape (..., n + m - 1).
    """
    sums: Tensor = _AntidiagonalSums.apply(matrix)  # type: ignore[no-untyped-call]
    return sums


def toeplitz_diagonals(matrix: Tensor) -> Tensor:
    """The table of a Toeplitz matrix: the inverse of `toeplitz`.

    Args:
        matrix: shape (n, m), exactly constant along its diagonals.

    Returns:
        Shape (n + m - 1,).

    Raises:
        DomainError: the matrix is not Toeplitz; names two entries that differ.
    """
    diagonals = torch.cat([matrix[:, :1].flip(0)[:-1, 0], matrix[0]])
    differs = toeplitz(diagonals, *matrix.shape) != matrix
    if bool(differs.any()):
        i, j = (int(index) for index in differs.nonzero()[0])
        low = min(i, j)
        raise DomainError(
            f"toeplitz: the matrix must be constant along its diagonals; entry ({i - low}, "
            f"{j - low}) is {float(matrix[i - low, j - low]):.6g} and entry ({i}, {j}) on the "
            f"same diagonal is {float(matrix[i, j]):.6g}."
        )
    return diagonals


class _Hankel(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(diagonals: Tensor, m: int) -> Tensor:
        return diagonals.unfold(-1, m, 1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return antidiagonal_sums(gradient), None


class _AntidiagonalSums(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(matrix: Tensor) -> Tensor:
        n, m = matrix.shape[-2:]
        # Rows padded to n + m and read with rows of n + m - 1: row r moves r places to the right.
        padded = functional.pad(matrix, (0, n)).flatten(-2)
        sheared = padded[..., : n * (n + m - 1)].reshape(*matrix.shape[:-1], n + m - 1)
        return sheared.sum(-2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.shape = inputs[0].shape[-2:]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return hankel(gradient, *ctx.shape)
