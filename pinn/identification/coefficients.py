"""Parameters of a problem: known numbers, and unknowns that are trained with the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn


class Coefficients(nn.Module):
    """Unknown parameters as size * (a trained number).

    An optimiser damps all numbers alike, so each unknown is measured in its own size.

    Args:
        start: where each unknown starts.
        sizes: > 0, of the same unknowns.
    """

    def __init__(self, start: Mapping[str, float], sizes: Mapping[str, float]) -> None:
        super().__init__()
        self.sizes = dict(sizes)
        scaled = [start[name] / size for name, size in self.sizes.items()]
        self.scaled = nn.Parameter(torch.tensor(scaled, dtype=torch.float64))

    def values(self) -> dict[str, float]:
        """The unknowns as they stand."""
        return {
            name: size * value
            for (name, size), value in zip(self.sizes.items(), self.scaled.tolist(), strict=True)
        }


class LiveParameters(Mapping[str, Any]):
    """Parameters by name, unknown ones as tensors that carry gradients, computed at each look.

    Args:
        known: numbers; those of unknown names are not used.
        unknown: what is trained.
    """

    def __init__(self, known: Mapping[str, float], unknown: Coefficients) -> None:
        self._known, self._unknown = dict(known), unknown
        self._places = {name: place for place, name in enumerate(unknown.sizes)}

    def __getitem__(self, name: str) -> Any:
        if name in self._places:
            return self._unknown.sizes[name] * self._unknown.scaled[self._places[name]]
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
