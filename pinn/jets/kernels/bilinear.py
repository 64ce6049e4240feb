"""Bilinear maps of two jets by the product rule, forward and reverse."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from pinn.jets.algebra import Operators
from pinn.jets.kernels import fused
from pinn.jets.kernels.contraction import contract
from pinn.jets.kernels.launching import fuses
from pinn.jets.kernels.product_rule import ProductRule, Table, product_rules
from sciformer.hardware import hardware

_PRODUCT = "...ijp,...jkp->...ikp"  # a matrix product at every point


class Form(Protocol):
    """A bilinear map of two channels."""

    def apply(self, x: Tensor, y: Tensor) -> Tensor: ...

    def add(self, total: Tensor, x: Tensor, y: Tensor, weight: float) -> None: ...

    def transpose(self, x: Tensor) -> Tensor: ...

    def in_one_launch(self, x: Tensor, y: Tensor, table: Table) -> Tensor | None:
        """The sum of weight * B(x_a, y_b) over the rows of a table, for every channel, by one
        kernel; None where there is no such kernel.
        """
        ...


class Times:
    """x * y."""

    def apply(self, x: Tensor, y: Tensor) -> Tensor:
        return x * y

    def add(self, total: Tensor, x: Tensor, y: Tensor, weight: float) -> None:
        total.addcmul_(x, y, value=weight)

    def transpose(self, x: Tensor) -> Tensor:
        return x

    def in_one_launch(self, x: Tensor, y: Tensor, table: Table) -> Tensor | None:
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

    def transpose(self, x: Tensor) -> Tensor:
        return x.transpose(-2, -3)

    def in_one_launch(self, x: Tensor, y: Tensor, table: Table) -> Tensor | None:
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
        rule, *ctx.reverse_rules = product_rules(operators)
        ctx.carries_data = True
        ctx.form = form
        ctx.save_for_backward(x, y)
        return _product(x, y, form, rule)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, y = ctx.saved_tensors
        form: Form = ctx.form
        of_x, of_y = ctx.reverse_rules
        gx = gy = None
        if ctx.needs_input_grad[0]:
            gx = _product(g, form.transpose(y), form, of_x).sum_to_size(x.shape)
        if ctx.needs_input_grad[1]:
            gy = _product(form.transpose(x), g, form, of_y).sum_to_size(y.shape)
        return gx, gy, None, None


def _product(x: Tensor, y: Tensor, form: Form, rule: ProductRule) -> Tensor:
    z = form.in_one_launch(x, y, rule.table)
    if z is None:
        z = form.apply(x[rule.first.left], y[rule.first.right])
        for out, left, right, weight in rule.others:
            form.add(z[out], x[left], y[right], weight)
    return z
