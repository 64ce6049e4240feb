"""Queries and keys rotated by their position, so that their product sees the offset alone."""

from __future__ import annotations

import torch
from torch import Tensor

from sciformer.attention.positions.absolute import position_angles
from sciformer.attention.positions.base import Position
from sciformer.errors import DomainError


class Rotary(Position):
    """Rotation of each coordinate pair of a query or key by an angle proportional to its position.

    (x_k, x_{k+d/2}) -> R(i base^(-2k/d)) (x_k, x_{k+d/2}),   k = 0 .. d/2 - 1

    Args:
        base: ratio between the longest and the shortest wavelength; > 1.

    Raises:
        DomainError: heads of odd width.

    Source: Su et al. 2021, eq. 14-16.
    Deviates: pairs coordinate k with k + d/2, not 2k with 2k+1: the same up to a fixed
        permutation of the coordinates.
    """

    def __init__(self, base: float = 10000.0) -> None:
        super().__init__()
        self.base = base

    def rotate(self, heads: Tensor, start: int) -> Tensor:
        return rotate_pairs(heads, start, self.base)


def rotate_pairs(heads: Tensor, start: int, base: float) -> Tensor:
    """Rotate (..., n, d) by the positions start, start + 1, ...; see `Rotary`."""
    n, width = heads.shape[-2:]
    if width % 2:
        raise DomainError(f"Rotary: heads must have an even width; got {width}.")
    half = width // 2
    angles = position_angles(n, start, half, width, base, heads.device)
    cosine, sine = angles.cos().to(heads.dtype), angles.sin().to(heads.dtype)
    first, second = heads[..., :half], heads[..., half:]
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)
