"""Integrate-and-fire neurons as the equations say, differentiated by torch step by step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def lif_loop(
    x: Tensor, tau: float, threshold: float, derivative: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Spikes, and the gradient of sum(cos(index) spikes) + 3 sum(last membrane), for (b, n, d)."""

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, v: Tensor) -> Tensor:
            ctx.save_for_backward(v)  # type: ignore[attr-defined]
            return (v >= 0).to(v.dtype)

        @staticmethod
        def backward(ctx: object, gradient: Tensor) -> Tensor:
            return gradient * derivative(ctx.saved_tensors[0])  # type: ignore[attr-defined]

    x = x.clone().requires_grad_()
    membrane, rows = torch.zeros_like(x[:, 0]), []
    for x_t in x.unbind(1):
        h = torch.lerp(membrane, x_t, 1 / tau)
        spikes = Spike.apply(h - threshold)
        membrane = h * (1 - spikes.detach())
        rows.append(spikes)
    y = torch.stack(rows, 1)
    weights = torch.cos(torch.arange(y.numel())).view_as(y)
    (gradient,) = torch.autograd.grad((y * weights).sum() + (3 * membrane).sum(), x)
    return y.detach(), gradient
