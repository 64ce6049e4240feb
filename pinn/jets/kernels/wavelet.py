"""The activation a sin(x) + b cos(x) in one pass, for tensors and for jets."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from pinn.jets.algebra import Operators
from pinn.jets.jacobian.recorder import Place, active
from pinn.jets.jet import Jet
from pinn.jets.kernels import fused
from pinn.jets.kernels.composition import blocks, pull, push
from pinn.jets.kernels.kernel import apply
from pinn.jets.kernels.launching import fuses
from pinn.jets.registry import rule


def wavelet(x: Any, sine: Tensor, cosine: Tensor) -> Any:
    """sine * sin(x) + cosine * cos(x).

    Args:
        x: tensor or Jet, any shape.
        sine: one number, shape () or (1,).
        cosine: as `sine`.

    Cost: on a Jet one sine and one cosine of its value; by the general rules it would take two of
        each, and six more channels of memory for every channel of x.

    Examples:
        >>> import torch
        >>> from pinn.jets import wavelet
        >>> wavelet(torch.zeros(2), sine=torch.tensor(5.0), cosine=torch.tensor(3.0))
        tensor([3., 3.])
    """
    if has_torch_function((x,)):
        return handle_torch_function(wavelet, (x,), x, sine, cosine)
    return sine * torch.sin(x) + cosine * torch.cos(x)


@rule(wavelet)
def _wavelet(x: Jet, sine: Tensor, cosine: Tensor) -> Jet:
    recorder, points = active(), x.shape[0]
    pair = (sine, cosine)
    places = [None if recorder is None else recorder.place(t, points) for t in pair]
    leaves = [t if place is None else place.leaf for t, place in zip(pair, places, strict=True)]
    return Jet(apply(_Wavelet, x.channels, *leaves, places, x.operators), x.operators)


class _Wavelet(torch.autograd.Function):
    """f = a s + b c with s = sin x_0, c = cos x_0;   f' = a c - b s,   f'' = -f.

    da = E s + O c,   db = E c - O s,   E = a_0 - a_2 + ...,   O = a_1 - a_3 + ...,
    with a_k the cotangent of f^(k)(x_0).
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        sine: Tensor,
        cosine: Tensor,
        places: list[Place | None],
        operators: Operators,
    ) -> Tensor:
        x = x.contiguous()
        y = torch.empty_like(x)
        if not (fuses(x, sine, cosine) and fused.wave(x, y, sine, cosine, operators)):
            for inner, outer in blocks(x, y):
                waves = torch.sin(inner[0]), torch.cos(inner[0])
                push(inner, outer, _series(waves, sine, cosine, operators.order), operators)
        ctx.carries_data = True
        ctx.places, ctx.operators = places, operators
        ctx.save_for_backward(x, sine, cosine)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, sine, cosine = ctx.saved_tensors
        operators: Operators = ctx.operators
        g, gx = g.contiguous(), torch.empty_like(x)
        both = torch.empty((2, *x.shape[1:]), dtype=x.dtype, device=x.device)
        if not (
            fuses(x, g, sine, cosine) and fused.pull_wave(x, g, gx, both, sine, cosine, operators)
        ):
            for inner, cotangent, pulled, grads in blocks(x, g, gx, both):
                s, c = torch.sin(inner[0]), torch.cos(inner[0])
                slopes = _series((s, c), sine, cosine, operators.order + 1)[1:]
                a = pull(inner, cotangent, pulled, slopes, operators)
                even, odd = _alternating(a[::2]), _alternating(a[1::2])
                torch.mul(even, s, out=grads[0]).addcmul_(odd, c)
                torch.mul(even, c, out=grads[1]).addcmul_(odd, s, value=-1)
        found = [
            _shared(grad, parameter, place)
            for grad, parameter, place in zip(both, (sine, cosine), ctx.places, strict=True)
        ]
        return gx, *found, None, None


def _series(waves: tuple[Tensor, Tensor], sine: Tensor, cosine: Tensor, order: int) -> list[Tensor]:
    """f and its derivatives to the order."""
    s, c = waves
    value = (sine * s).addcmul_(cosine, c)
    slope = (sine * c).addcmul_(cosine, s, value=-1)
    turns = (value, slope, -value, -slope) if order > 1 else (value, slope)
    return [turns[n % 4] for n in range(order + 1)]


def _alternating(terms: list[Tensor]) -> Tensor:
    """t_0 - t_1 + t_2 - ..."""
    total = terms[0] if terms else torch.zeros(())
    for n, term in enumerate(terms[1:], start=1):
        total = torch.add(total, term, alpha=(-1) ** n)
    return total


def _shared(grad: Tensor, parameter: Tensor, place: Place | None) -> Tensor | None:
    """The gradient of one number that every entry shares: over all points, or point by point."""
    if place is None:
        return grad.sum().reshape(parameter.shape)
    place.add(grad.reshape(-1, grad.shape[-1]).sum(0))
    return None
