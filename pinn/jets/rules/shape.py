"""Rules that rename, move or choose axes; the point axis stays first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pinn.jets.jet import Jet
from pinn.jets.layout import axis, first_jet, lifted, mixing
from pinn.jets.registry import MissingRuleError, Rule, rule
from sciformer.errors import ShapeError


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes that are given as f(2, 3) or as f((2, 3))."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], Sequence) else tuple(sizes)


@rule("reshape", "view")
def reshape(x: Jet, *shape: Any) -> Jet:
    """Reshape; the first axis is still that of the points."""
    sizes = _sizes(shape)
    width = math.prod(x.shape[1:])
    if not sizes or sizes[0] not in (-1, x.shape[0]):
        raise mixing("reshape")
    rest = sizes[1:]
    known = math.prod(size for size in rest if size != -1)
    if (sizes[0] == -1 and known != width) or (-1 not in rest and known != width):
        raise mixing("reshape")
    return _reshaped(x, rest)


def _reshaped(x: Jet, rest: Sequence[int]) -> Jet:
    channels = x.channels
    return Jet(channels.reshape(channels.shape[0], *rest, channels.shape[-1]), x.operators)


@rule("view_as", "reshape_as")
def _view_as(x: Jet, other: Any) -> Jet:
    return reshape(x, tuple(other.shape))


@rule("flatten")
def _flatten(x: Jet, start_dim: int = 0, end_dim: int = -1) -> Jet:
    start, end = axis(start_dim, x.ndim, "flatten"), axis(end_dim, x.ndim, "flatten")
    return Jet(x.channels.flatten(start, end), x.operators)


@rule("unflatten")
def _unflatten(x: Jet, dim: int, sizes: Sequence[int]) -> Jet:
    position = axis(dim, x.ndim, "unflatten")
    return Jet(
        x.channels.reshape(*x.channels.shape[:position], *sizes, *x.channels.shape[position + 1 :]),
        x.operators,
    )


@rule("transpose", "swapaxes", "swapdims")
def _transpose(x: Jet, dim0: int, dim1: int) -> Jet:
    first, second = axis(dim0, x.ndim, "transpose"), axis(dim1, x.ndim, "transpose")
    return Jet(x.channels.transpose(first, second), x.operators)


@rule("permute")
def permute(x: Jet, *dims: Any) -> Jet:
    """Permute the axes, points first."""
    order = _sizes(dims)
    if order[0] % x.ndim != 0:
        raise mixing("permute")
    moved = [axis(dim, x.ndim, "permute") for dim in order[1:]]
    return Jet(x.channels.permute(0, *moved, x.ndim), x.operators)


@rule("movedim", "moveaxis")
def _movedim(x: Jet, source: int, destination: int) -> Jet:
    start, end = axis(source, x.ndim, "movedim"), axis(destination, x.ndim, "movedim")
    return Jet(x.channels.movedim(start, end), x.operators)


@rule("unsqueeze")
def unsqueeze(x: Jet, dim: int) -> Jet:
    """Insert an axis of size 1, not in front of the points."""
    return Jet(x.channels.unsqueeze(axis(dim, x.ndim + 1, "unsqueeze")), x.operators)


@rule("squeeze")
def _squeeze(x: Jet, dim: Any = None) -> Jet:
    if dim is None:
        return _reshaped(x, [size for size in x.shape[1:] if size != 1])
    dims = [dim] if isinstance(dim, int) else dim
    return Jet(x.channels.squeeze([axis(d, x.ndim, "squeeze") for d in dims]), x.operators)


@rule("expand", "broadcast_to")
def _expand(x: Jet, *sizes: Any) -> Jet:
    target = _sizes(sizes)
    if len(target) != x.ndim or target[0] not in (-1, x.shape[0]):
        raise mixing("expand")
    return Jet(x.channels.expand(-1, *target[1:], -1), x.operators)


@rule("expand_as")
def _expand_as(x: Jet, other: Any) -> Jet:
    return _expand(x, tuple(other.shape))


@rule("repeat", "tile")
def _repeat(x: Jet, *sizes: Any) -> Jet:
    times = _sizes(sizes)
    if len(times) != x.ndim or times[0] != 1:
        raise mixing("repeat")
    return Jet(x.channels.repeat(1, *times[1:], 1), x.operators)


@rule("cat", "concat", "concatenate")
def cat(tensors: Sequence[Any], dim: int = 0) -> Jet:
    """Join along an axis; a tensor among Jets is a constant."""
    like = first_jet(*tensors)
    jets = [lifted(tensor, like, "cat") for tensor in tensors]
    position = axis(dim, like.ndim, "cat")
    return Jet(torch.cat([jet.channels for jet in jets], position), like.operators)


@rule("stack")
def _stack(tensors: Sequence[Any], dim: int = 0) -> Jet:
    like = first_jet(*tensors)
    jets = [lifted(tensor, like, "stack") for tensor in tensors]
    position = axis(dim, like.ndim + 1, "stack")
    return Jet(torch.stack([jet.channels for jet in jets], position), like.operators)


@rule("__getitem__")
def _getitem(x: Jet, index: Any) -> Jet:
    entries = list(index) if isinstance(index, tuple) else [index]
    if any(entry is Ellipsis for entry in entries):
        place = next(i for i, entry in enumerate(entries) if entry is Ellipsis)
        missing = x.ndim - sum(entry is not None for entry in entries) + 1
        entries[place : place + 1] = [slice(None)] * missing
    if not entries or not (isinstance(entries[0], slice) and entries[0] == slice(None)):
        raise mixing("indexing")
    rest = entries[1:]
    if sum(entry is not None for entry in rest) > x.ndim - 1:
        raise ShapeError(f"indexing: {len(entries)} indices for a Jet of {x.ndim} axes.")
    lists = [i for i, entry in enumerate(rest) if isinstance(entry, (Tensor, list))]
    if lists and lists[-1] - lists[0] != len(lists) - 1:
        raise mixing("indexing with separated index tensors")
    memory = [slice(None), *rest]
    return Jet(x.channels[tuple(memory)], x.operators)


@rule("flip")
def _flip(x: Jet, *dims: Any) -> Jet:
    return Jet(x.channels.flip([axis(d, x.ndim, "flip") for d in _sizes(dims)]), x.operators)


@rule("pad")
def _pad(x: Jet, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Jet:
    if mode != "constant" or value:
        raise MissingRuleError(f"Jet: pad supports zeros only; got mode {mode!r}, value {value}.")
    if len(pad) >= 2 * x.ndim:
        raise mixing("pad")
    return Jet(torch.nn.functional.pad(x.channels, (0, 0, *pad)), x.operators)


@rule("narrow")
def _narrow(x: Jet, dim: int, start: int, length: int) -> Jet:
    return Jet(x.channels.narrow(axis(dim, x.ndim, "narrow"), start, length), x.operators)


@rule("select")
def _select(x: Jet, dim: int, index: int) -> Jet:
    return Jet(x.channels.select(axis(dim, x.ndim, "select"), index), x.operators)


@rule("index_select")
def _index_select(x: Jet, dim: int, index: Tensor) -> Jet:
    return Jet(x.channels.index_select(axis(dim, x.ndim, "index_select"), index), x.operators)


@rule("split")
def _split(x: Jet, split_size_or_sections: Any, dim: int = 0) -> tuple[Jet, ...]:
    parts = torch.functional.split(x.channels, split_size_or_sections, axis(dim, x.ndim, "split"))
    return tuple(Jet(part, x.operators) for part in parts)


@rule("chunk")
def _chunk(x: Jet, chunks: int, dim: int = 0) -> tuple[Jet, ...]:
    parts = x.channels.chunk(chunks, axis(dim, x.ndim, "chunk"))
    return tuple(Jet(part, x.operators) for part in parts)


@rule("unbind")
def _unbind(x: Jet, dim: int = 0) -> tuple[Jet, ...]:
    parts = x.channels.unbind(axis(dim, x.ndim, "unbind"))
    return tuple(Jet(part, x.operators) for part in parts)


@rule("contiguous", "clone")
def _same(x: Jet, *, memory_format: Any = None) -> Jet:
    return x


@rule("to", "type")
def _to(x: Jet, *args: Any, **kwargs: Any) -> Jet:
    return Jet(x.channels.to(*args, **kwargs), x.operators)


@rule("dropout")
def _dropout(x: Jet, p: float = 0.5, training: bool = True, inplace: bool = False) -> Jet:
    if training and p > 0:
        raise MissingRuleError("Jet: dropout draws at random; call network.eval() first.")
    return x


def _constant(name: str) -> Rule:
    function = getattr(torch.Tensor, name, None) or getattr(torch, name)

    def constant(x: Jet, *args: Any, **kwargs: Any) -> Tensor:
        """Make a plain tensor with the shape, dtype and device of the value."""
        like = x.channels[0].detach().movedim(-1, 0)
        result: Tensor = function(like, *args, **kwargs)
        return result

    return constant


for _name in ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"):
    rule(_name)(_constant(_name))
