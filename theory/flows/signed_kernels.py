"""Linear flows that one head can represent: the signs of their kernels, and the distance of one
head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from theory.flows.ends import Line
from theory.flows.heads import KernelAttention, signed_heads
from theory.flows.kernels import (
    Symbol,
    airy_symbol,
    circulant_kernel,
    fractional_symbol,
    heat_symbol,
    sampled_kernel,
)
from theory.flows.signs import distance_from_one_head, one_head_distance


def _markov(symbol: Symbol, time: float) -> tuple[Symbol, float, bool]:
    return symbol, time, True


def _wave(symbol: Symbol, time: float) -> tuple[Symbol, float, bool]:
    return symbol, time, False


FLOWS: Mapping[str, tuple[Symbol, float, bool]] = {
    "heat": _markov(heat_symbol(0.05), 0.1),
    "heat, drift and decay": _markov(heat_symbol(0.05, 0.7, 0.9), 0.1),
    "fractional diffusion, order 1": _markov(fractional_symbol(0.1, 1.0), 1.0),
    "dispersion (Airy)": _wave(airy_symbol(1e-4), 1.0),
    "dispersion and heat": _wave(lambda k: airy_symbol(1e-4)(k) + heat_symbol(1e-3)(k), 1.0),
    "order four (no maximum principle)": _wave(lambda k: -1e-6 * k**4, 1.0),
    "heat backwards": _wave(heat_symbol(-1e-4), 1.0),
}
"""Rates of waves on a ring of length 1, the time, and whether the flow is one of probabilities."""


@dataclass(frozen=True)
class KernelRow:
    """One flow on n tokens.

    flow: its name. distance: least error of one RPE head over starts with |u| <= 1, in closed form.
    programme: the same by a linear programme. heads: how many do it. error: of these, on the waves
    that tokens resolve.
    """

    flow: str
    distance: float
    programme: float
    heads: int
    error: float


def kernel_rows(tokens: int) -> list[KernelRow]:
    """Every flow of `FLOWS` on a ring of length 1."""
    return [_row(name, Line(tokens, 1.0), *flow) for name, flow in FLOWS.items()]


def _row(name: str, line: Line, symbol: Symbol, time: float, is_markov: bool) -> KernelRow:
    kernel = (sampled_kernel if is_markov else circulant_kernel)(line, symbol, time)
    # A density is positive up to the rounding of its transform.
    kernel = kernel.clamp_min(0) if is_markov else kernel
    heads = signed_heads(kernel)
    error = _error(line, KernelAttention(line, heads), symbol, time)
    table = kernel.numpy()
    return KernelRow(
        name, one_head_distance(table), distance_from_one_head(table), len(heads), error
    )


def _error(line: Line, module: KernelAttention, symbol: Symbol, time: float) -> float:
    """The largest sup error on cosines of up to a quarter of the tokens, against their rates."""
    waves = 2 * torch.pi * torch.arange(line.tokens // 4 + 1, dtype=torch.float64)
    phase = waves[:, None] * line.places()
    factor = torch.exp(time * symbol(waves).to(torch.complex128))
    wanted: Tensor = (factor[:, None] * torch.exp(1j * phase)).real
    return float((module(torch.cos(phase)[..., None])[..., 0] - wanted).abs().max())
