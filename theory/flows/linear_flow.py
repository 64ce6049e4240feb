"""Linear constant-coefficient flows as one layer of attention, in one to three dimensions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from theory.flows.ends import Line
from theory.flows.heads import Head, KernelAttention, positive_head, signed_heads
from theory.flows.kernels import Symbol, circulant_kernel, gaussian_logits, sampled_kernel


def heat_head(
    line: Line, diffusivity: float, time: float, *, drift: float = 0.0, decay: float = 0.0
) -> KernelAttention:
    """One RPE head that solves u_t = nu u_xx - c u_x - decay u over a time.

    out_i = e^{-decay h} sum_j softmax_j(-(x_i - c h - x_j)^2 / (4 nu h)) u_j, images included

    Args:
        line: the tokens. Walls forbid drift.
        diffusivity: nu > 0, length^2 per time.
        time: h > 0.
        drift: c, length per time.
        decay: rate per time.

    Accuracy: on the wave of number k the factor is
        sum_m exp(-nu h (2 pi (k + m n) / L)^2) / sum_m exp(-nu h (2 pi m n / L)^2), exactly;
        see `theory.flows.poisson`.
    Source: Poisson's summation formula.
    """
    logits = gaussian_logits(line, 2 * diffusivity * time, drift * time)
    scale = torch.full((1, 1), math.exp(-decay * time), dtype=torch.float64)
    return KernelAttention(line, [Head(logits, scale)])


def markov_head(line: Line, symbol: Symbol, time: float) -> KernelAttention:
    """One RPE head for a Markov flow that commutes with shifts: drift, diffusion, jumps."""
    kernel = sampled_kernel(line, symbol, time)
    # A density that is positive is so up to the rounding of its transform.
    return KernelAttention(line, [positive_head(kernel.clamp_min(0))])


def circulant_attention(line: Line, symbol: Symbol, time: float) -> KernelAttention:
    """One or two RPE heads for any scalar flow with constant coefficients, to rounding.

    Two heads are the positive and the negative part of the kernel; dispersion needs both.
    """
    return KernelAttention(line, signed_heads(circulant_kernel(line, symbol, time)))


def schroedinger_attention(line: Line, dispersion: float, time: float) -> KernelAttention:
    """One layer that solves i psi_t = -dispersion psi_xx on two channels (real and imaginary part).

    Two kernels, cos(dispersion k^2 t) and sin(dispersion k^2 t), each as two heads.
    """
    cosine = _kernel(line, lambda k: torch.cos(dispersion * k**2 * time))
    sine = _kernel(line, lambda k: torch.sin(dispersion * k**2 * time))
    rotation = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    identity = torch.eye(2, dtype=torch.float64)
    return KernelAttention(line, signed_heads(cosine, identity) + signed_heads(sine, rotation))


def wave_attention(line: Line, speed: float, time: float) -> KernelAttention:
    """One layer that solves u_tt = speed^2 u_xx on the two channels (u, u_t).

    (u, v) -> (cos(w t) u + sin(w t)/w v,  -w sin(w t) u + cos(w t) v),   w = speed |k|
    """

    def entry(row: int, column: int) -> Tensor:
        matrix = torch.zeros(2, 2, dtype=torch.float64)
        matrix[row, column] = 1.0
        return matrix

    def cardinal(k: Tensor) -> Tensor:
        return time * torch.sinc(speed * k * time / math.pi)

    def restoring(k: Tensor) -> Tensor:
        return -speed * k * torch.sin(speed * k * time)

    cosine = _kernel(line, lambda k: torch.cos(speed * k * time))
    heads = signed_heads(cosine, torch.eye(2, dtype=torch.float64))
    heads += signed_heads(_kernel(line, cardinal), entry(0, 1))
    heads += signed_heads(_kernel(line, restoring), entry(1, 0))
    return KernelAttention(line, heads)


def _kernel(line: Line, factor: Symbol) -> Tensor:
    """The kernel with a real and even factor on each wave, which may be 0 or negative."""
    waves = 2 * math.pi * torch.fft.rfftfreq(line.ring, line.spacing, dtype=torch.float64)
    kernel: Tensor = torch.fft.irfft(factor(waves).to(torch.complex128), line.ring)
    return kernel


class Axes(nn.Module):
    """One head per axis: heat in a box of two or three dimensions.

    Args:
        heads: one `KernelAttention` of one channel for each axis, in the order of the axes.
    """

    def __init__(self, heads: list[KernelAttention]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, field: Tensor) -> Tensor:
        """A field (..., n_1, ..., n_a) to the same shape."""
        axes = len(self.heads)
        for axis, head in enumerate(self.heads):
            moved = field.movedim(axis - axes, -1)
            field = head(moved[..., None])[..., 0].movedim(-1, axis - axes)
        return field
