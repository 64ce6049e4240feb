"""Reactions u' = f(u) as maps of one token: an integrator, and a ReLU block that interpolates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sciformer.blocks import FeedForward
from sciformer.errors import DomainError

# Nodes of the interpolation are moved towards strong curvature; below this share of the mean
# density they would leave flat stretches without any node.
_LEAST_DENSITY = 0.05


class IntegratedReaction(nn.Module):
    """The flow of u' = f(u) over a time, by classical Runge-Kutta steps on every token alone.

    Args:
        rates: sympy expressions in the fields' symbols, one for each field.
        fields: the symbols, in the order of the channels.
        time: of the flow, in the equation's unit.
        substeps: how many steps of order four make it up.

    Source: Kutta 1901.
    """

    def __init__(
        self, rates: Sequence[Any], fields: Sequence[Any], time: float, substeps: int = 8
    ) -> None:
        super().__init__()
        import sympy

        self.rates = [sympy.lambdify(fields, rate, modules=torch) for rate in rates]
        self.time, self.substeps = time, substeps

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (..., fields) to the same shape."""
        h = self.time / self.substeps
        for _ in range(self.substeps):
            one = self._rate(tokens)
            two = self._rate(tokens + h / 2 * one)
            three = self._rate(tokens + h / 2 * two)
            tokens = tokens + h / 6 * (one + 2 * two + 2 * three + self._rate(tokens + h * three))
        return tokens

    def _rate(self, tokens: Tensor) -> Tensor:
        fields = tokens.unbind(-1)
        return torch.stack([rate(*fields) + 0 * fields[0] for rate in self.rates], -1)


def interpolating_block(knots: NDArray[np.float64], values: NDArray[np.float64]) -> FeedForward:
    """A feed-forward block that interpolates linearly between knots and is constant outside.

    block(u) = values_0 + sum_k c_k relu(u - knots_k),   c_k = slope_k - slope_{k-1}

    Values are never left: block(u) lies within [min values, max values] up to rounding.

    Args:
        knots: increasing, shape (k,), k >= 2.
        values: shape (k,).

    Raises:
        DomainError: fewer than two knots, or knots that do not increase.
    """
    if len(knots) < 2 or not bool((np.diff(knots) > 0).all()):
        raise DomainError(
            f"interpolating_block: needs at least two knots that increase; got {len(knots)}."
        )
    slopes = np.diff(values) / np.diff(knots)
    changes = np.diff(np.concatenate([[0.0], slopes, [0.0]]))
    # In place: a second array of tokens times units, fetched anew by every layer, took ten times as
    # long as the arithmetic.
    block = FeedForward(1, len(knots), activation=partial(nn.ReLU, inplace=True))
    block = block.double().requires_grad_(False)
    hidden, _, output = block.layers
    assert isinstance(hidden, nn.Linear), "the first of two linear maps"
    assert isinstance(output, nn.Linear), "the second of two linear maps"
    with torch.no_grad():
        hidden.weight.fill_(1.0)
        hidden.bias.copy_(torch.from_numpy(-knots))
        output.weight.copy_(torch.from_numpy(changes)[None])
        output.bias.fill_(float(values[0]))
    return block


def spaced_by_curvature(
    curvature: NDArray[np.float64], lower: float, upper: float, knots: int
) -> NDArray[np.float64]:
    """Knots that spread the error of linear interpolation evenly: density ~ sqrt |f''|.

    Args:
        curvature: |f''| at equally spaced points from lower to upper.
        lower: first knot.
        upper: last knot.
        knots: how many, >= 2.

    Returns:
        Shape (knots,), increasing, ends included.

    Source: de Boor 1973, on the best knots of a piecewise polynomial.
    """
    places = np.linspace(lower, upper, len(curvature))
    density = np.sqrt(np.abs(curvature))
    density = np.maximum(density, _LEAST_DENSITY * density.mean()) if density.any() else density + 1
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    found = np.interp(np.linspace(0, mass[-1], knots), mass, places)
    found[0], found[-1] = lower, upper
    return found
