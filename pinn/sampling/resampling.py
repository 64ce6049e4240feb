"""Samplers of the literature, with equal weights: what they draw changes the objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pinn.sampling.samplers import Current, Sample, UniformSobol


class ResidualDensity:
    """RAD: of a pool of candidates, points drawn without replacement with probability ~ q.

    q = |r|^power / mean(|r|^power) + floor.

    Args:
        uniform: where the candidates come from.
        seed: of the draw among the candidates.
        power: k; larger crowds the points where the residual is largest.
        floor: c; larger spreads them.
        pool: candidates for each point drawn.

    Source: RAD, Wu, Zhu, Tan, Kartha, Lu 2023 (arXiv 2207.10289), eq. 2, algorithm 2; k = 1 and
        c = 1 are its defaults.
    """

    def __init__(
        self,
        uniform: UniformSobol,
        seed: int = 0,
        *,
        power: float = 1.0,
        floor: float = 1.0,
        pool: int = 4,
    ) -> None:
        self._uniform, self._pool = uniform, pool
        self._power, self._floor = power, floor
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, count: int, current: Current) -> Sample:
        """Equally weighted points, all different, from `pool * count` candidates."""
        candidates = self._uniform.draw(self._pool * count).points
        size = current.residual(candidates) ** self._power
        tiny = torch.finfo(size.dtype).tiny
        density = size / size.mean().clamp_min(tiny) + self._floor
        chosen = torch.multinomial(density, count, generator=self._generator)
        return _equal(candidates[chosen])

    def state(self) -> dict[str, Any]:
        """Positions of the Sobol sequence and of the random generator."""
        return {"uniform": self._uniform.state(), "generator": self._generator.get_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        self._uniform.restore(state["uniform"])
        self._generator.set_state(state["generator"])


class RetainResampleRelease:
    """R3: points whose residual exceeds the mean stay, all others are drawn anew.

    Points gather where the residual stays large, and are released as soon as it falls.

    Args:
        uniform: where new points come from.
        seed: not used, because nothing but the sequence is random.

    Source: R3, Daw, Bu, Wang, Perdikaris, Karpatne 2023 (arXiv 2207.02338), algorithm 1.
    """

    def __init__(self, uniform: UniformSobol, seed: int = 0) -> None:
        self._uniform = uniform
        self._kept = torch.zeros(0, uniform.region.dimension, dtype=uniform.dtype)
        self.retained = 0

    def draw(self, count: int, current: Current) -> Sample:
        """Equally weighted points; `retained` says how many of them were kept."""
        kept = self._kept[:0]
        if len(self._kept):
            size = current.residual(self._kept)
            kept = self._kept[size > size.mean()][:count]
        self.retained = len(kept)
        self._kept = torch.cat([kept, self._uniform.draw(count - len(kept)).points])
        return _equal(self._kept)

    def state(self) -> dict[str, Any]:
        """Position of the Sobol sequence and the present points."""
        return {"uniform": self._uniform.state(), "kept": self._kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from a state."""
        self._uniform.restore(state["uniform"])
        self._kept = state["kept"]


def _equal(points: Tensor) -> Sample:
    return Sample(points, torch.ones_like(points[:, 0]))
