"""Translation between the axes of a caller, (p, ...), and those in memory, (operators, ..., p)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pinn.jets.jacobian.recorder import active, spread
from pinn.jets.jet import Jet
from sciformer.errors import ShapeError


def axis(dim: int, ndim: int, who: str) -> int:
    """The memory axis of a value's axis; the point axis is refused.

    Args:
        dim: axis of a value with `ndim` axes, negative from the end.
        ndim: number of axes.
        who: the function that asks, for the error.

    Raises:
        ShapeError: out of range, or the point axis.
    """
    if not -ndim <= dim < ndim:
        raise ShapeError(f"{who}: axis {dim} does not exist in a Jet of {ndim} axes.")
    if dim % ndim == 0:
        raise mixing(who)
    return dim % ndim


def mixing(who: str) -> ShapeError:
    """The error for an operation that would mix or move points."""
    return ShapeError(
        f"{who}: axis 0 of a Jet is the point axis and points never mix; act on the other axes, "
        "or on jet.value and jet.derivative(...) after the network."
    )


def aligned(tensor: Tensor, like: Jet, who: str) -> Tensor:
    """A tensor that broadcasts against a Jet's value, in memory order without the channels.

    Args:
        tensor: broadcasts with the value of shape (p, ...).
        like: the Jet it meets.
        who: the function that asks, for the error.

    Returns:
        Shape (..., p) or (..., 1). While a residual is recorded, a parameter comes back spread over
        the points, so that its rows are written down.

    Raises:
        ShapeError: more axes than the Jet.
    """
    if tensor.ndim > like.ndim:
        raise ShapeError(
            f"{who}: a tensor of shape {tuple(tensor.shape)} has axes in front of the points of "
            f"a Jet of shape {tuple(like.shape)}; give it at most {like.ndim} axes."
        )
    plain = tensor.as_subclass(Tensor)
    recorder = active()
    if recorder is not None and plain.requires_grad:
        found = spread(plain, like.ndim, recorder, like.shape[0])
        if found is not None:
            return found
    return plain.movedim(0, -1) if plain.ndim == like.ndim else plain.unsqueeze(-1)


def lifted(value: Any, like: Jet, who: str) -> Jet:
    """A constant, or a tensor that does not depend on the coordinates, as a Jet.

    Args:
        value: Jet, tensor or number.
        like: a Jet with the operators, dtype and number of axes wanted.
        who: the function that asks, for the error.
    """
    if isinstance(value, Jet):
        if value.ndim != like.ndim or value.operators is not like.operators:
            raise ShapeError(
                f"{who}: Jets must agree in operators and number of axes; "
                f"got {like!r} and {value!r}."
            )
        return value
    tensor = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    memory = aligned(tensor, like, who)
    memory = memory.reshape(*[1] * (like.ndim - memory.ndim), *memory.shape)
    memory = memory.expand(*memory.shape[:-1], like.shape[0])
    zeros = memory.new_zeros(()).expand(len(like.operators) - 1, *memory.shape)
    return Jet(torch.cat([memory[None], zeros]), like.operators)


def first_jet(*candidates: Any) -> Jet:
    """The first Jet among the arguments of a rule."""
    return next(x for x in candidates if isinstance(x, Jet))
