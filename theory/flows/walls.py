"""Heat between cold walls, which no relative position can represent, and one gain can."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sciformer.errors import DomainError
from theory.flows.ends import Line, Walls
from theory.flows.heads import KernelAttention, LeakyAttention
from theory.flows.linear_flow import heat_head


def cold_profile(places: NDArray[np.float64], length: float, time: float) -> NDArray[np.float64]:
    """Temperature with diffusivity 1 from the constant start 1 between walls at 0.

    u(x, t) = sum_{k odd} 4 / (pi k) sin(pi k x / L) exp(-(pi k / L)^2 t)

    Args:
        places: in [0, L].
        length: L > 0.
        time: diffusivity times time, > 0.

    Accuracy: the series is cut where its terms fall below 1e-17.

    Raises:
        DomainError: time <= 0.
    """
    if not time > 0:
        raise DomainError(f"cold_profile: time must be > 0; got {time:g}.")
    last = 2 + int(length / math.pi * math.sqrt(40 / time))
    k = np.arange(1, last + 2, 2)
    factors = 4 / (math.pi * k) * np.exp(-((math.pi * k / length) ** 2) * time)
    return np.asarray(np.sin(math.pi * k * places[:, None] / length) @ factors)


def blind_error(profile: NDArray[np.float64]) -> float:
    """The least sup error of every RPE Transformer that starts from a constant.

    (max - min) / 2: a Transformer with relative positions maps constant tokens to constant tokens,
    at any depth and width (the lemma of the URPE paper), so one number stands against the whole
    profile. The middle attains it.

    Source: Luo et al. 2022, lemma 1; that it forbids cold walls is our own remark.
    """
    return float(profile.max() - profile.min()) / 2


class KilledWalk(nn.Module):
    """Absorbing walls by layers of one URPE head: a walk that is killed outside the tokens.

    Tokens at x_i = i L / (n - 1), walls included. Each layer is the Gaussian kernel of a step,
    truncated: what would come from outside is missing, so rows leak.

    Args:
        tokens: n >= 2.
        length: L, distance of the walls.
        diffusivity: nu.
        time: of all layers together.
        depth: number of layers.

    Accuracy: order 1/2 in the step; a walk is killed only where a layer ends outside, so the walls
        seem farther by .5826 sqrt(2 nu h) (Chernoff 1965; Siegmund 1979).
    """

    def __init__(
        self, tokens: int, length: float, diffusivity: float, time: float, depth: int
    ) -> None:
        super().__init__()
        spacing, variance = length / (tokens - 1), 2 * diffusivity * time / depth
        offsets = torch.arange(1 - tokens, tokens, dtype=torch.float64) * spacing
        kernel = spacing * torch.exp(-(offsets**2) / (2 * variance))
        self.attention = LeakyAttention(kernel / math.sqrt(2 * math.pi * variance))
        self.depth = depth

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (..., n, 1) to the same shape."""
        for _ in range(self.depth):
            tokens = self.attention(tokens)
        return tokens


def cold_wall_head(tokens: int, length: float, diffusivity: float, time: float) -> KernelAttention:
    """The heat flow between cold walls exactly: one RPE head over tokens and their odd images."""
    return heat_head(Line(tokens, length, Walls(-1, -1)), diffusivity, time)
