"""Kernels on a ring of tokens, as tables by offset, from which heads are made."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sciformer.errors import DomainError
from theory.flows.ends import Line

Symbol = Callable[[Tensor], Tensor]
"""The rate lambda(k) of a wave e^{ikx} under a linear flow: u_t = lambda(-i d/dx) u."""

# exp(-746) is 0 in float64, so images whose logit lies this far below the largest change nothing.
_NEGLIGIBLE = 746.0


def gaussian_logits(line: Line, variance: float, shift: float = 0.0) -> Tensor:
    """Logarithms of a periodic Gaussian at all offsets, up to one constant.

    logit[o] = log sum_s exp(-(o d + shift + s P)^2 / (2 variance)),   o = j - i on the ring

    Heat with drift c over a time h has variance 2 nu h and shift c h. No exponential is taken of a
    large negative number, so the table is finite for any ratio of width to spacing.

    Args:
        line: the tokens.
        variance: > 0, in squared units of length.
        shift: how far the flow carries, in units of length.

    Returns:
        Shape (ring,), float64.

    Raises:
        DomainError: variance <= 0.
    """
    if not variance > 0:
        raise DomainError(f"gaussian_logits: variance must be > 0; got {variance:g}.")
    offsets = torch.arange(line.ring, dtype=torch.float64) * line.spacing + shift
    # The nearest image lies within P/2; one at distance r P beyond it is exp(-r (r-1) P^2/2v) less.
    reach = 1 + math.ceil(math.sqrt(2 * variance * _NEGLIGIBLE) / line.period)
    nearest = offsets - line.period * torch.round(offsets / line.period)
    images = torch.arange(-reach, reach + 1, dtype=torch.float64) * line.period
    return (-((nearest[:, None] + images) ** 2) / (2 * variance)).logsumexp(-1)


def circulant_kernel(line: Line, symbol: Symbol, time: float) -> Tensor:
    """The kernel that moves every resolved wave exactly, of either sign.

    K[o] = (1 / n) sum_{|k| <= n/2} exp(time lambda(k)) e^{-i k o d},   o = j - i

    Args:
        line: the tokens; kernels live on their ring.
        symbol: lambda of angular wavenumbers (radians per unit of length), with
            lambda(-k) = conj(lambda(k)) so that the kernel is real.
        time: length of the step.

    Returns:
        Shape (ring,), float64.

    Accuracy: exact on trigonometric polynomials below n/2 waves, up to rounding of the transform;
        the highest wave of an even ring is moved by the real part of its factor.
    """
    waves = 2 * math.pi * torch.fft.rfftfreq(line.ring, line.spacing, dtype=torch.float64)
    factors = torch.exp(time * symbol(waves).to(torch.complex128))
    kernel: Tensor = torch.fft.irfft(factors.conj(), line.ring)
    return kernel


def sampled_kernel(line: Line, symbol: Symbol, time: float, oversampling: int = 8) -> Tensor:
    """The density of a Markov flow, sampled at the offsets: positive where the density is.

    K[o] = d p(-o d),   p(z) = (1 / P) sum_k exp(time lambda(k)) e^{i k z}

    Waves up to `oversampling` times those of the ring are summed. For Levy flows, whose lambda is
    given by the formula of Levy and Khintchine, p is a probability density.

    Args, Returns: as `circulant_kernel`.
    """
    fine = Line(line.tokens * oversampling, line.length, line.ends)
    return circulant_kernel(fine, symbol, time)[::oversampling] * oversampling


def heat_symbol(diffusivity: float, drift: float = 0.0, decay: float = 0.0) -> Symbol:
    """The symbol lambda(k) = -nu k^2 - i c k - decay, of u_t = nu u_xx - c u_x - decay u."""
    return lambda k: -diffusivity * k**2 - 1j * drift * k - decay


def fractional_symbol(diffusivity: float, order: float) -> Symbol:
    """The symbol lambda(k) = -nu |k|^order, of u_t = -nu (-d^2/dx^2)^{order/2} u; Levy for order <=
    2.
    """
    return lambda k: -diffusivity * k.abs() ** order


def airy_symbol(dispersion: float) -> Symbol:
    """The symbol lambda(k) = i dispersion k^3, of u_t = -dispersion u_xxx."""
    return lambda k: 1j * dispersion * k**3
