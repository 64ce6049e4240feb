"""The Legendre memory as its definition says, one step after the other in float64."""

from __future__ import annotations

import numpy as np
import torch
from scipy.signal import cont2discrete
from torch import Tensor


def discrete_system(order: int, theta: float) -> tuple[Tensor, Tensor]:
    """(A_bar, B_bar) by scipy, from the entries as the paper writes them."""
    A = np.empty((order, order))
    B = np.empty((order, 1))
    for i in range(order):
        B[i, 0] = (2 * i + 1) * (-1) ** i / theta
        for j in range(order):
            A[i, j] = (2 * i + 1) / theta * (-1 if i < j else (-1) ** (i - j + 1))
    discrete = cont2discrete((A, B, np.eye(order), np.zeros((order, 1))), 1.0, method="zoh")
    return torch.from_numpy(discrete[0].copy()), torch.from_numpy(discrete[1][:, 0].copy())


def memory_loop(signal: Tensor, A: Tensor, B: Tensor, start: Tensor | None = None) -> Tensor:
    """m_t = A m_{t-1} + B u_t; signal (b, n, c), start (b, c, q) -> (b, n, c, q)."""
    b, n, c = signal.shape
    memory = signal.new_zeros(b, c, len(B)) if start is None else start
    rows = []
    for t in range(n):
        memory = memory @ A.T + signal[:, t, :, None] * B
        rows.append(memory)
    return torch.stack(rows, 1)


class PublicFFTCell:
    """The memory by FFT, materialised, then read out with the input: what public code does.

    fft_H is kept between calls, as there; the sequence length is fixed.
    """

    def __init__(self, order: int, theta: float, length: int) -> None:
        A, B = discrete_system(order, theta)
        rows = [B]
        for _ in range(length - 1):
            rows.append(A @ rows[-1])
        self.length = length
        self.spectrum = torch.fft.rfft(torch.stack(rows, 1).float(), n=2 * length)

    def __call__(self, x: Tensor, w_u: Tensor, w_h: Tensor) -> Tensor:
        """x (b, n, d), w_u (1, d), w_h (e, q + d) -> ReLU(w_h [m; x]) of shape (b, n, e)."""
        signal = torch.relu(torch.nn.functional.linear(x, w_u))
        joined = torch.cat([self.memory(signal), x], -1)
        return torch.relu(torch.nn.functional.linear(joined, w_h))

    def memory(self, signal: Tensor) -> Tensor:
        """(b, n, 1) -> (b, n, q)."""
        n = self.length
        product = torch.fft.rfft(signal.transpose(1, 2), n=2 * n) * self.spectrum
        return torch.fft.irfft(product, n=2 * n)[..., :n].permute(0, 2, 1)
