"""Derivatives by reverse mode of reverse mode: slow, obvious, and independent of the jets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def derivative(values: Tensor, points: Tensor, coordinates: Sequence[str], name: str) -> Tensor:
    """One operator applied to values (p,) that were computed from points (p, c)."""
    total = torch.zeros_like(values)
    for sign, factor, word in re.findall(r"([+-]?)(\d*)([a-zA-Z]+|1)", name):
        term = values
        for letter in word.replace("1", ""):
            term = _slope(term, points, list(coordinates).index(letter))
        total = total + (-1 if sign == "-" else 1) * float(factor or 1) * term
    return total


def _slope(values: Tensor, points: Tensor, column: int) -> Tensor:
    if not values.requires_grad:
        return torch.zeros_like(values)
    (grad,) = torch.autograd.grad(values.sum(), points, create_graph=True, allow_unused=True)
    return torch.zeros_like(values) if grad is None else grad[:, column]


def all_derivatives(
    network: Callable[[Tensor], Tensor],
    points: Tensor,
    coordinates: Sequence[str],
    names: Sequence[str],
) -> Tensor:
    """(operators, p, outputs) for a network (p, c) -> (p, outputs)."""
    points = points.detach().clone().requires_grad_()
    outputs = network(points)
    return torch.stack(
        [
            torch.stack(
                [derivative(column, points, coordinates, name) for column in outputs.unbind(1)], 1
            )
            for name in names
        ]
    )


def row_jacobian(residuals: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """(residuals, P): one reverse pass for each entry of the flattened residuals."""
    rows = []
    for entry in residuals.reshape(-1):
        grads = torch.autograd.grad(entry, parameters, retain_graph=True, allow_unused=True)
        rows.append(
            torch.cat(
                [
                    (torch.zeros_like(p) if g is None else g).reshape(-1)
                    for p, g in zip(parameters, grads, strict=True)
                ]
            )
        )
    return torch.stack(rows)
