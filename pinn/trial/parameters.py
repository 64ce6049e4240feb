"""Parameters of a problem: known numbers, and unknowns that are trained with the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from pinn.problem.parts import Unknown


class Coefficients(nn.Module):
    """Unknown parameters as size * (a trained number).

    An optimiser damps all numbers alike, so each unknown is measured in its own size.

    Args:
        unknown: size and start of each, by name.
    """

    def __init__(self, unknown: Mapping[str, Unknown]) -> None:
        super().__init__()
        self.sizes = {name: given.size for name, given in unknown.items()}
        scaled = [given.start / given.size for given in unknown.values()]
        self.scaled = nn.Parameter(torch.tensor(scaled, dtype=torch.float64))

    def values(self) -> dict[str, float]:
        """The present values of the unknowns."""
        return {
            name: size * value
            for (name, size), value in zip(self.sizes.items(), self.scaled.tolist(), strict=True)
        }

    def write(self, values: Mapping[str, float]) -> None:
        """Replaces the unknowns."""
        with torch.no_grad():
            for place, (name, size) in enumerate(self.sizes.items()):
                self.scaled[place] = values[name] / size


class Parameters(Mapping[str, Any]):
    """Parameters by name; unknown ones are tensors that carry gradients, computed at each look.

    Args:
        known: numbers; those of unknown names are not used.
        unknown: what is trained; None if nothing is.
    """

    def __init__(self, known: Mapping[str, float], unknown: Coefficients | None = None) -> None:
        self._known, self.unknown = dict(known), unknown
        sizes = {} if unknown is None else unknown.sizes
        self._places = {name: place for place, name in enumerate(sizes)}

    def __getitem__(self, name: str) -> Any:
        if self.unknown is not None and name in self._places:
            return self.unknown.sizes[name] * self.unknown.scaled[self._places[name]]
        return self._known[name]

    def __setitem__(self, name: str, value: float) -> None:
        """Changes a known parameter, as a curriculum does."""
        self._known[name] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def found(self) -> dict[str, float]:
        """The present values of the unknown parameters."""
        return {} if self.unknown is None else self.unknown.values()

    def numbers(self) -> dict[str, float]:
        """All parameters as numbers."""
        return {**self._known, **self.found()}
