"""URPE for linear attention in O(n log n): Toeplitz products by fast Fourier transform."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.errors import ShapeError


def toeplitz_product(diagonals: Tensor, columns: Tensor) -> Tensor:
    """A Toeplitz matrix times a matrix, without building it.

    y_i = sum_j diagonals[j - i + n - 1] x_j

    Args:
        diagonals: shape (..., 2n - 1), by offset 1 - n .. n - 1.
        columns: x, shape (..., n, c), float32 or float64.

    Returns:
        Shape (..., n, c).

    Raises:
        ShapeError: a table that does not have 2n - 1 entries.

    Accuracy: eps log n times the largest sum of |diagonals| |x|.
    Cost: O(n log n) per column.
    """
    n = columns.shape[-2]
    if diagonals.shape[-1] != 2 * n - 1:
        raise ShapeError(
            f"toeplitz_product: {n} rows need a table of {2 * n - 1} diagonals; got "
            f"{diagonals.shape[-1]}."
        )
    # The full convolution has 3 n - 2 terms; a circle of 2 n - 1 folds only those not asked for.
    size = 1 << (2 * n - 2).bit_length()
    kernel = torch.fft.rfft(diagonals.flip(-1), n=size)[..., None]
    product = torch.fft.irfft(kernel * torch.fft.rfft(columns, n=size, dim=-2), n=size, dim=-2)
    result: Tensor = product[..., n - 1 : 2 * n - 1, :]
    return result


def linear_universal_attend(
    query: Tensor, key: Tensor, value: Tensor, relative: Tensor, gain: Tensor
) -> Tensor:
    """Linear attention with relative positions and the URPE gain.

    out_i = sum_j W_ij gain[j - i] v_j / sum_j W_ij,   W_ij = (q_i . k_j) exp(relative[j - i])

    Args:
        query: features phi(q) > 0, shape (..., h, n, d).
        key: features phi(k) > 0, shape (..., h, n, d).
        value: shape (..., h, n, e).
        relative: shape (h, 2n - 1), by offset; -inf forbids.
        gain: shape (h, 2n - 1), signed.

    Returns:
        Shape (..., h, n, e).

    Accuracy: eps log n times the largest weight over the normaliser; keep relative within a few
        units of its maximum.
    Cost: O(n log n) in the length, d e in the widths.
    Source: Luo et al. 2021 (relative positions in kernel attention by FFT), with the gain of
        Luo et al. 2022; the combination is ours.
    """
    weights = (relative - relative.amax(-1, keepdim=True)).exp()
    pairs = (key[..., :, None] * value[..., None, :]).flatten(-2)  # (..., h, n, d e)
    summed = toeplitz_product(weights * gain, pairs)
    summed = summed.unflatten(-1, (key.shape[-1], value.shape[-1]))  # type: ignore[no-untyped-call]
    numerator = torch.einsum("...nd,...nde->...ne", query, summed)
    normaliser = (query * toeplitz_product(weights, key)).sum(-1, keepdim=True)
    return numerator / normaliser
