"""Schemes that add something to each token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.attention.positions.base import Position
from sciformer.errors import DomainError


class LearnedAbsolute(Position):
    """One learned vector per position.

    x_i + p_i

    Args:
        width: width of the tokens.
        length: number of positions.

    Raises:
        DomainError: positions outside 0 .. length - 1.

    Source: Gehring et al. 2017, section 3.1; Devlin et al. 2019. Initialised as in the latter.
    """

    length: int

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        self.width = width
        self.length = length
        self.table = nn.Parameter(torch.randn(length, width) * 0.02)

    def tokens(self, tokens: Tensor, start: int) -> Tensor:
        stop, length = start + tokens.shape[-2], self.length
        if start < 0 or stop > length:
            raise DomainError(
                f"LearnedAbsolute: the table holds positions 0 to {length - 1}; got positions "
                f"{start} to {stop - 1}, so give a longer table."
            )
        return tokens + self.table[start:stop]


class Sinusoidal(Position):
    """Sines and cosines of geometrically spaced wavelengths.

    x_i + p_i,   p_i[2k] = sin(i base^(-2k/d)),   p_i[2k+1] = cos(i base^(-2k/d))

    Args:
        base: ratio between the longest and the shortest wavelength; > 1.

    Source: Vaswani et al. 2017, section 3.5.
    """

    def __init__(self, base: float = 10000.0) -> None:
        super().__init__()
        self.base = base

    def tokens(self, tokens: Tensor, start: int) -> Tensor:
        n, width = tokens.shape[-2:]
        angles = position_angles(n, start, (width + 1) // 2, width, self.base, tokens.device)
        waves = torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)[:, :width]
        return tokens + waves.to(tokens.dtype)


def position_angles(
    n: int, start: int, count: int, width: int, base: float, device: torch.device
) -> Tensor:
    """The angles i base^(-2k/width) of positions i = start .. start + n - 1, k = 0 .. count - 1.

    Returns:
        Shape (n, count), float64, because a float32 angle of position 10^5 is off by 0.004.
    """
    positions = torch.arange(start, start + n, dtype=torch.float64, device=device)
    powers = torch.arange(count, dtype=torch.float64, device=device) * (-2.0 / width)
    return positions[:, None] * base**powers
