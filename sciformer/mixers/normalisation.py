"""Batch normalisation of tokens, and the affine map it becomes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sciformer.errors import DataError


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of the last axis over all others, for (b, n, d) and (b, d) alike.

    Source: Ioffe and Szegedy 2015; torch's BatchNorm1d expects the channels in the second axis.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(..., d) -> (..., d)."""
        return super().forward(x.reshape(-1, x.shape[-1])).reshape(x.shape)

    def affine_map(self) -> tuple[Tensor, Tensor]:
        """Scale and shift, (d,) each, to which it amounts with its running statistics."""
        assert self.running_mean is not None
        assert self.running_var is not None
        scale = self.weight / torch.sqrt(self.running_var + self.eps)
        return scale, self.bias - self.running_mean * scale


class Standardise(nn.Module):
    """(x - mean) / deviation of every channel, by statistics of training data that are kept.

    A channel that is constant in the data is only centred.

    Args:
        channels: number d of channels.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))

    @torch.no_grad()
    def fit(self, tokens: Tensor) -> None:
        """Takes the statistics of tokens (N, d).

        Raises:
            DataError: a channel that varies by less than its precision can divide by.
        """
        exact = tokens.double()
        deviation = exact.std(0, correction=0)
        # What is left of a constant by rounding is no variation.
        constant = deviation <= torch.finfo(tokens.dtype).eps * exact.abs().amax(0)
        refuse_faint("channel", torch.where(constant, 1.0, deviation), tokens.dtype)
        self.mean.copy_(exact.mean(0))
        self.deviation.copy_(torch.where(constant, 1.0, deviation))

    def forward(self, x: Tensor) -> Tensor:
        """(..., d) -> (..., d)."""
        return (x - self.mean) / self.deviation

    def affine_map(self) -> tuple[Tensor, Tensor]:
        """Scale and shift, (d,) each."""
        return 1 / self.deviation, -self.mean / self.deviation


def refuse_faint(what: str, deviations: Tensor, dtype: torch.dtype) -> None:
    """Refuses what varies so little that dividing by it overflows.

    Raises:
        DataError: a deviation (d,) below the least normal number of the dtype.
    """
    faint = deviations < torch.finfo(dtype).tiny
    if bool(faint.any()):
        index = int(faint.nonzero()[0])
        raise DataError(
            f"train: {what} {index} varies by {float(deviations[index]):.3g}, too little for "
            "single precision; choose a smaller unit."
        )


class Affine(nn.Module):
    """scale * x + shift, channel by channel."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(scale.clone()), nn.Parameter(shift.clone())

    def forward(self, x: Tensor) -> Tensor:
        """(..., d) -> (..., d)."""
        return torch.addcmul(self.shift, x, self.scale)
