"""Hand-written forward and reverse passes of jets: composition, bilinear maps, affine maps.

Every tensor here has the layout (operators, ..., p) of `Jet.channels`. A reverse pass writes into
one buffer for each argument, where automatic differentiation of the same formulas would keep and
add one tensor for each product.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from pinn.jets.algebra import Operators
from pinn.jets.recorder import Place


def apply(kernel: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    """Run a kernel; torch leaves `Function.apply` untyped."""
    result: Tensor = kernel.apply(*arguments)  # type: ignore[no-untyped-call]
    return result


class Smooth(Protocol):
    """A smooth function of one variable."""

    def value(self, x: Tensor) -> Tensor:
        """f(x)."""
        ...

    def derivatives(self, x: Tensor, value: Tensor, order: int) -> list[Tensor]:
        """f', f'', ... to the order asked for, at x; `value` is f(x)."""
        ...


class Compose(torch.autograd.Function):
    """f(x) for a smooth f.

    y_c = sum_k f^(k)(x_0) [delta^k / k!]_c,    delta = x without its value

    Source: Faà di Bruno's formula, with the powers of delta from the product rule of the operators.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Smooth, operators: Operators) -> Tensor:
        y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        y[0] = function.value(x[0])
        if operators.order:
            derivatives = function.derivatives(x[0], y[0], operators.order)
            torch.mul(x[1:], derivatives[0], out=y[1:])
            for derivative, power in zip(derivatives[1:], operators.powers, strict=True):
                for c, terms in enumerate(power):
                    if terms:
                        y[c].addcmul_(_combination(x, terms), derivative)
        ctx.carries_data = True
        ctx.function, ctx.operators = function, operators
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        x, y = ctx.saved_tensors
        operators: Operators = ctx.operators
        derivatives = ctx.function.derivatives(x[0], y[0], operators.order + 1)
        gx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        torch.mul(g, derivatives[0], out=gx)
        for c in range(1, len(operators)):
            gx[0].addcmul_(g[c] * x[c], derivatives[1])
        for k, power in enumerate(operators.powers, start=2):
            for c, terms in enumerate(power):
                if not terms:
                    continue
                gx[0].addcmul_(g[c] * _combination(x, terms), derivatives[k])
                outer = g[c] * derivatives[k - 1]
                for channel, slope in _slopes(terms):
                    gx[channel].addcmul_(outer, _combination(x, slope))
        return gx, None, None


def _combination(x: Tensor, terms: Any) -> Tensor:
    """sum of weight * product of channels."""
    total: Tensor | None = None
    for factors, weight in terms:
        product = x[factors[0]] * weight if weight != 1 else x[factors[0]]
        for factor in factors[1:]:
            product = product * x[factor]
        total = product if total is None else total + product
    assert total is not None
    return total


def _slopes(terms: Any) -> list[tuple[int, list[tuple[tuple[int, ...], float]]]]:
    """The derivative of a combination with respect to each channel in it."""
    slopes: dict[int, list[tuple[tuple[int, ...], float]]] = {}
    for factors, weight in terms:
        for channel in set(factors):
            rest = list(factors)
            rest.remove(channel)
            slope = (tuple(rest), weight * factors.count(channel))
            slopes.setdefault(channel, []).append(slope)
    return list(slopes.items())


class Form(Protocol):
    """A bilinear map of two channels."""

    def apply(self, x: Tensor, y: Tensor) -> Tensor: ...

    def add(self, total: Tensor, x: Tensor, y: Tensor, weight: float) -> None: ...

    def turn(self, x: Tensor) -> Tensor: ...


class Times:
    """x * y."""

    def apply(self, x: Tensor, y: Tensor) -> Tensor:
        return x * y

    def add(self, total: Tensor, x: Tensor, y: Tensor, weight: float) -> None:
        total.addcmul_(x, y, value=weight)

    def turn(self, x: Tensor) -> Tensor:
        return x


class Contract:
    """x @ y at every point: (..., n, d, p), (..., d, m, p) -> (..., n, m, p)."""

    def apply(self, x: Tensor, y: Tensor) -> Tensor:
        total = x[..., :, 0, None, :] * y[..., 0, None, :, :]
        for j in range(1, x.shape[-2]):
            total.addcmul_(x[..., :, j, None, :], y[..., j, None, :, :])
        return total

    def add(self, total: Tensor, x: Tensor, y: Tensor, weight: float) -> None:
        for j in range(x.shape[-2]):
            total.addcmul_(x[..., :, j, None, :], y[..., j, None, :, :], value=weight)

    def turn(self, x: Tensor) -> Tensor:
        return x.transpose(-2, -3)


class Bilinear(torch.autograd.Function):
    """B(x, y) of two jets: z_c = sum_{a,b} T[c][a, b] B(x_a, y_b)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, form: Form, operators: Operators) -> Tensor:
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
        if ctx.needs_input_grad[0]:
            turned = form.turn(y)
            gx = form.apply(g, turned[0])
            for c in range(1, len(operators)):
                form.add(gx[0], g[c], turned[c], 1.0)
            for c, a, b, weight in operators.cross:
                form.add(gx[a], g[c], turned[b], weight)
            gx = gx.sum_to_size(x.shape)
        if ctx.needs_input_grad[1]:
            turned = form.turn(x)
            gy = form.apply(turned[0], g)
            for c in range(1, len(operators)):
                form.add(gy[0], turned[c], g[c], 1.0)
            for c, a, b, weight in operators.cross:
                form.add(gy[b], turned[a], g[c], weight)
            gy = gy.sum_to_size(y.shape)
        return gx, gy, None, None


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


def _weight_cotangent(g: Tensor, x: Tensor, place: Place | None) -> Tensor | None:
    """g (b, o, p), x (b, i, p): the sum of outer products, over points or point by point."""
    if place is None:
        return torch.bmm(g, x.transpose(1, 2)).sum(0)
    rows = place.rows
    if rows is not None:
        for cotangent, argument in zip(g, x, strict=True):
            rows.addcmul_(cotangent[:, None], argument)
    return None


def _bias_cotangent(g: Tensor, place: Place | None) -> Tensor | None:
    """g (b, o, p)."""
    if place is None:
        return g.sum((0, 2))
    rows = place.rows
    if rows is not None:
        rows += g.sum(0)
    return None
