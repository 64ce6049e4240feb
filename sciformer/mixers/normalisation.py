"""Batch normalisation of tokens, and the affine map it becomes."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of the last axis over all others, for (b, n, d) and (b, d) alike.

    Source: Ioffe and Szegedy 2015; torch's BatchNorm1d wants the channels in the second axis.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(..., d) -> (..., d)."""
        return super().forward(x.reshape(-1, x.shape[-1])).reshape(x.shape)

    def affine_map(self) -> tuple[Tensor, Tensor]:
        """Scale and shift, (d,) each, that it is with its running statistics."""
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight / torch.sqrt(self.running_var + self.eps)
        return scale, self.bias - self.running_mean * scale


class Affine(nn.Module):
    """scale * x + shift, channel by channel."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(scale.clone()), nn.Parameter(shift.clone())

    def forward(self, x: Tensor) -> Tensor:
        """(..., d) -> (..., d)."""
        return torch.addcmul(self.shift, x, self.scale)
