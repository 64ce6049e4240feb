"""Rules for linear layers, matrix products, sums and normalisations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pinn.jets.jacobian.recorder import active
from pinn.jets.jet import Jet
from pinn.jets.kernels.affine import Affine
from pinn.jets.kernels.bilinear import Bilinear, Contract
from pinn.jets.kernels.kernel import apply
from pinn.jets.layout import aligned, axis, first_jet, lifted, mixing
from pinn.jets.registry import rule
from pinn.jets.rules.arithmetic import add, exp, log, mul, reciprocal
from pinn.jets.rules.powers import rsqrt
from sciformer.errors import ShapeError

_CONTRACT = Contract()


@rule("linear")
def linear(x: Jet, weight: Tensor, bias: Tensor | None = None) -> Jet:
    """x weight^T + bias over the last axis."""
    if x.ndim < 2:
        raise mixing("linear")
    recorder, points = active(), x.shape[0]
    places = [
        None if recorder is None or t is None else recorder.place(t, points) for t in (weight, bias)
    ]
    leaves = [
        t if place is None else place.leaf for t, place in zip((weight, bias), places, strict=True)
    ]
    return Jet(apply(Affine, x.channels, *leaves, *places), x.operators)


@rule("matmul", "bmm", "__matmul__", "__rmatmul__")
def matmul(x: Any, y: Any) -> Jet:
    """The matrix product over the last two axes, point by point."""
    if isinstance(x, Jet) and isinstance(y, Jet):
        if x.ndim < 3 or x.ndim != y.ndim:
            raise ShapeError(
                "matmul: two Jets need the same number of axes, at least 3 with the point axis; "
                f"got {tuple(x.shape)} and {tuple(y.shape)}."
            )
        return Jet(apply(Bilinear, x.channels, y.channels, _CONTRACT, x.operators), x.operators)
    if isinstance(x, Jet):
        if y.ndim == 1:
            return total(mul(x, y), -1)
        return linear(x, y.t()) if y.ndim == 2 else _constant_right(x, y)
    return _constant_left(x, y)


def _constant_right(x: Jet, y: Tensor) -> Jet:
    factor = aligned(y, x, "matmul")
    product = x.channels[..., :, :, None, :] * factor[..., None, :, :, :]
    return Jet(product.sum(-3), x.operators)


def _constant_left(x: Tensor, y: Jet) -> Jet:
    if y.ndim < 3 or x.ndim < 2:
        raise mixing("matmul")
    factor = aligned(x, y, "matmul")
    product = factor[..., :, :, None, :] * y.channels[..., None, :, :, :]
    return Jet(product.sum(-3), y.operators)


@rule("einsum")
def einsum(equation: str, *operands: Any) -> Jet:
    """Two operands, letters only; every Jet and the result begin with the letter of the points."""
    if len(operands) == 1 and isinstance(operands[0], Sequence):
        operands = tuple(operands[0])
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    words = inputs.split(",")
    if len(words) != 2 or len(operands) != 2 or not arrow or "." in equation:
        raise ShapeError(
            f"einsum: Jets need two operands and an explicit result, as in 'pnd,pmd->pnm'; "
            f"got {equation!r}."
        )
    jets = [_spread_letters(x, w, result, words) for x, w in zip(operands, words, strict=True)]
    letters = _all_letters(result, words)
    summed = [i for i, letter in enumerate(letters) if letter not in result]
    product = mul(jets[0], jets[1])
    return total(product, summed) if summed else product


def _all_letters(result: str, words: Sequence[str]) -> str:
    return result + "".join(dict.fromkeys(x for w in words for x in w if x not in result))


def _spread_letters(x: Any, word: str, result: str, words: Sequence[str]) -> Any:
    """One axis for each letter of the equation, in one order, of size 1 where the word lacks it."""
    letters = _all_letters(result, words)
    if isinstance(x, Jet) and word[0] != result[0]:
        raise mixing("einsum")
    order = [word.index(letter) for letter in letters if letter in word]
    moved = x.permute(order)
    for position, letter in enumerate(letters):
        if letter not in word:
            moved = moved.unsqueeze(position)
    return moved


@rule("sum")
def total(x: Jet, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Jet:
    """The sum over axes other than the points."""
    return Jet(x.channels.sum(_axes(x, dim, "sum"), keepdim=keepdim, dtype=dtype), x.operators)


@rule("mean")
def mean(x: Jet, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Jet:
    """The mean over axes other than the points."""
    return Jet(x.channels.mean(_axes(x, dim, "mean"), keepdim=keepdim, dtype=dtype), x.operators)


def _axes(x: Jet, dim: Any, who: str) -> list[int]:
    if dim is None:
        raise mixing(who)
    return [axis(d, x.ndim, who) for d in ([dim] if isinstance(dim, int) else dim)]


def _shifted_exp(x: Jet, dim: int) -> tuple[Jet, Tensor]:
    """exp(x - max x); softmax does not depend on the shift.

    A row of -inf alone has the shift 0: its weights are 0, and the log of their sum is -inf.
    """
    largest = x.channels[0].detach().amax(axis(dim, x.ndim, "softmax") - 1, keepdim=True)
    largest = largest.masked_fill(largest == -torch.inf, 0.0)
    return exp(add(x, (-largest).movedim(-1, 0))), largest


@rule("softmax")
def softmax(x: Jet, dim: int, _stacklevel: int = 3, dtype: Any = None) -> Jet:
    """exp(x) / sum exp(x) along an axis other than the points."""
    weights, _ = _shifted_exp(x, dim)
    return mul(weights, reciprocal(total(weights, dim, True)))


@rule("logsumexp")
def logsumexp(x: Jet, dim: int, keepdim: bool = False) -> Jet:
    """log sum exp(x)."""
    weights, largest = _shifted_exp(x, dim)
    result = add(log(total(weights, dim, True)), largest.movedim(-1, 0))
    return result if keepdim else result.squeeze(dim)


@rule("log_softmax")
def _log_softmax(x: Jet, dim: int, _stacklevel: int = 3, dtype: Any = None) -> Jet:
    return x - logsumexp(x, dim, True)


@rule("layer_norm")
def _layer_norm(
    x: Jet,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Jet:
    dims = list(range(-len(normalized_shape), 0))
    centred = x - mean(x, dims, True)
    return _scaled(centred, dims, weight, bias, eps)


@rule("rms_norm")
def _rms_norm(
    x: Jet, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Jet:
    dims = list(range(-len(normalized_shape), 0))
    return _scaled(x, dims, weight, None, torch.finfo(x.dtype).eps if eps is None else eps)


def _scaled(x: Jet, dims: list[int], weight: Tensor | None, bias: Tensor | None, eps: float) -> Jet:
    """x over its root mean square, then weight and bias."""
    result = mul(x, rsqrt(add(mean(mul(x, x), dims, True), eps)))
    if weight is not None:
        result = mul(result, weight)
    return result if bias is None else add(result, bias)


@rule("scaled_dot_product_attention")
def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Jet:
    jet = first_jet(query, key, value)
    query, key, value = (lifted(x, jet, "attention") for x in (query, key, value))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    logits = matmul(mul(query, factor), key.transpose(-2, -1))
    if is_causal:
        size = logits.shape[-2:]
        attn_mask = torch.ones(size, dtype=torch.bool, device=logits.device).tril()
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            logits = logits.masked_fill(~attn_mask, -math.inf)
        else:
            logits = add(logits, attn_mask)
    return matmul(softmax(logits, -1), value)
