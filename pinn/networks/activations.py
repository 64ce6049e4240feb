"""Activations with parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pinn.jets import wavelet


class Wavelet(nn.Module):
    """a sin(x) + b cos(x) with one learned pair (a, b), both 1 at the start.

    Source: PINNsFormer, Zhao, Ding, Prakash 2024 (arXiv 2307.11833), eq. 5.
    """

    elementwise = True  # units can be taken out on both sides of it

    def __init__(self) -> None:
        super().__init__()
        self.sine = nn.Parameter(torch.ones(1))
        self.cosine = nn.Parameter(torch.ones(1))

    def forward(self, x: Any) -> Any:
        """Elementwise, any shape."""
        return wavelet(x, self.sine, self.cosine)
