"""f(x) for a smooth f of one variable: the elementwise kernel, forward and reverse."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from pinn.jets.algebra import Operators, Term, slopes_of
from pinn.jets.kernels import fused
from pinn.jets.kernels.launching import fuses
from pinn.jets.smooth import Smooth
from sciformer.hardware import hardware


class Compose(torch.autograd.Function):
    """f(x) for a smooth f.

    y_c = sum_k f^(k)(x_0) [delta^k / k!]_c,    delta = x without its value

    Source: Faà di Bruno's formula, with the powers of delta from the product rule of the operators.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Smooth, operators: Operators) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        if not (fuses(x) and fused.compose(x, y, function, operators)):
            for inner, outer in blocks(x, y):
                value = function.value(inner[0])
                slopes = function.derivatives(inner[0], value, operators.order)
                push(inner, outer, [value, *slopes], operators)
        ctx.carries_data = True
        ctx.function, ctx.operators = function, operators
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        x, y = ctx.saved_tensors
        function, operators = ctx.function, ctx.operators
        gx = torch.empty_like(x)
        if not (fuses(x, g) and fused.pull(x, y, g.contiguous(), gx, function, operators)):
            for inner, outer, cotangent, pulled in blocks(x, y, g, gx):
                slopes = function.derivatives(inner[0], outer[0], operators.order + 1)
                pull(inner, cotangent, pulled, slopes, operators)
        return gx, None, None


def blocks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Blocks of the same entries of every tensor; shapes (operators, block)."""
    first = tensors[0]
    size = max(1, hardware(first.device).entries(first.numel()) // len(first))
    return zip(*(torch.split(tensor.flatten(1), size, 1) for tensor in tensors), strict=True)


def push(x: Tensor, y: Tensor, series: Sequence[Tensor], operators: Operators) -> None:
    """Write f(x) into y, given f, f', ... at x_0 to the order of the operators."""
    value, *slopes = series
    y[0] = value
    if slopes:
        torch.mul(x[1:], slopes[0], out=y[1:])
    channels = x.unbind()
    for slope, power in zip(slopes[1:], operators.powers, strict=True):
        for c, terms in power:
            y[c].addcmul_(_sum(channels, terms), slope)


def pull(
    x: Tensor, g: Tensor, gx: Tensor, slopes: Sequence[Tensor], operators: Operators
) -> list[Tensor]:
    """Write the cotangent of x into gx, given f', f'', ... to one order more than the operators.

    gx_0 = sum_k a_k f^(k+1),   a_k = sum_c g_c [delta^k / k!]_c,   a_0 = g_0

    Returns:
        a_0, a_1, ...: the cotangents of f, f', ... at x_0.
    """
    torch.mul(g, slopes[0], out=gx)
    first, *rest = gx.unbind()
    xs, gs = x.unbind(), g.unbind()
    cotangents = [gs[0]]
    if rest:
        cotangents.append(_inner(gs[1:], xs[1:]))
    for power, slope in zip(operators.powers, slopes[1:], strict=False):
        cotangents.append(_inner([gs[c] for c, _ in power], [_sum(xs, t) for _, t in power]))
        for c, terms in power:
            outer = gs[c] * slope
            for channel, factors, weight in slopes_of(terms):
                rest[channel - 1].addcmul_(outer, _product(xs, factors), value=weight)
    for cotangent, slope in zip(cotangents[1:], slopes[1:], strict=True):
        first.addcmul_(cotangent, slope)
    return cotangents


def _inner(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """sum_c left_c right_c."""
    total = left[0] * right[0]
    for x, y in zip(left[1:], right[1:], strict=True):
        total.addcmul_(x, y)
    return total


def _product(x: Sequence[Tensor], factors: Sequence[int]) -> Tensor:
    """The product of channels; a channel itself where there is only one."""
    return functools.reduce(torch.mul, (x[factor] for factor in factors))


def _sum(x: Sequence[Tensor], terms: Sequence[Term]) -> Tensor:
    """sum of weight * product of two or more channels."""
    (factors, weight), *others = terms
    total = _product(x, factors)
    if weight != 1:
        total.mul_(weight)
    for (*first, last), weight in others:
        total.addcmul_(_product(x, first), x[last], value=weight)
    return total
