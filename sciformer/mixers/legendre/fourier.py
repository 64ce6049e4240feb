"""Causal convolution of sequences by Fourier transform, with a backward pass of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def causal_convolution(signal: Tensor, kernel: Tensor) -> Tensor:
    """y_e(t) = sum_{c, j <= t} kernel[c, e, j] signal[c, t - j], by Fourier transform.

    Args:
        signal: (b, c, n).
        kernel: (c, e, n).

    Returns:
        (b, e, n).

    Cost: the backward pass transforms real numbers only; torch's own, for a transform that gives
        half a spectrum, fills up the other half and transforms complex numbers.
    """
    y: Tensor = _CausalConvolution.apply(signal, kernel)  # type: ignore[no-untyped-call]
    return y


def smooth_length(least: int) -> int:
    """The next length without a prime factor above 7, for which the transform is fast."""
    length = least
    while True:
        rest = length
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


class _CausalConvolution(torch.autograd.Function):
    """Backward from the inputs by plain functions, so that it can be differentiated again."""

    generate_vmap_rule = True

    @staticmethod
    def forward(signal: Tensor, kernel: Tensor) -> Tensor:
        n = signal.shape[-1]
        m = smooth_length(2 * n - 1)
        u, k = torch.fft.rfft(signal, m), torch.fft.rfft(kernel, m)
        # Channel by channel: a sum over an axis of one is a copy of the largest tensor there is.
        product = u[:, 0].unsqueeze(1) * k[0]  # (b, e, f)
        for wave, taps in zip(u.unbind(1)[1:], k.unbind(0)[1:], strict=True):
            product.addcmul_(wave.unsqueeze(1), taps)
        y: Tensor = torch.fft.irfft(product, m)[..., :n]
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        signal, kernel = ctx.saved_tensors
        n = signal.shape[-1]
        m = smooth_length(2 * n - 1)
        u, k, g = (torch.fft.rfft(part, m) for part in (signal, kernel, gradient))
        to_signal = to_kernel = None
        if ctx.needs_input_grad[0]:
            sums = [(g * taps.conj()).sum(1) for taps in k.unbind(0)]
            to_signal = torch.fft.irfft(torch.stack(sums, 1), m)[..., :n]
        if ctx.needs_input_grad[1]:
            sums = [(g * wave.conj().unsqueeze(1)).sum(0) for wave in u.unbind(1)]
            to_kernel = torch.fft.irfft(torch.stack(sums), m)[..., :n]
        return to_signal, to_kernel
