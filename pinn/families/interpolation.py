"""Tables of space and time read at points: Lagrange in periodic space, Hermite in time."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

WIDTH = 8
"""Points of a Lagrange polynomial: degree 7, exact to d^6 in the second derivative."""


class SpaceTime:
    """Values and slopes in time of b functions on a grid, read at q points that all share.

    Args:
        values: (b, layers + 1, m), at x = j / m and t = n / layers.
        slopes: derivatives in t, of the same shape.
        points: (q, 2), x of period 1 and t in [0, 1].
    """

    def __init__(self, values: Tensor, slopes: Tensor, points: Tensor) -> None:
        self._layers, self._size = values.shape[1] - 1, values.shape[2]
        self._table = torch.cat([values, slopes], 1).flatten(1).mT.contiguous().cpu().numpy()
        self._device, points = values.device, points.cpu()
        x, t = points[:, 0] * self._size, points[:, 1] * self._layers
        self._cell, self._step = x.floor(), t.floor().clamp(0, self._layers - 1)
        self._x, self._t = x - self._cell, t - self._step

    def derivative(self, space: int, time: int) -> Tensor:
        """The derivative of these orders, (b, q)."""
        from scipy.sparse import csr_matrix

        across = _lagrange(self._x, space) * self._size**space  # (q, WIDTH)
        along = _hermite(self._t, time) * self._layers**time  # (q, 4)
        along = along * torch.tensor([1.0, 1.0, 1 / self._layers, 1 / self._layers]).double()
        offsets = torch.arange(WIDTH) - (WIDTH // 2 - 1)
        column = (self._cell[:, None].long() + offsets) % self._size
        n = self._step[:, None].long()
        after = self._layers + 1
        row = n + torch.tensor([0, 1, after, after + 1])
        index = (row[:, :, None] * self._size + column[:, None]).flatten()
        weight = (along[:, :, None] * across[:, None]).flatten()
        start = 4 * WIDTH * np.arange(len(self._x) + 1)
        shape = (len(self._x), len(self._table))
        matrix = csr_matrix((weight.numpy(), index.numpy(), start), shape)
        return torch.from_numpy(matrix @ self._table).mT.to(self._device)


@cache
def _inverse() -> Tensor:
    nodes = torch.arange(WIDTH, dtype=torch.float64) - (WIDTH // 2 - 1)
    inverse: Tensor = torch.linalg.inv(nodes[:, None] ** torch.arange(WIDTH))
    return inverse


def _lagrange(x: Tensor, order: int) -> Tensor:
    """Weights (q, WIDTH) of the derivative of an order at x in [0, 1] of the middle cell."""
    powers = [
        math.perm(n, order) * x ** (n - order) if n >= order else torch.zeros_like(x)
        for n in range(WIDTH)
    ]
    return torch.stack(powers, -1) @ _inverse()


def _hermite(s: Tensor, order: int) -> Tensor:
    """Weights (q, 4) of both values and both slopes."""
    # Powers 0 to 3 of s, one column a weight.
    cubic = torch.tensor(
        [[1, 0, 0, 0], [0, 0, 1, 0], [-3, 3, -2, -1], [2, -2, 1, 1]], dtype=torch.float64
    )
    powers = [
        math.perm(n, order) * s ** (n - order) if n >= order else torch.zeros_like(s)
        for n in range(4)
    ]
    return torch.stack(powers, -1) @ cubic
