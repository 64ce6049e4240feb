"""Layers of a refinement in saved states: what lies below them, and how they are built again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pinn.refinement.correction import Correction
from pinn.refinement.polynomials import HIGHEST_DEGREE, PolynomialLayer, Polynomials
from pinn.refinement.products import Products
from pinn.refinement.wide_layer import WideLayer, further_inputs, linear_layers
from sciformer.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from pinn.problem.problem import Problem
    from pinn.trial.hard_constraint import HardConstraint


def trunk(network: nn.Module) -> nn.Module:
    """The trained network below all layers of a refinement."""
    if not isinstance(network, Correction):
        return network
    return trunk(network.network)


def widened(
    network: nn.Module,
    problem: Problem,
    state: Mapping[str, Tensor],
    prefix: str = "",
    constraint: HardConstraint | None = None,
) -> nn.Module:
    """The network with the layers that a saved state holds, outermost first, zero or more.

    Args:
        network: freshly built, without layers of a refinement.
        problem: what it solves.
        state: names and tensors of a `state_dict`.
        prefix: what the names of the network begin with.
        constraint: of the trial solution.

    Raises:
        DataError: the sizes of a layer do not belong together.
    """
    if f"{prefix}output" not in state:
        return network
    is_polynomial = f"{prefix}polynomials.orders" in state
    if not is_polynomial and f"{prefix}layers" not in state:
        return network
    below = widened(network, problem, state, f"{prefix}network.", constraint)
    if is_polynomial:
        return _saved_polynomials(below, problem, state, prefix)
    layers, weights, bias, output = (
        torch.as_tensor(state[prefix + name]) for name in ("layers", "weights", "bias", "output")
    )
    further = further_inputs(network, problem, weights)
    units = _count_units(below, layers, trunk(network).inputs if further is None else further)
    products = _saved_products(state, prefix, constraint, len(problem.fields))
    count = 0 if products is None else products.width(len(problem.fields))
    if units is None or not _fit(weights, bias, output, units, count):
        raise DataError(
            f"WideLayer: the saved layer has weights {tuple(weights.shape)}, bias "
            f"{tuple(bias.shape)}, output {tuple(output.shape)} on linear layers "
            f"{layers.tolist()} of {len(linear_layers(below))}, which do not fit together; solve "
            "again."
        )
    weights, bias, output = (torch.empty_like(tensor) for tensor in (weights, bias, output))
    return WideLayer(below, layers.tolist(), weights, bias, output, further, products)


def _saved_polynomials(
    below: nn.Module, problem: Problem, state: Mapping[str, Tensor], prefix: str
) -> PolynomialLayer:
    """A saved layer of polynomials.

    Raises:
        DataError: orders that no polynomials of the problem's coordinates have.
    """
    orders, output = (
        torch.as_tensor(state[prefix + name]) for name in ("polynomials.orders", "output")
    )
    is_sound = (
        orders.dtype == torch.int64
        and orders.ndim == output.ndim == 2
        and orders.shape == (output.shape[1], len(problem.coordinates))
        and bool(((orders >= 0) & (orders <= HIGHEST_DEGREE)).all())
    )
    if not is_sound:
        raise DataError(
            f"PolynomialLayer: the saved layer has orders {tuple(orders.shape)} and output "
            f"{tuple(output.shape)}, in {len(problem.coordinates)} coordinates, which do not fit "
            "together; solve again."
        )
    return PolynomialLayer(below, Polynomials(problem, orders), torch.empty_like(output))


def _saved_products(
    state: Mapping[str, Tensor], prefix: str, constraint: HardConstraint | None, fields: int
) -> Products | None:
    """The products of a saved layer; None if it has none.

    Raises:
        DataError: pairs of fields that are not there.
    """
    if f"{prefix}products.pairs" not in state:
        return None
    pairs = torch.as_tensor(state[f"{prefix}products.pairs"])
    is_sound = (
        pairs.dtype == torch.int64
        and pairs.ndim == 2
        and pairs.shape[1] == 2
        and len(pairs) <= fields**2
        and bool(((pairs >= 0) & (pairs < fields)).all())
    )
    if not is_sound:
        raise DataError(
            f"WideLayer: the saved layer has products of fields {pairs.tolist()}, where there are "
            f"{fields} fields, which do not fit together; solve again."
        )
    return Products(constraint, [(i, j) for i, j in pairs.tolist()])


def _count_units(network: nn.Module, layers: Tensor, inputs: Any) -> int | None:
    """Length of s; None if the layers are not different positions in the network."""
    linear, chosen = linear_layers(network), layers.tolist()
    if layers.dtype != torch.int64 or layers.ndim != 1 or len(set(chosen)) != len(chosen):
        return None
    if not all(0 <= i < len(linear) for i in chosen):
        return None
    width: int = inputs.width
    hidden: int = sum(linear[i].in_features for i in chosen)
    return width + hidden


def _fit(weights: Tensor, bias: Tensor, output: Tensor, units: int, further: int) -> bool:
    """Whether the tensors are (m, n), (m,) and (f, m + q) with n units and q further features."""
    if (weights.ndim, bias.ndim, output.ndim) != (2, 1, 2):
        return False
    return weights.shape == (len(bias), units) and output.shape[1] == len(bias) + further
