"""Linear layers and shifts of jets, forward and reverse, with rows of the Jacobian."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pinn.jets.jacobian.recorder import Place
from sciformer.hardware import hardware


class Affine(torch.autograd.Function):
    """weight x + bias: (o, i), (operators, ..., i, p) -> (operators, ..., o, p).

    The bias is a constant, so it enters the value only. With a place, the cotangent of each point
    goes into the rows of the parameter instead of their sum into its gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        place: Place | None,
        bias_place: Place | None,
    ) -> Tensor:
        flat = x.reshape(-1, *x.shape[-2:])
        y = torch.bmm(weight.expand(len(flat), -1, -1), flat)
        y = y.view(*x.shape[:-2], *y.shape[-2:])
        if bias is not None:
            y[0] += bias[:, None]
        ctx.carries_data = True
        ctx.place, ctx.bias_place = place, bias_place
        ctx.save_for_backward(x, weight)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        flat = g.reshape(-1, *g.shape[-2:])
        gx = gweight = gbias = None
        if ctx.needs_input_grad[0]:
            gx = torch.bmm(weight.t().expand(len(flat), -1, -1), flat).view(x.shape)
        if ctx.needs_input_grad[1]:
            gweight = _weight_cotangent(flat, x.reshape(-1, *x.shape[-2:]), ctx.place)
        if ctx.needs_input_grad[2]:
            gbias = _bias_cotangent(g[0].reshape(-1, *g.shape[-2:]), ctx.bias_place)
        return gx, gweight, gbias, None, None


class Shift(torch.autograd.Function):
    """x + value, where the value is a constant and so enters the first channel only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor) -> Tensor:
        shape = torch.broadcast_shapes(x.shape[1:], value.shape)  # type: ignore[no-untyped-call]
        y = x.expand(-1, *shape).clone(memory_format=torch.contiguous_format)
        y[0] += value
        ctx.carries_data = True
        ctx.shapes = x.shape, value.shape
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor | None]:
        x, value = ctx.shapes
        gvalue = g[0].sum_to_size(value) if ctx.needs_input_grad[1] else None
        return g.sum_to_size(x), gvalue


def _weight_cotangent(g: Tensor, x: Tensor, place: Place | None) -> Tensor | None:
    """g (b, o, p), x (b, i, p): products g x^T, summed over the points or added to their rows."""
    if place is None:
        return _summed_products(g, x)
    rows = place.rows
    if rows is not None:
        _add_products(rows, g, x)
    return None


def _bias_cotangent(g: Tensor, place: Place | None) -> Tensor | None:
    """g (b, o, p)."""
    if place is None:
        return g.sum((0, 2))
    place.add(g.sum(0))
    return None


def _summed_products(g: Tensor, x: Tensor) -> Tensor:
    """(o, i)."""
    if hardware(x.device).prefers_few_launches:
        # Added up inside the library; a batch of small products waits for its slowest tiles.
        return torch.addbmm(g.new_zeros(()), g, x.transpose(1, 2), beta=0)
    return torch.bmm(g, x.transpose(1, 2)).sum(0)


def _add_products(rows: Tensor, g: Tensor, x: Tensor) -> None:
    """rows (o, i, p), which a processor fills in blocks that stay in its cache."""
    device = hardware(x.device)
    if device.prefers_few_launches:
        rows += torch.einsum("bop,bip->oip", g, x)
        return
    outputs = max(1, device.entries(rows.numel()) // x[0].numel())
    blocks = zip(torch.split(rows, outputs), torch.split(g, outputs, 1), strict=True)
    for target, cotangents in blocks:
        for cotangent, argument in zip(cotangents, x, strict=True):
            target.addcmul_(cotangent[:, None], argument)
