"""Bilinear maps of two jets by the product rule, forward and reverse."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from pinn.jets.algebra import Operators
from pinn.jets.kernels import fused
from pinn.jets.kernels.contraction import Table, contract, product_tables
from pinn.jets.kernels.launching import fuses
from sciformer.hardware import hardware

_PRODUCT = "...ijp,...jkp->...ikp"  # a matrix product at every point


class Form(Protocol):
    """A bilinear map of two channels."""

    def apply(self, x: Tensor, y: Tensor) -> Tensor: ...

    def add(self, total: Tensor, x: Tensor, y: Tensor, weight: float) -> None: ...

    def turn(self, x: Tensor) -> Tensor: ...

    def at_once(self, x: Tensor, y: Tensor, table: Table) -> Tensor | None:
        """sum of weight * B(x_a, y_b) over the rows of a table for every channel, in one kernel;
        None where there is none.
        """
        ...


class Times:
    """x * y."""

    def apply(self, x: Tensor, y: Tensor) -> Tensor:
        return x * y

    def add(self, total: Tensor, x: Tensor, y: Tensor, weight: float) -> None:
        total.addcmul_(x, y, value=weight)

    def turn(self, x: Tensor) -> Tensor:
        return x

    def at_once(self, x: Tensor, y: Tensor, table: Table) -> Tensor | None:
        if x.shape != y.shape or not fuses(x, y):
            return None
        x, y = x.contiguous(), y.contiguous()
        z = torch.empty_like(x)
        return z if fused.multiply(x, y, z, table) else None


class Contract:
    """x @ y at every point: (..., n, d, p), (..., d, m, p) -> (..., n, m, p)."""

    def apply(self, x: Tensor, y: Tensor) -> Tensor:
        if hardware(x.device).prefers_few_launches:
            return torch.einsum(_PRODUCT, x, y)
        total = x[..., :, 0, None, :] * y[..., 0, None, :, :]
        for j in range(1, x.shape[-2]):
            total.addcmul_(x[..., :, j, None, :], y[..., j, None, :, :])
        return total

    def add(self, total: Tensor, x: Tensor, y: Tensor, weight: float) -> None:
        if hardware(x.device).prefers_few_launches:
            total.add_(torch.einsum(_PRODUCT, x, y), alpha=weight)
            return
        for j in range(x.shape[-2]):
            total.addcmul_(x[..., :, j, None, :], y[..., j, None, :, :], value=weight)

    def turn(self, x: Tensor) -> Tensor:
        return x.transpose(-2, -3)

    def at_once(self, x: Tensor, y: Tensor, table: Table) -> Tensor | None:
        if not fuses(x, y):
            return None
        batch = torch.broadcast_shapes(x.shape[:-3], y.shape[:-3])  # type: ignore[no-untyped-call]
        z = x.new_empty(*batch, x.shape[-3], *y.shape[-2:])
        x, y = (part.expand(*batch, *part.shape[-3:]) for part in (x, y))
        return z if contract(x, y, z, table) else None


class Bilinear(torch.autograd.Function):
    """B(x, y) of two jets: z_c = sum_{a,b} T[c][a, b] B(x_a, y_b)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, form: Form, operators: Operators) -> Tensor:
        z = form.at_once(x, y, product_tables(operators)[0])
        if z is None:
            z = form.apply(x, y[0])
            if len(operators) > 1:
                form.add(z[1:], x[0], y[1:], 1.0)
            for c, a, b, weight in operators.cross:
                form.add(z[c], x[a], y[b], weight)
        ctx.carries_data = True
        ctx.form, ctx.operators = form, operators
        ctx.save_for_backward(x, y)
        return z

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, y = ctx.saved_tensors
        form, operators = ctx.form, ctx.operators
        gx = gy = None
        _, of_x, of_y = product_tables(operators)
        if ctx.needs_input_grad[0]:
            turned = form.turn(y)
            gx = form.at_once(g, turned, of_x)
            if gx is None:
                gx = form.apply(g, turned[0])
                for c in range(1, len(operators)):
                    form.add(gx[0], g[c], turned[c], 1.0)
                for c, a, b, weight in operators.cross:
                    form.add(gx[a], g[c], turned[b], weight)
            gx = gx.sum_to_size(x.shape)
        if ctx.needs_input_grad[1]:
            turned = form.turn(x)
            gy = form.at_once(turned, g, of_y)
            if gy is None:
                gy = form.apply(turned[0], g)
                for c in range(1, len(operators)):
                    form.add(gy[0], turned[c], g[c], 1.0)
                for c, a, b, weight in operators.cross:
                    form.add(gy[b], turned[a], g[c], weight)
            gy = gy.sum_to_size(y.shape)
        return gx, gy, None, None
