"""Gram matrices of columns that arrive by blocks of rows, and their shifted Cholesky factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sciformer.hardware import hardware

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sciformer.runs.processes import Processes

    Array = NDArray[np.float64]


class GramMatrix(Protocol):
    """G = sum of B B^T over blocks B of A^T, then the factor R^T of D^-1 G D^-1 + shift.

    D holds the norms of the columns of A.
    """

    def add(self, block: Tensor) -> None:
        """Adds the product of a block (columns, rows) with its transpose."""
        ...

    def times(self, block: Tensor, values: Tensor) -> Tensor:
        """The product of A with values (columns,): the rows (rows,) of a block."""
        ...

    def back(self, block: Tensor, rows: Tensor) -> Tensor:
        """The product of A^T with the rows of a block: (columns,)."""
        ...

    def normalise(self, processes: Processes) -> Tensor:
        """Sums over all processes, divides by the norms of the columns, and gives them."""
        ...

    def factorise(self, shift: float) -> bool:
        """Whether the matrix with a shift of its diagonal has a Cholesky factor; it is kept."""
        ...

    def substitute(self, right: Tensor, *, transposed: bool) -> Tensor:
        """Solves with R^T, or with R where `transposed`."""
        ...


def gram_matrix(columns: int, like: Tensor) -> GramMatrix:
    """An empty Gram matrix, in the arithmetic that suits the device of a tensor."""
    if hardware(like.device).prefers_few_launches:
        return DeviceGram(columns, like)
    return HostGram(columns)


class HostGram:
    """A lower triangle by BLAS and LAPACK: half of the work of a product, and no copies."""

    def __init__(self, columns: int) -> None:
        self._matrix: Array = np.zeros((columns, columns), order="F")
        self._factor: Array = self._matrix

    def add(self, block: Tensor) -> None:
        from scipy.linalg import blas

        self._matrix = blas.dsyrk(
            1.0, block.numpy().T, trans=1, lower=1, beta=1.0, c=self._matrix, overwrite_c=1
        )

    def times(self, block: Tensor, values: Tensor) -> Tensor:
        return torch.from_numpy(block.numpy().T @ values.numpy())

    def back(self, block: Tensor, rows: Tensor) -> Tensor:
        # By the BLAS of numpy, which takes two thirds of the time of that of torch here.
        return torch.from_numpy(block.numpy() @ rows.numpy())

    def normalise(self, processes: Processes) -> Tensor:
        if processes.size > 1:
            [summed] = processes.total(torch.from_numpy(self._matrix.T))
            self._matrix = summed.numpy().T
        norms = np.sqrt(np.maximum(self._matrix.diagonal(), 0.0))
        norms[norms == 0] = 1.0  # a column of zeros stays one, and its value 0
        self._matrix /= norms
        self._matrix /= norms[:, None]
        return torch.from_numpy(norms)

    def factorise(self, shift: float) -> bool:
        from scipy.linalg import lapack

        shifted = self._matrix.copy(order="F")
        diagonal = np.arange(len(shifted))
        shifted[diagonal, diagonal] += shift
        self._factor, info = lapack.dpotrf(shifted, lower=1, clean=0, overwrite_a=1)
        return bool(info == 0)

    def substitute(self, right: Tensor, *, transposed: bool) -> Tensor:
        from scipy.linalg import blas

        solved: Any = blas.dtrsv(self._factor, right.numpy(), lower=1, trans=int(transposed))
        return torch.from_numpy(solved)


class DeviceGram:
    """A whole matrix by large products on an accelerator; a factorisation waits once."""

    def __init__(self, columns: int, like: Tensor) -> None:
        self._matrix = like.new_zeros(columns, columns)
        self._factor = self._matrix

    def add(self, block: Tensor) -> None:
        self._matrix.addmm_(block, block.T)

    def times(self, block: Tensor, values: Tensor) -> Tensor:
        return block.T @ values

    def back(self, block: Tensor, rows: Tensor) -> Tensor:
        return block @ rows

    def normalise(self, processes: Processes) -> Tensor:
        [self._matrix] = processes.total(self._matrix)
        norms = self._matrix.diagonal().clamp_min(0.0).sqrt()
        norms = torch.where(norms == 0, 1.0, norms)  # as on the host
        self._matrix.div_(norms).div_(norms[:, None])
        return norms

    def factorise(self, shift: float) -> bool:
        self._factor = self._matrix  # the factor before is free before the next is made
        shifted = self._matrix.clone()
        shifted.diagonal().add_(shift)
        self._factor, failed = torch.linalg.cholesky_ex(shifted)
        return not bool(failed)

    def substitute(self, right: Tensor, *, transposed: bool) -> Tensor:
        factor = self._factor.T if transposed else self._factor
        solved: Tensor = torch.linalg.solve_triangular(factor, right[:, None], upper=transposed)
        return solved[:, 0]
